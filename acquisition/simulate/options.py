"""Options that the simulated scanner and amplifier share."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from acquisition.simulate.calibration import programme_of, run_seed
from acquisition.simulate.pace import HardwareClock, stop_on_signals
from phosphene.commands.replay import speed_of
from phosphene.errors import ConfigError
from phosphene.stimuli import Programme

__all__ = ["clock_of", "noise_seed", "run_options", "shown"]


def run_options(parser: argparse.ArgumentParser) -> None:
    """Add what differs between two runs of one person."""
    parser.add_argument("--programme", type=Path, help="what is shown (JSON); default: by seed")
    parser.add_argument("--noise-seed", type=int, help="seed of noise, movement and faults")
    parser.add_argument("--speed", default="1", help="times faster than real time; max for "
                        "the scanner only")  # fmt: skip


def shown(arguments: argparse.Namespace, seconds: float) -> Programme:
    """Return the stimulus programme that the options name."""
    path: Path | None = arguments.programme
    if path is None:
        return programme_of(arguments.seed, seconds)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Programme)
    except OSError as error:
        raise ConfigError(f"--programme {path}: {error.strerror}") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise ConfigError(f"--programme {path}: not a programme: {error}") from error


def clock_of(arguments: argparse.Namespace) -> HardwareClock:
    """Return the clock of the hardware; signals switch it off."""
    clock = HardwareClock(speed_of(arguments.speed))
    stop_on_signals(clock)
    return clock


def noise_seed(arguments: argparse.Namespace) -> int:
    """Return the seed of all that is random in the run."""
    given: int | None = arguments.noise_seed
    return run_seed(arguments.seed, 0) if given is None else given
