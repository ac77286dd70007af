"""``phosphene simulate``: a synthetic person, scanner and amplifier."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from acquisition.boards.brainflow import BoardOptions, run_board
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.simulate.amplifier import run_amplifier
from acquisition.simulate.calibration import CalibrationPlan, calibrate, programme_of
from acquisition.simulate.eeg import EegSimConfig, simulate_eeg
from acquisition.simulate.options import clock_of, noise_seed, run_options, shown
from acquisition.simulate.pace import SwitchedOffError
from acquisition.simulate.scanner_cli import run_it, scanner_options
from acquisition.simulate.truth import write_truth
from phosphene.commands.base import CliCommand
from phosphene.dataset import write_prepared
from phosphene.errors import ConfigError, PhospheneError, problem

__all__ = ["SIMULATE", "main"]


def _configure(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="WHAT", required=True)
    scanner_options(_kind(kinds, "scanner", "send the volumes of a run, as a scanner does", run_it))
    _eeg_options(_kind(kinds, "eeg", "send the EEG of a run to LSL", _eeg))
    made = _kind(kinds, "programme", "write a stimulus programme", _programme)
    made.add_argument("--seconds", type=float, default=60.0, help="length of the run")
    made.add_argument("--out", type=Path, required=True, help="file to write (JSON)")
    made = _kind(kinds, "calibration", "measure a calibration and prepare it for a fit", _calibrate)
    made.add_argument(
        "--modality", choices=("fmri", "eeg"), default="fmri", help="what is measured"
    )
    made.add_argument("--out", type=Path, required=True, help="prepared data (.npz)")
    made.add_argument("--runs", type=int, help="runs; by default 4 (fMRI) or 8 (EEG)")
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


def _eeg_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, help="length without a programme")
    parser.add_argument("--source-id", default="phosphene-simulated-eeg", help="LSL source id; "
                        "that of the markers ends in -markers")  # fmt: skip
    parser.add_argument("--lsl-session", "--session", dest="session", default="default",
                        help="LSL session id")  # fmt: skip
    parser.add_argument("--board", help="send what a BrainFlow board measures instead, e.g. "
                        "CYTON_BOARD; SYNTHETIC needs no hardware")  # fmt: skip
    parser.add_argument("--serial-port", default="", help="of the board, e.g. /dev/ttyUSB0")
    parser.add_argument("--no-package-numbers", action="store_true", help="the board's package "
                        "numbers do not count by one: tell losses from time stamps")  # fmt: skip
    run_options(parser)


# ---- kinds -------------------------------------------------------------------------------------


def _eeg(arguments: argparse.Namespace) -> int:
    if arguments.board:
        return _board(arguments)
    programme = shown(arguments, arguments.seconds)
    config = EegSimConfig(participant_seed=arguments.seed, run_seed=noise_seed(arguments))
    if arguments.speed == "max":
        raise ConfigError(problem("--speed", "max", "a number", "Replay a recording for that."))
    clock = clock_of(arguments)
    configure_lsl(LslConfig(session_id=arguments.session))
    try:
        count = run_amplifier(simulate_eeg(programme, config), arguments.source_id, clock)
    except SwitchedOffError:
        print("amplifier: switched off")
    else:
        print(f"amplifier: {count} samples sent")
    return 0


def _board(arguments: argparse.Namespace) -> int:
    options = BoardOptions(arguments.board, arguments.serial_port, not arguments.no_package_numbers)
    if arguments.speed != "1":
        raise ConfigError(problem("--speed", arguments.speed, "1", "A board sets its own pace."))
    clock = clock_of(arguments)
    configure_lsl(LslConfig(session_id=arguments.session))
    try:
        sent, lost = run_board(options, arguments.source_id, clock, arguments.seconds)
    except SwitchedOffError:
        print("board: switched off")
    else:
        print(f"board: {sent} samples sent, {lost} lost")
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
    if arguments.modality == "fmri":
        for path in write_truth(arguments.out, arguments.seed):
            print(f"{path}: truth of the simulated person")
    rows, features = data.responses.shape
    took = f"{plan.runs} runs, {plan.minutes:.0f} minutes of a simulated person"
    print(f"{arguments.out}: {rows} responses of {features} features in {took}")
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
