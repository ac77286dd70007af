"""Options that say what a source of trials holds; shared by the commands and the decoder's shell.

A source of trials is one file that is already cut: pairs of responses and stimuli (.npz, .mat) or
epochs of EEG (.npz, -epo.fif, .set). Everything else is a recording.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phosphene.errors import ConfigError, problem

__all__ = [
    "KEY_OPTIONS",
    "add_array_options",
    "array_arguments",
    "arrays_of",
    "is_trials_file",
    "shape_of",
]

KEY_OPTIONS = {
    "responses": "trials x voxels (or voxels x trials)",
    "stimuli": "pictures, clips or vectors, one for each trial; or a folder of picture files",
    "labels-key": "category of each trial",
    "runs-key": "run of each trial",
    "sessions-key": "session of each trial",
    "stimulus-ids": "name of each trial's stimulus; default: told by its content",
    "voxel-ids": "number or name of each voxel",
    "epochs": "EEG (epochs, channels, times)",
    "times": "seconds of each sample from the event (EEG)",
    "channels": "names of channels (EEG)",
}
"""Option without its dashes, and what the array holds."""

_TESTED = ("responses", "stimuli", "labels-key", "runs-key", "sessions-key", "stimulus-ids")
_EPOCH_ENDINGS = ("-epo.fif", "_epo.fif", "-epo.fif.gz", "_epo.fif.gz")


def add_array_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that name arrays and lay out pictures."""
    group = parser.add_argument_group(
        "trials", "Names of arrays in a .npz or .mat file; one that is called like its option "
        "(labels, runs and so on without -key) need not be named."
    )  # fmt: skip
    for option, what in KEY_OPTIONS.items():
        group.add_argument(f"--{option}", metavar="KEY", help=what)
    for option in _TESTED:
        group.add_argument(f"--test-{option}", metavar="KEY", help="the same of the test trials")
    group.add_argument(
        "--picture-order", choices=("row", "column"), default="row",
        help="pixels follow each other row by row, or (MATLAB) column by column",
    )  # fmt: skip
    group.add_argument(
        "--picture-shape", type=shape_of, metavar="H,W[,3]",
        help="of pictures that are stored flat; default: a square",
    )  # fmt: skip
    group.add_argument(
        "--stimuli-are", choices=("pictures", "vectors"), default="pictures",
        help="vectors are decoded as they are",
    )  # fmt: skip


def array_arguments(arguments: argparse.Namespace) -> list[str]:
    """Return the same options for another command line."""
    found = []
    for option in (*KEY_OPTIONS, *(f"test-{name}" for name in _TESTED)):
        value = getattr(arguments, option.replace("-", "_"))
        found += [f"--{option}", value] if value else []
    found += ["--picture-order", arguments.picture_order, "--stimuli-are", arguments.stimuli_are]
    if arguments.picture_shape:
        found += ["--picture-shape", ",".join(map(str, arguments.picture_shape))]
    return found


def arrays_of(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the array of each role: ``{"responses": "fmriTrn", "test_labels": ...}``."""
    found = {}
    for option in (*KEY_OPTIONS, *(f"test-{name}" for name in _TESTED)):
        value = getattr(arguments, option.replace("-", "_"))
        if value:
            found[option.removesuffix("-key").replace("-", "_")] = value
    return found


def shape_of(text: str) -> tuple[int, ...]:
    """Read ``28,28`` or ``64,48,3``."""
    parts = tuple(int(part) for part in text.replace("x", ",").split(","))
    if len(parts) not in (2, 3) or min(parts) < 1 or parts[2:] not in ((), (3,)):
        raise argparse.ArgumentTypeError(f"{text}: not H,W or H,W,3")
    return parts


def is_trials_file(sources: Sequence[Path]) -> bool:
    """Tell whether a source is one file that is already cut into trials or epochs.

    Raises
    ------
    ConfigError
        If there are several and one of them is such a file.
    """
    cut = [path for path in sources if _is_cut(path)]
    if cut and len(sources) > 1:
        raise ConfigError(
            problem("SOURCE", ", ".join(map(str, sources)), "one file of trials, or recordings",
                    "Put all trials into one file, with an array of their runs.")
        )  # fmt: skip
    return bool(cut)


def _is_cut(path: Path) -> bool:
    if not path.is_file():
        return False
    name = path.name.lower()
    if name.endswith((".npz", ".mat")) or name.endswith(_EPOCH_ENDINGS):
        return True
    return name.endswith(".set") and _trials_of(path) > 1


def _trials_of(path: Path) -> int:
    """Return how many trials an EEGLAB file says that it has; 1 where it cannot be told."""
    # imported here: it would be a quarter of a second of every command
    import scipy.io

    try:
        held: Any = scipy.io.loadmat(path, variable_names=["EEG", "trials"], squeeze_me=True)
        return int(held["EEG"]["trials"] if "EEG" in held else held["trials"])
    except Exception:  # scipy tells of damage by many kinds of error; the reader will tell why
        return 1
