"""``phosphene audit``: read and check the audit log."""

from __future__ import annotations

import argparse
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.errors import InputError

__all__ = ["AUDIT"]


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print the log")
    verify = actions.add_parser("verify", help="check that nothing was altered or cut off")
    for sub in (show, verify):
        sub.add_argument("--log", type=Path, help="the log; default: that of this machine")
    show.add_argument("--run", help="only lines of this run")
    verify.add_argument("--public", type=Path, help="public key of the machine; default: beside "
                        "the log")  # fmt: skip
    verify.add_argument(
        "--head", action="append", default=[], metavar="N:HASH",
        help="head that a run told or a recording holds; may be repeated",
    )  # fmt: skip
    verify.add_argument("--second", type=Path, help="file of heads at a second place")


def _log(arguments: argparse.Namespace) -> Path:
    from phosphene.seal.places import LOG, state_folder

    path: Path = arguments.log or state_folder() / LOG
    if not path.is_file():
        raise InputError(f"audit log {path}: does not exist")
    return path


def _run(arguments: argparse.Namespace) -> int:
    path = _log(arguments)
    return _show(path, arguments.run) if arguments.action == "show" else _verify(path, arguments)


def _show(path: Path, run: str | None) -> int:
    import msgspec

    from phosphene.seal.audit import CHECKPOINT, Entry

    for line in path.read_bytes().splitlines():
        try:
            entry = msgspec.json.decode(line, type=Entry)
        except (msgspec.DecodeError, UnicodeDecodeError):
            print("a line that cannot be read")
            continue
        if entry.what != CHECKPOINT and run in (None, entry.facts.get("run")):
            facts = ", ".join(f"{k} {v}" for k, v in entry.facts.items())
            print(f"{entry.n:>6}  {entry.at}  {entry.what}  {facts}")
    return 0


def _verify(path: Path, arguments: argparse.Namespace) -> int:
    from phosphene.seal.audit import read_head, read_heads, troubles_in
    from phosphene.seal.places import PUBLIC, machine_public

    heads = [read_head(text) for text in arguments.head]
    heads += read_heads(arguments.second) if arguments.second else []
    public = machine_public(arguments.public or path.with_name(PUBLIC))
    lines = path.read_bytes().splitlines(keepends=True)
    troubles = troubles_in(lines, public, heads)
    for trouble in troubles:
        print(f"{path}: {trouble}")
    if not troubles:
        elsewhere = f" and {len(heads)} heads known elsewhere" if heads else (
            "; that its end was not cut off only a head known elsewhere shows: --head, --second"
        )  # fmt: skip
        print(f"{path}: {len(lines)} lines, in order and signed{elsewhere}")
    return 1 if troubles else 0


AUDIT = CliCommand("audit", "read and check the audit log", _configure, _run)
