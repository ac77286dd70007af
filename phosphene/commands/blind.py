"""``phosphene blind``: draw sealed assignments for a double-blind study."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.errors import ConfigError, problem

__all__ = ["BLIND"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    key = actions.add_parser("console", help="write this console's public key for assignments")
    key.add_argument("--out", type=Path, required=True, help="file to write")
    draw = actions.add_parser("allocate", help="draw one sealed assignment for each person")
    draw.add_argument("--study", required=True, help="name of the study")
    draw.add_argument("--persons", required=True, help="pseudonyms in order of enrolment, with "
                      "commas between them")  # fmt: skip
    draw.add_argument("--block", type=int, default=4, help="arms are balanced after so many")
    draw.add_argument("--console", type=Path, required=True, help="public key of the console")
    draw.add_argument("--steward", type=Path, action="append", required=True,
                      help="public key of a steward who can unblind; may be repeated")  # fmt: skip
    draw.add_argument("--out", type=Path, required=True, help="folder for the assignments")


def _run(arguments: argparse.Namespace) -> int:
    return _console(arguments.out) if arguments.action == "console" else _allocate(arguments)


def _console(out: Path) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from phosphene.feedback.blinding import console_key
    from phosphene.seal.keys import fingerprint
    from phosphene.seal.places import state_folder

    public = console_key(state_folder()).public_key()
    try:
        with out.open("xb") as file:
            file.write(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    print(f"{out}: key {fingerprint(public.public_bytes_raw())} of this console")
    return 0


def _allocate(arguments: argparse.Namespace) -> int:
    from phosphene.feedback.blinding import allocate, save_assignment, seal_arm
    from phosphene.seal.keys import load_public
    from phosphene.seal.places import note

    persons = [name.strip() for name in arguments.persons.split(",") if name.strip()]
    for name in (*persons, arguments.study):
        if not _NAME.fullmatch(name):
            allowed = "letters, digits, - and _, 64 at most"
            raise ConfigError(problem("name", name, allowed, "Choose another."))
    console = load_public(arguments.console)
    stewards = [load_public(path) for path in arguments.steward]
    paths = [arguments.out / f"{arguments.study}-{name}.blind" for name in persons]
    if taken := [str(path) for path in paths if path.exists()]:
        raise ConfigError(f"{', '.join(taken)}: exist already and are never overwritten")
    arms = allocate(persons, arguments.block)
    arguments.out.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path, name, arm in zip(paths, persons, arms, strict=True):
        sealed = seal_arm(arm, arguments.study, name, console, stewards)
        save_assignment(sealed, path)
        print(f"{path}: sealed, SHA-256 {sealed.sha256}")
        if why := note("assigned", study=arguments.study, assignment=sealed.id,
                       sha256=sealed.sha256):  # fmt: skip
            print(why)
    return 0


BLIND = CliCommand("blind", "draw sealed assignments for a double-blind study", _configure, _run)
