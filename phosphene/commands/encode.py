"""``phosphene encode``: which features of what was seen predict which voxel."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.commands.fit import person_in, run_module
from phosphene.commands.source import add_array_options, array_arguments, is_trials_file
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = ["ENCODE"]

_LEVELS = "0,0.25,0.5,0.75,1"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="+", help="recordings, or one file of trials, "
                        "as for phosphene fit")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="new folder of the report")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--folds", type=int, help="hold out one of this many folds at a time, by "
                     "stimulus (trials) or by run (recordings)")  # fmt: skip
    how.add_argument("--split", help="what is held out: auto, given, leave-one-run-out, "
                     "10-fold-by-stimulus, 5-fold-by-run+stimulus ...")  # fmt: skip
    parser.add_argument("--space", help="target space of z and c, as for phosphene fit")
    parser.add_argument("--regions", nargs="+", default=[], metavar="NAME=MASK", help="regions of "
                        "interest: image, FILE:3+17 of an atlas, .npy, array's name")  # fmt: skip
    parser.add_argument("--permutations", type=int, default=1000, help="of stimuli, or of blocks "
                        "of time")  # fmt: skip
    parser.add_argument("--components", type=int, default=50, help="principal components that "
                        "each set of features is reduced to at the most")  # fmt: skip
    parser.add_argument("--fdr", type=float, default=0.05, help="accepted false discovery rate")
    parser.add_argument("--noise-levels", default=_LEVELS, metavar="T,T,...", help="of zc, 0 to 1; "
                        "empty leaves zc and the generator out")  # fmt: skip
    parser.add_argument("--layers", metavar="NAME,NAME", help="blocks of the generator; default: "
                        "all of them")  # fmt: skip
    parser.add_argument("--steps", type=int, default=4, help="denoising steps of the generator")
    parser.add_argument("--strength", type=float, default=0.8, help="noise level at which the "
                        "generator's blocks are looked into")  # fmt: skip
    _configure_source(parser)
    add_array_options(parser)


def _configure_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", help="pseudonym; recordings of our own know it")
    parser.add_argument("--runs", help="runs to use, for instance 1-11 or 1,3,5")
    parser.add_argument("--labels", default="", help="rename markers, for instance 1=house,2=face")
    parser.add_argument("--events", type=Path, help="BIDS events.tsv; default: one beside it")
    parser.add_argument("--memory", type=float, default=8.0, metavar="GIB",
                        help="refuse what would take more")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of folds, noise and every draw")


def _run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    trials = is_trials_file(arguments.source)
    with tempfile.TemporaryDirectory(prefix="phosphene-encode-") as name:
        folder = Path(name)
        source = arguments.source[0] if trials else _prepared(arguments, folder)
        loading = _loading(arguments, trials)
        seen, made = folder / "seen.npz", folder / "features.npz"
        if arguments.noise_levels:
            run_module("decoder.encoding.seen", [str(source), "--out", str(seen), *loading])
        if seen.exists():
            run_module("renderer.features", [str(seen), "--out", str(made), *_making(arguments)])
        options = ["--out", str(arguments.out), *loading]
        options += ["--features", str(made)] if made.exists() else []
        options += ["--regions", ",".join(arguments.regions)] if arguments.regions else []
        for option in ("permutations", "components", "fdr"):
            options += [f"--{option}", str(getattr(arguments, option))]
        run_module("decoder.encoding", [str(source), *options])
    return 0


def _check(arguments: argparse.Namespace) -> None:
    found = [
        problem("SOURCE", str(path), "a recording that exists", "Correct the path.")
        for path in arguments.source
        if not path.exists()
    ]
    check_all(found, InputError, "encode")
    out = arguments.out
    wrong = []
    if out.exists() and any(out.iterdir() if out.is_dir() else [1]):
        wrong.append(problem("--out", str(out), "a new folder", "Remove it or choose another."))
    if arguments.folds is not None and arguments.folds < 2:
        wrong.append(problem("--folds", arguments.folds, "2 or more", "Use 10."))
    check_all(wrong, ConfigError, "encode")


def _making(arguments: argparse.Namespace) -> list[str]:
    """Return the options of what the generator makes."""
    options = ["--levels", arguments.noise_levels, "--steps", str(arguments.steps)]
    options += ["--strength", str(arguments.strength), "--seed", str(arguments.seed)]
    return options + (["--layers", arguments.layers] if arguments.layers else [])


def _loading(arguments: argparse.Namespace, trials: bool) -> list[str]:
    """Return the options that say how a source is read and split."""
    options = ["--memory", str(arguments.memory), "--seed", str(arguments.seed)]
    options += ["--space", arguments.space] if arguments.space else []
    rule = arguments.split
    if arguments.folds is not None:
        rule = f"{arguments.folds}-fold-by-{'stimulus' if trials else 'run'}"
    options += ["--split", rule] if rule else []
    if not trials:
        return options
    for name in ("person", "runs", "labels"):
        value = getattr(arguments, name)
        options += [f"--{name}", value] if value else []
    return options + array_arguments(arguments)


def _prepared(arguments: argparse.Namespace, folder: Path) -> Path:
    """Clean recordings."""
    prepared = folder / "prepared.npz"
    person = person_in(arguments.person, arguments.source)
    command = [*map(str, arguments.source), "--person", person, "--out", str(prepared)]
    command += ["--runs", arguments.runs] if arguments.runs else []
    command += ["--labels", arguments.labels] if arguments.labels else []
    command += ["--events", str(arguments.events)] if arguments.events else []
    run_module("acquisition.prepare", command)
    return prepared


ENCODE = CliCommand(
    "encode", "measure which features of what was seen predict which voxel", _configure, _run
)
