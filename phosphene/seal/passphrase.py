"""Where a passphrase comes from: a file descriptor, the environment or a person; never argv."""

from __future__ import annotations

import getpass
import os
import sys

from phosphene.errors import ConfigError, problem

__all__ = ["VARIABLE", "passphrase"]

VARIABLE = "PHOSPHENE_PASSPHRASE"
_MOST_BYTES = 4096


def passphrase(what: str, descriptor: int | None = None, *, new: bool = False) -> str:
    """Return a passphrase.

    Parameters
    ----------
    what : str
        What it is for, as the prompt says it.
    descriptor : int or None
        Open file descriptor to read its first line from; otherwise the variable
        ``PHOSPHENE_PASSPHRASE`` counts, and without that a person is asked.
    new : bool
        True asks a person twice.

    Raises
    ------
    ConfigError
        If there is none, or the two differ.
    """
    if descriptor is not None:
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.readline(_MOST_BYTES).decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                problem("--passphrase-fd", descriptor, "an open descriptor of text", str(error))
            ) from error
    if VARIABLE in os.environ:
        return os.environ[VARIABLE]
    if not sys.stdin.isatty():
        raise ConfigError(
            f"no passphrase for {what}: use --passphrase-fd, set {VARIABLE}, "
            "or call from a terminal"
        )
    asked = getpass.getpass(f"passphrase for {what}: ")
    if new and getpass.getpass("the same again: ") != asked:
        raise ConfigError("the two passphrases differ; nothing was made")
    return asked
