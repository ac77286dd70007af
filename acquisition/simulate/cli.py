"""``phosphene simulate``: a synthetic person, scanner and amplifier."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.simulate.amplifier import run_amplifier
from acquisition.simulate.calibration import (
    CalibrationPlan,
    calibrate,
    head_of,
    programme_of,
    run_seed,
)
from acquisition.simulate.eeg import EegSimConfig, simulate_eeg
from acquisition.simulate.head import RunConfig, simulate, slice_times_s
from acquisition.simulate.mosaic import make_series
from acquisition.simulate.pace import HardwareClock, SwitchedOffError, stop_on_signals
from acquisition.simulate.scanner import Fault, ScannerScript, run_scanner
from phosphene.commands.base import CliCommand
from phosphene.commands.replay import speed_of
from phosphene.dataset import write_prepared
from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.stimuli import Programme

__all__ = ["SIMULATE", "main"]

_SERIES_NUMBER = 7


def _configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    _scanner_options(_kind(kinds, "scanner", "write the volumes of a run to a folder", _scanner))
    _eeg_options(_kind(kinds, "eeg", "send the EEG of a run to LSL", _eeg))
    made = _kind(kinds, "programme", "write a stimulus programme", _programme)
    made.add_argument("--seconds", type=float, default=60.0, help="length of the run")
    made.add_argument("--out", type=Path, required=True, help="file to write (JSON)")
    made = _kind(kinds, "calibration", "measure a calibration and prepare it for a fit", _calibrate)
    made.add_argument(
        "--modality", choices=("fmri", "eeg"), default="fmri", help="what is measured"
    )
    made.add_argument("--out", type=Path, required=True, help="prepared data (.npz)")
    made.add_argument("--runs", type=int, help="runs; by default 4")
    made.add_argument("--blocks", type=int, help="clips in a run; by default 8 (fMRI) or 24 (EEG)")
    made.add_argument("--tr", type=float, default=1.0, help="repetition time in seconds")


def _kind(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=summary, description=summary)
    parser.add_argument("--seed", type=int, default=0, help="who the synthetic person is")
    parser.set_defaults(run_kind=run)
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--programme", type=Path, help="what is shown (JSON); default: by seed")
    parser.add_argument("--noise-seed", type=int, help="seed of noise and movement")
    parser.add_argument("--speed", default="1", help="times faster than real time; max for "
                        "the scanner only")  # fmt: skip


def _scanner_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, required=True, help="folder for the volumes")
    parser.add_argument("--tr", type=float, default=1.0, help="repetition time in seconds")
    parser.add_argument("--volumes", type=int, default=60, help="how many volumes")
    parser.add_argument(
        "--delay", type=float, default=0.2, help="seconds from a volume to its file"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="INDEX:KIND",
                        help="drop, duplicate, truncate, slow_copy, other_series, foreign or "
                        "other_matrix; may be repeated")  # fmt: skip
    _run_options(parser)


def _eeg_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, help="length without a programme")
    parser.add_argument("--source-id", default="phosphene-simulated-eeg", help="LSL source id; "
                        "that of the markers ends in -markers")  # fmt: skip
    parser.add_argument("--session", default="default", help="LSL session id")
    _run_options(parser)


# ---- kinds -------------------------------------------------------------------------------------


def _shown(arguments: argparse.Namespace, seconds: float) -> Programme:
    path: Path | None = arguments.programme
    if path is None:
        return programme_of(arguments.seed, seconds)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Programme)
    except OSError as error:
        raise ConfigError(f"--programme {path}: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"--programme {path}: not a programme: {error}") from error


def _clock(arguments: argparse.Namespace) -> HardwareClock:
    clock = HardwareClock(speed_of(arguments.speed))
    stop_on_signals(clock)
    return clock


def _noise_seed(arguments: argparse.Namespace) -> int:
    given: int | None = arguments.noise_seed
    return run_seed(arguments.seed, 0) if given is None else given


def _fault(text: str) -> Fault:
    index, colon, kind = text.partition(":")
    if not (colon and index.isdigit()):
        raise ConfigError(problem("--fault", text, "INDEX:KIND, for instance 12:drop", "Mend it."))
    return Fault(int(index), kind)  # type: ignore[arg-type]  # ScannerScript checks the kind


def free_series(folder: Path) -> int:
    """Return a series number that no file in the folder has, as a scanner counts its series."""
    taken = (re.fullmatch(r"\d+_(\d+)_\d+\.dcm", file.name) for file in folder.iterdir())
    return max((int(found[1]) + 1 for found in taken if found), default=_SERIES_NUMBER)


def _scanner(arguments: argparse.Namespace) -> int:
    if arguments.volumes < 1:
        raise ConfigError(problem("--volumes", arguments.volumes, "1 or more", "Correct it."))
    tr_s, head = arguments.tr, head_of(arguments.seed)
    programme = _shown(arguments, max(arguments.volumes * tr_s, 22.0))
    script = ScannerScript(arguments.delay, tuple(_fault(text) for text in arguments.fault))
    noise = RunConfig(seed=_noise_seed(arguments))
    times_s = tuple(slice_times_s(head.shape[2], tr_s).tolist())
    arguments.to.mkdir(parents=True, exist_ok=True)
    number = free_series(arguments.to)
    series = make_series(_noise_seed(arguments) + number, head.affine, tr_s, times_s, number)
    clock = _clock(arguments)
    volumes = simulate(head, programme, arguments.volumes, tr_s, noise)
    try:
        count = run_scanner(volumes, arguments.to, series, clock, script)
    except SwitchedOffError:
        print("scanner: switched off")
    else:
        print(f"scanner: {count} files written")
    return 0


def _eeg(arguments: argparse.Namespace) -> int:
    programme = _shown(arguments, arguments.seconds)
    config = EegSimConfig(participant_seed=arguments.seed, run_seed=_noise_seed(arguments))
    if arguments.speed == "max":
        raise ConfigError(problem("--speed", "max", "a number", "Replay a recording for that."))
    clock = _clock(arguments)
    configure_lsl(LslConfig(session_id=arguments.session))
    try:
        count = run_amplifier(simulate_eeg(programme, config), arguments.source_id, clock)
    except SwitchedOffError:
        print("amplifier: switched off")
    else:
        print(f"amplifier: {count} samples sent")
    return 0


def _programme(arguments: argparse.Namespace) -> int:
    programme = programme_of(arguments.seed, arguments.seconds)
    arguments.out.write_bytes(msgspec.json.encode(programme))
    print(f"{arguments.out}: {len(programme.blocks)} clips in {programme.duration_s:g} s")
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    usual = CalibrationPlan.usual(arguments.modality)
    plan = CalibrationPlan(
        arguments.runs or usual.runs, arguments.blocks or usual.blocks, arguments.tr
    )
    data = calibrate(arguments.seed, arguments.modality, plan, show_progress=True)
    write_prepared(arguments.out, data)
    rows, features = data.responses.shape
    print(f"{arguments.out}: {rows} responses of {features} features in {plan.runs} runs")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run_kind
    return run(arguments)


SIMULATE = CliCommand("simulate", "a synthetic person, scanner and amplifier", _configure, _run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``python -m acquisition.simulate`` and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m acquisition.simulate", description=SIMULATE.summary
    )
    _configure(parser)
    arguments = parser.parse_args(argv)
    try:
        return _run(arguments)
    except PhospheneError as error:
        print(f"simulate: {error}", file=sys.stderr)
        return 1
