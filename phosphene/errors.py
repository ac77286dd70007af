"""Every error that Phosphene raises on purpose.

The tree::

    PhospheneError
    ├── ConfigError        a session file, option or environment is wrong
    ├── InputError         a file or stream cannot be used (names the file and the cause)
    │   └── TruncatedError     the file ends before its data does
    ├── BundleError        a fitted decoder does not belong here
    ├── ConsentError       consent is missing, expired or for somebody else
    ├── MessageError       bytes on the bus are not what their header says
    ├── RecordingError     a recording cannot be written or read
    │   └── SealError          a seal cannot be opened, or was broken
    ├── NodeError          a node did not start, answer or stop in time
    │   └── ToldError          a process failed and has told why itself
    └── CausalityError     something later than the present was used
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BundleError",
    "CausalityError",
    "ConfigError",
    "ConsentError",
    "InputError",
    "MessageError",
    "NodeError",
    "PhospheneError",
    "RecordingError",
    "SealError",
    "ToldError",
    "TruncatedError",
    "check_all",
    "problem",
]


class PhospheneError(Exception):
    """Base of all errors that Phosphene raises on purpose."""


class ConfigError(PhospheneError):
    """A session file, an option or the environment is wrong."""


class InputError(PhospheneError):
    """A file or a stream cannot be used; the message names it and the cause."""


class TruncatedError(InputError):
    """A file ends before its data does."""


class BundleError(PhospheneError):
    """A fitted decoder does not belong to this person, mask or target space."""


class ConsentError(PhospheneError):
    """Consent is missing, expired or for somebody else."""


class MessageError(PhospheneError):
    """Bytes on the bus are not what their header says."""


class RecordingError(PhospheneError):
    """A recording cannot be written or read."""


class SealError(RecordingError):
    """A sealed recording or a key cannot be opened, or was altered."""


class NodeError(PhospheneError):
    """A node did not start, answer or stop in time."""


class ToldError(NodeError):
    """A process failed and has told why on standard error; nothing is to be added."""


class CausalityError(PhospheneError):
    """Something later than the present was used."""


def problem(argument: str, value: object, allowed: str, cure: str) -> str:
    """Word one problem the way every Phosphene message is worded.

    Parameters
    ----------
    argument : str
        Name of the argument, option or path of the setting.
    value : object
        What was given.
    allowed : str
        What would have been accepted.
    cure : str
        What the reader can do about it.

    Returns
    -------
    str
        One line.
    """
    return f"{argument}: got {value!r}; allowed: {allowed}. {cure}"


def check_all(problems: Sequence[str], kind: type[PhospheneError], what: str) -> None:
    """Raise one error that lists every problem; do nothing when there is none.

    Parameters
    ----------
    problems : Sequence of str
        Lines made by `problem`.
    kind : type
        Class of the error.
    what : str
        What was being checked, for the first line.

    Raises
    ------
    PhospheneError
        Of the given kind, with all problems.
    """
    if problems:
        lines = "\n".join(f"  - {p}" for p in problems)
        raise kind(f"{what}: {len(problems)} problem(s)\n{lines}")
