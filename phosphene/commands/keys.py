"""``phosphene keys``: a data steward's pair of keys."""

from __future__ import annotations

import argparse
import re
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from phosphene.commands.base import CliCommand
from phosphene.coredumps import no_core_dumps
from phosphene.errors import ConfigError, InputError, problem

if TYPE_CHECKING:
    from phosphene.seal.keys import StewardKey

__all__ = ["KEYS", "add_key_options", "steward_key", "unlocking"]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def add_key_options(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add what a command needs to open sealed recordings."""
    parser.add_argument("--key", type=Path, required=required, metavar="FILE",
                        help="private key of the data steward, for sealed recordings")  # fmt: skip
    parser.add_argument("--passphrase-fd", type=int, metavar="N", help="file descriptor that its "
                        "passphrase is read from; default: PHOSPHENE_PASSPHRASE, else it is "
                        "asked for")  # fmt: skip


def steward_key(arguments: argparse.Namespace) -> StewardKey | None:
    """Return the private key that was named, opened; None where none was."""
    from phosphene.seal.keys import StewardKey
    from phosphene.seal.passphrase import passphrase

    if arguments.key is None:
        return None
    no_core_dumps()
    if not arguments.key.is_file():
        raise InputError(f"key {arguments.key}: does not exist")
    StewardKey.check(arguments.key)
    return StewardKey.load(arguments.key, passphrase(arguments.key.name, arguments.passphrase_fd))


def unlocking(
    arguments: argparse.Namespace, where: Path, *more: Path | None
) -> AbstractContextManager[None]:
    """Return a context in which the sealed recordings of a file or folder can be read.

    Sealed files in `more`, such as a bundle, are unlocked by the same key.
    """
    from phosphene.recorder.names import recordings_in
    from phosphene.seal.opening import unlocked

    paths = recordings_in(where) if where.is_dir() else [where]
    paths += [path for path in more if path is not None]
    return unlocked(paths, steward_key(arguments))


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a pair of keys")
    new.add_argument("steward", help="name of the files: letters, digits, - and _")
    new.add_argument("--out", type=Path, default=Path(), help="folder for both files")
    new.add_argument("--passphrase-fd", type=int, metavar="N", help="file descriptor that the "
                     "passphrase is read from; default: PHOSPHENE_PASSPHRASE, else it is "
                     "asked for")  # fmt: skip
    new.add_argument("--signing", action="store_true", help="a pair that signs consents, instead "
                     "of one that recordings are sealed to")  # fmt: skip
    new.add_argument("--network", action="store_true", help="a pair for a machine or an observer "
                     "of a run on several machines; has no passphrase")  # fmt: skip
    show = actions.add_parser("show", help="tell the fingerprint of a key")
    show.add_argument("file", type=Path, help="private or public key")


def _run(arguments: argparse.Namespace) -> int:
    from phosphene.seal.keys import SigningKey, StewardKey, fingerprint, public_part
    from phosphene.seal.passphrase import passphrase

    if arguments.action == "show":
        print(fingerprint(public_part(arguments.file)))
        return 0
    name = arguments.steward
    if not _NAME.fullmatch(name):
        raise ConfigError(problem("STEWARD", name, "letters, digits, - and _", "Shorten it."))
    if arguments.network:
        return _new_network(arguments)
    private, public = arguments.out / f"{name}.key", arguments.out / f"{name}.pub"
    no_core_dumps()
    key = SigningKey.new() if arguments.signing else StewardKey.new()
    key.save(private, public, passphrase(private.name, arguments.passphrase_fd, new=True))
    place = "consent.trusted_keys" if arguments.signing else "recorder.seal"
    print(f"private key: {private} (keep it away from the console, with a copy in a safe place)")
    print(f"public key:  {public} ({place} of the session file)")
    print(f"fingerprint: {fingerprint(key.public)}")
    if not arguments.signing:
        print("without private key and passphrase nobody, you included, opens what is sealed to it")
    return 0


def _new_network(arguments: argparse.Namespace) -> int:
    from phosphene.network.keys import new_network_key

    if arguments.signing:
        raise ConfigError(problem("--network", "with --signing", "one of both", "Make two pairs."))
    name = arguments.steward
    private, public = arguments.out / f"{name}.network", arguments.out / f"{name}.network.pub"
    key = new_network_key(private, public)
    print(f"private key: {private} (stays on this machine; only its owner may read it)")
    print(f"public key:  {public} (key of this machine or observer in [network] elsewhere)")
    print(f"compare when it has travelled: {key.public}")
    return 0


KEYS = CliCommand(
    "keys",
    "make or show a pair of keys: a data steward's, one that signs consents, or a machine's",
    _configure,
    _run,
)
