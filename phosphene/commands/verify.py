"""``phosphene verify``: whether a recording is whole and unaltered."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, steward_key
from phosphene.errors import InputError

if TYPE_CHECKING:
    from phosphene.seal.header import Header
    from phosphene.seal.keys import StewardKey
    from phosphene.seal.verify import Verdict

__all__ = ["VERIFY", "sealed_words"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="recording, sealed or not, or its folder")
    add_key_options(parser)
    parser.add_argument(
        "--audit", type=Path, metavar="LOG",
        help="audit log that must know the sealed recordings; default: this machine's, if it does",
    )  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.names import number_of
    from phosphene.seal.opening import is_sealed

    where: Path = arguments.recording
    # All of them: a file put beside another must not hide it.
    inside = sorted(where.iterdir()) if where.is_dir() else []
    paths = [path for path in inside if number_of(path) is not None] or [where]
    if where.is_dir() and paths == [where]:
        raise InputError(f"{where}: holds no recording")
    if not where.exists():
        raise InputError(f"{where}: does not exist")
    key = steward_key(arguments)
    known = _known(arguments.audit)
    good = True
    for path in paths:
        if is_sealed(path):
            good = _sealed(path, key, known, must=arguments.audit is not None) and good
        else:
            good = _ordinary(path) and good
    return 0 if good else 1


def _known(log: Path | None) -> dict[str, str]:
    """Return the header's hash of each recording that an audit log tells of, by its id."""
    import msgspec

    from phosphene.seal.audit import Entry
    from phosphene.seal.places import LOG, state_folder

    path = log or state_folder() / LOG
    if not path.is_file():
        if log is not None:
            raise InputError(f"audit log {log}: does not exist")
        return {}
    found: dict[str, str] = {}
    for line in path.read_bytes().splitlines():
        try:
            facts = msgspec.json.decode(line, type=Entry).facts
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # "phosphene audit verify" tells of it
        if "recording" in facts and "header" in facts:
            # The first line counts: one that is appended later takes nothing back.
            found.setdefault(facts["recording"], facts["header"])
    return found


def _sealed(path: Path, key: StewardKey | None, known: dict[str, str], *, must: bool) -> bool:
    from phosphene.recorder.names import is_unfinished
    from phosphene.seal.verify import State, verify_sealed

    found = verify_sealed(path, key)
    print(f"{path}: {found.state}")
    if found.header is not None:
        for line in sealed_words(found.header):
            print(f"  {line}")
        checked = "signatures and tags" if found.opened else "signatures"
        print(f"  {checked} of {found.chunks} chunks are good, {found.plain} bytes inside")
        if found.left:
            print(f"  {found.left} bytes behind them are of no use")
    for trouble in found.troubles:
        print(f"  {trouble}")
    if found.state is State.CUT and is_unfinished(path):
        print("  its end marker is missing: phosphene recover --key repairs it")
    elif found.state is State.CUT:
        print(
            "  its end marker is missing, which it had when it got this name: it was cut off later"
        )
    return _in_log(found, known, must=must) and found.state is State.WHOLE


def _in_log(found: Verdict, known: dict[str, str], *, must: bool) -> bool:
    if found.header is None:
        return False
    told = known.get(found.header.core.id)
    if told is None:
        said = "the audit log does not know it: it was made elsewhere, or put in its place"
        print(f"  {said}" + ("" if must else ", or the log is another one"))
        return not must
    same = told == found.header.digest.hex()
    print(f"  the audit log knows it{'' if same else ' with ANOTHER header'}")
    return same


def sealed_words(header: Header) -> list[str]:
    """Say what the header of a sealed recording tells everybody."""
    core = header.core
    until = f"to be erased after {core.keep_until}" if core.keep_until else "kept without limit"
    return [
        f"run {core.run}, part {core.part}, begun {core.made}, {until}",
        f"sealed to {', '.join(header.fingerprints)}",
    ]


def _ordinary(path: Path) -> bool:
    from phosphene.recorder.reader import RecordingReader

    reader = RecordingReader(path, pictures=False)
    count = sum(1 for _ in reader)
    state = reader.ending.damage or ("complete" if reader.ending.complete else "cut off")
    print(f"{path}: {state}, {count} messages; not sealed: checksums find accidents, not intent")
    return reader.ending.complete


VERIFY = CliCommand("verify", "check that a recording is whole and unaltered", _configure, _run)
