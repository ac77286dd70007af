"""``phosphene fit``: recordings in, a person's fitted decoder out."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from phosphene.bundle import Bundle
from phosphene.commands.base import CliCommand
from phosphene.commands.replay import own_start
from phosphene.commands.source import add_array_options, array_arguments, is_trials_file
from phosphene.errors import ConfigError, InputError, NodeError, ToldError, check_all, problem
from phosphene.progress import tell_step
from phosphene.seal.bundles import SEALED_BUNDLE, seal_bundle
from phosphene.seal.keys import load_public

__all__ = ["FIT", "add_model_option", "person_in", "run_module"]

PREPARING = "reading and cleaning"
_UNNAMED = "p01"
# A folder of random name and mode 0700 is made in it.
_MEMORY = Path("/dev/shm")  # noqa: S108

END_TIMEOUT_S = 3.0
ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def run_module(module: str, arguments: Sequence[str]) -> None:
    """Run ``python -m module`` with its own progress display.

    Raises
    ------
    ToldError
        If it fails and has told why on standard error.
    NodeError
        If something else ended it.
    """
    # Many small matrices: threads that wait for each other cost far more than they give.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    # No signal may end this process between the birth of the child and the `try` that ends it too.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments], env=environment, preexec_fn=_hear_signals
    ) as process:
        try:
            _hear_signals()
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    if code == 1:
        raise ToldError(f"{module} failed and has told why")
    if code != 0:
        raise NodeError(f"{module} failed (exit {code}); what it told stands above")


def _hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that is not waited for any longer, by force when it takes too long."""
    process.terminate()
    try:
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def person_in(asked: str | None, sources: Sequence[Path]) -> str:
    """Tell whose decoder is fitted; recordings of our own know that themselves.

    Parameters
    ----------
    asked : str or None
        What the command line says.
    sources : sequence of Path
        All recordings of the fit.

    Raises
    ------
    ConfigError
        If recordings are of different persons, or of somebody else than the command line says.
    """
    starts = {path: own_start(path, None) for path in sources}
    persons = {path: start.person for path, start in starts.items() if start is not None}
    if not persons:
        return asked or _UNNAMED
    if len(set(persons.values())) > 1:
        got = ", ".join(f"{person} in {path}" for path, person in persons.items())
        raise ConfigError(problem("SOURCE", got, "one person", "Fit a bundle for each person."))
    person = next(iter(persons.values()))
    if asked not in (None, person):
        raise ConfigError(
            problem("--person", asked, person, "It is in the recording; leave --person out.")
        )
    return person


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="+", help="recordings: one file per run, a "
                        "folder that holds several runs, or a BIDS data set; or one file that is "
                        "cut into trials: responses and stimuli (.npz, .mat), epochs of EEG (.npz, "
                        "-epo.fif, .set), prepared data (.npz)")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument("--seal", type=Path, action="append", default=[], metavar="PUB",
                        help="write the bundle as one file that only this public key's owner can "
                        "open; may be repeated")  # fmt: skip
    parser.add_argument("--person", help="pseudonym of the person; default: the one in a recording "
                        f"of our own, otherwise {_UNNAMED}")  # fmt: skip
    parser.add_argument("--runs", help="runs to use, for instance 1-11 or 1,3,5")
    parser.add_argument("--labels", default="", help="rename markers, for instance 1=house,2=face")
    parser.add_argument("--events", type=Path, help="BIDS events.tsv; default: one beside it")
    parser.add_argument("--features", choices=("volume", "beta"), default="volume", help="decode "
                        "windows of volumes, or one response (beta) for each event")  # fmt: skip
    parser.add_argument("--delay", type=_delay, default="auto", metavar="S", help="haemodynamic "
                        "delay in seconds, from a picture to the end of a volume or from an event "
                        "to its beta; auto chooses it on training runs")  # fmt: skip
    parser.add_argument("--window", type=int, help="volumes in a decoder window")
    parser.add_argument("--frequencies", metavar="HZ,HZ", help="EEG: tell categories by the power "
                        "at these frequencies, at which pictures flicker")  # fmt: skip
    add_model_option(parser)
    parser.add_argument("--acquisition", type=_table, default={}, metavar="JSON", help="settings "
                        "of the cleaning, as in a session's table [acquisition]: JSON or its file, "
                        'for instance {"eeg": {"band_hz": [0.3, 30]}}')  # fmt: skip
    parser.add_argument("--stimuli-folder", type=Path, metavar="FOLDER", help="where the pictures "
                        "lie that events name (BIDS stim_file); default: the data set's folder "
                        "stimuli")  # fmt: skip
    parser.add_argument("--picture-px", type=int, metavar="N", help="shorter side that "
                        "such pictures have at most (256), and side of films (128)")  # fmt: skip
    parser.add_argument("--space", help="target space of z and c, for instance world-64, "
                        "pixels:28:grey or z=SPEC,c=SPEC; default: the one that suits what was "
                        "shown")  # fmt: skip
    parser.add_argument("--early", metavar="MASK", help="voxels that z is decoded from (Takagi & "
                        "Nishimoto 2023): image, FILE:3+17 of an atlas, .npy, name of an "
                        "array; data finds both regions in the data")  # fmt: skip
    parser.add_argument("--higher", metavar="MASK", help="voxels that c and categories are decoded "
                        "from")  # fmt: skip
    parser.add_argument("--banded", action="store_true", help="let z and c read both regions, "
                        "weighed against each other")  # fmt: skip
    parser.add_argument("--split", default="auto", help="what is held out: auto, given, "
                        "leave-one-run-out, 10-fold-by-stimulus, 5-fold-by-run+stimulus ...: any "
                        "of run, session, stimulus, trial")  # fmt: skip
    parser.add_argument("--memory", type=float, default=8.0, metavar="GIB", help="refuse what "
                        "would take more memory")  # fmt: skip
    add_array_options(parser)


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the kind of decoder."""
    parser.add_argument("--model", default="usual",
                        choices=("usual", "linear", "riemann", "pyriemann", "convolution", "auto",
                                 "pictures"),
                        help="kind of decoder: usual takes linear, or for labelled epochs of EEG "
                        "riemann, auto convolution as well (torch), whichever is better on "
                        "training runs; pictures takes shapes and painters (torch) for z, where "
                        "figures on a plain ground were seen")  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    # A key that cannot be read is told before hours of fitting.
    stewards = [load_public(path) for path in arguments.seal]
    if stewards and not arguments.out.name.endswith(SEALED_BUNDLE):
        arguments.out = arguments.out.with_name(arguments.out.name + SEALED_BUNDLE)
    missing = [str(path) for path in arguments.source if not path.exists()]
    if missing:
        raise InputError("recording does not exist: " + ", ".join(missing))
    if arguments.out.exists() and any(arguments.out.iterdir() if arguments.out.is_dir() else [1]):
        raise ConfigError(
            problem(
                "--out", str(arguments.out), "a new folder", "Remove it or choose another name."
            )
        )
    if is_trials_file(arguments.source):
        _check_trials(arguments)
        _fit(arguments.source[0], arguments, stewards, _of_trials(arguments))
        return 0
    person = person_in(arguments.person, arguments.source)
    settings = {**arguments.acquisition, **_settings(arguments.features, arguments.delay)}
    with tempfile.TemporaryDirectory(prefix="phosphene-fit-") as folder:
        prepared = Path(folder) / "prepared.npz"
        command = [*map(str, arguments.source), "--person", person]
        command += ["--out", str(prepared), "--memory", str(arguments.memory)]
        command += ["--runs", arguments.runs] if arguments.runs else []
        command += ["--labels", arguments.labels] if arguments.labels else []
        command += ["--events", str(arguments.events)] if arguments.events else []
        command += ["--settings", json.dumps(settings)] if settings else []
        for name in ("stimuli-folder", "picture-px"):
            value = getattr(arguments, name.replace("-", "_"))
            command += [f"--{name}", str(value)] if value is not None else []
        if arguments.features == "beta" and arguments.delay == "auto":
            command += ["--beta-delays", "auto"]
        tell_step(PREPARING, 0, 1)
        run_module("acquisition.prepare", command)
        tell_step(PREPARING, 1, 1)
        _fit(prepared, arguments, stewards)
    return 0


def _delay(text: str) -> float | str:
    """Read seconds or ``auto``."""
    return text if text == "auto" else float(text)


def _table(text: str) -> dict[str, Any]:
    """Read JSON, or a file of it."""
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: no JSON and no file of it: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text}: not a table of settings")
    return found


def _settings(features: str, delay_s: float | str) -> dict[str, Any]:
    """Return the acquisition settings that the command line asks for."""
    if features == "volume":
        return {}
    delay = {} if isinstance(delay_s, str) else {"beta_delay_s": delay_s}
    return {"fmri": {"features": "beta", **delay}}


def _check_trials(arguments: argparse.Namespace) -> None:
    """Refuse options that only recordings have."""
    found = [
        problem(option, value, "recordings only", "Leave it out: trials are cut and cleaned.")
        for option, value, usual in (
            ("--events", arguments.events, None),
            ("--features", arguments.features, "volume"),
            ("--acquisition", arguments.acquisition, {}),
            ("--stimuli-folder", arguments.stimuli_folder, None),
            ("--picture-px", arguments.picture_px, None),
        )
        if value != usual
    ]
    check_all(found, ConfigError, "trials")


def _of_trials(arguments: argparse.Namespace) -> list[str]:
    """Return the options that trials have."""
    found = ["--person", arguments.person] if arguments.person else []
    found += ["--runs", arguments.runs] if arguments.runs else []
    found += ["--labels", arguments.labels] if arguments.labels else []
    return found + array_arguments(arguments)


def _fit(
    source: Path,
    arguments: argparse.Namespace,
    stewards: Sequence[bytes],
    more: Sequence[str] = (),
) -> None:
    """Fit; a bundle that is to be sealed lies open in memory only, where the system has a place."""
    options = ["--delay", str(arguments.delay), "--split", arguments.split]
    options += ["--memory", str(arguments.memory)]
    for name in ("window", "frequencies", "space", "early", "higher", "model"):
        value = getattr(arguments, name)
        options += [f"--{name}", str(value)] if value is not None else []
    options += ["--banded"] if arguments.banded else []
    if not stewards:
        run_module("decoder.fit", [str(source), "--out", str(arguments.out), *options, *more])
        return
    memory = str(_MEMORY) if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="phosphene-fit-", dir=memory) as folder:
        opened = Path(folder) / "bundle"
        run_module("decoder.fit", [str(source), "--out", str(opened), *options, *more])
        seal_bundle(Bundle.load(opened), arguments.out, stewards, datetime.now(UTC))
        for sheet in Path(folder).glob("*.png"):  # what was shown, to be looked at
            shutil.move(sheet, arguments.out.with_name(f"{arguments.out.name}-pictures.png"))
    print(f"sealed bundle: {arguments.out}")


FIT = CliCommand("fit", "fit a person's decoder on recordings", _configure, _run)
