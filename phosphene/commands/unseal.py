"""``phosphene unseal``: an ordinary recording of a sealed one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, steward_key
from phosphene.errors import ConfigError, InputError

if TYPE_CHECKING:
    from phosphene.seal.keys import StewardKey

__all__ = ["UNSEAL"]

_BLOCK = 2**20


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="sealed recording, or its folder")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ordinary recording")
    add_key_options(parser, required=True)


def _run(arguments: argparse.Namespace) -> int:
    try:
        return _unseal_all(arguments)
    except OSError as error:
        raise InputError(f"{error.filename or arguments.out}: {error.strerror}") from error


def _unseal_all(arguments: argparse.Namespace) -> int:
    from phosphene.recorder.names import recordings_in
    from phosphene.seal.opening import is_sealed

    where: Path = arguments.recording
    if not where.exists():
        raise InputError(f"{where}: does not exist")
    paths = [p for p in (recordings_in(where) if where.is_dir() else [where]) if is_sealed(p)]
    if not paths:
        raise InputError(f"{where}: holds no sealed recording")
    targets = [(path, _target(path, arguments.out)) for path in paths]
    for _, target in targets:
        if target.exists():
            raise ConfigError(f"{target}: exists already and is never overwritten; choose --out")
    key = steward_key(arguments)
    if key is None:
        raise ConfigError("--key: the steward's private key is needed")
    arguments.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    return max(_unseal(path, target, key) for path, target in targets)


def _target(path: Path, out: Path) -> Path:
    from phosphene.recorder.names import FINISHED, UNFINISHED, is_unfinished

    stem = path.name.split(FINISHED)[0]
    return out / (stem + FINISHED + (UNFINISHED if is_unfinished(path) else ""))


def _unseal(path: Path, target: Path, key: StewardKey) -> int:
    from phosphene.recorder.names import UNFINISHED
    from phosphene.seal.erase import sync_folder
    from phosphene.seal.keys import fingerprint
    from phosphene.seal.places import note
    from phosphene.seal.verify import State, verify_sealed

    found = verify_sealed(path, key)
    if found.header is None or found.state is State.ERASED:
        print(f"{path}: {found.state}; {'; '.join(found.troubles) or 'nobody can open it'}")
        return 1
    whole = found.state is State.WHOLE
    final = target.with_name(target.name.removesuffix(UNFINISHED))
    target = final.with_name(final.name + UNFINISHED)
    for name in (final, target):
        if name.exists():
            raise ConfigError(f"{name}: exists already and is never overwritten; choose --out")
    if why := note("unsealed", run=found.header.core.run, part=str(found.header.core.part),
                   recording=found.header.core.id, key=fingerprint(key.public)):  # fmt: skip
        print(why)
    _copy(path, target, found.header.open(key), found.plain)
    if whole:
        target = target.rename(final)
    sync_folder(target.parent)
    print(f"{path}: {found.state}, {found.plain} bytes unsealed to {target}")
    for trouble in found.troubles:
        print(f"  {trouble}")
    if not whole:
        print(f"  only what stands before that; make it complete with: phosphene recover {target}")
    return 0 if whole or not found.troubles else 1


def _copy(path: Path, target: Path, content_key: bytes, plain: int) -> None:
    """Write the plaintext and wait until the disk has it; what fails leaves nothing behind.

    Raises
    ------
    PhospheneError
        If it cannot be read or written whole.
    """
    from phosphene.seal.opening import open_sealed

    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out, open_sealed(path, content_key) as source:
            while plain:
                block = source.read(min(_BLOCK, plain))
                if not block:
                    raise InputError(f"{path}: became shorter while it was read; call again")
                out.write(block)
                plain -= len(block)
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        target.unlink()
        raise InputError(
            f"{path}: cannot be unsealed to {target} ({error.strerror}); nothing was left there: "
            "make room, or choose another --out"
        ) from error
    except BaseException:
        target.unlink()
        raise


UNSEAL = CliCommand("unseal", "make an ordinary recording of a sealed one", _configure, _run)
