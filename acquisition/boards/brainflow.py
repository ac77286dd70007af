"""A BrainFlow board as an LSL source: regular stream, sample counter, stamps on the LSL clock.

BrainFlow stamps samples with the computer's UNIX time, which may be set at any moment. So the
difference to the LSL clock is measured anew each time samples are fetched.
"""

from __future__ import annotations

import importlib.resources
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pylsl

from acquisition.boards.packages import PackageFollower
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.outlet import EegOutlet
from acquisition.simulate.pace import HardwareClock
from phosphene.errors import ConfigError, InputError, problem

__all__ = ["BoardOptions", "run_board", "unix_to_lsl_s"]

_POLL_S = 0.01
_BUFFER_S = 60
_LOOKS = 5
_SHORT = {"SYNTHETIC": "SYNTHETIC_BOARD", "CYTON": "CYTON_BOARD", "GANGLION": "GANGLION_BOARD"}


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """Which board, and how it is reached.

    Attributes
    ----------
    board : str
        BrainFlow's name of it, for instance ``CYTON_BOARD``; ``SYNTHETIC`` needs no hardware.
    serial_port : str
        For instance ``/dev/ttyUSB0``; empty where the board has none.
    counts : bool
        Whether its package numbers count by one; losses are told from stamps otherwise.
    """

    board: str
    serial_port: str = ""
    counts: bool = True


def run_board(
    options: BoardOptions, source_id: str, clock: HardwareClock, seconds: float
) -> tuple[int, int]:
    """Send what a board measures.

    Parameters
    ----------
    options : BoardOptions
        The board.
    source_id : str
        LSL source id of the stream.
    clock : HardwareClock
        Paces the looks; can be switched off.
    seconds : float
        How long.

    Returns
    -------
    sent, lost : int
        Samples.

    Raises
    ------
    ConfigError
        If BrainFlow is not installed or knows no such board.
    InputError
        If the board cannot be reached.
    SwitchedOffError
        When the clock is stopped.
    """
    shim, number = _find(options.board)
    described = shim.get_board_descr(number)
    rows = list(described["eeg_channels"])
    names = [n for n in described.get("eeg_names", "").split(",") if n]
    if len(names) != len(rows):
        names = [f"ch{k + 1}" for k in range(len(rows))]
    fs_hz = float(described["sampling_rate"])
    outlet = EegOutlet(source_id, EegFormat(fs_hz, tuple(names)))
    follower = PackageFollower(fs_hz, counts=options.counts)
    board = _started(shim, number, options, round(_BUFFER_S * fs_hz))
    sent, end_s = 0, clock.now() + seconds
    try:
        while clock.now() < end_s:
            clock.wait_until(clock.now() + _POLL_S)
            table = board.get_board_data()
            lost = follower.n_lost
            sent += _send(table, described, rows, follower, outlet)
            if follower.n_lost > lost:
                print(f"board: {follower.n_lost - lost} samples were lost", file=sys.stderr)
    finally:
        board.stop_stream()
        board.release_session()
        outlet.close()
    return sent, follower.n_lost


def unix_to_lsl_s(
    unix: Callable[[], float] = time.time, lsl: Callable[[], float] = pylsl.local_clock
) -> float:
    """Return what has to be added to UNIX time to get LSL time, in seconds.

    Of several looks the one counts in which the least time passed between the two clocks.
    """
    looks = [(lsl(), unix(), lsl()) for _ in range(_LOOKS)]
    before, between, after = min(looks, key=lambda look: look[2] - look[0])
    return (before + after) / 2 - between


def _send(
    table: Any, described: dict[str, Any], rows: list[int], follower: PackageFollower,
    outlet: EegOutlet,
) -> int:  # fmt: skip
    """Send the columns of a table, in stretches without a gap; return how many."""
    if table.shape[1] == 0:
        return 0
    stamps = table[described["timestamp_channel"]]
    numbers = follower.push(table[described["package_num_channel"]], stamps)
    data = np.ascontiguousarray(table[rows].T, dtype=np.float32)
    offset_s = unix_to_lsl_s()
    edges = [0, *(np.flatnonzero(np.diff(numbers) != 1) + 1).tolist(), len(numbers)]
    for begin, end in pairwise(edges):
        stamp_s = float(stamps[end - 1]) + offset_s
        outlet.push(data[begin:end], int(numbers[begin]), stamp_s)
    return len(numbers)


def _find(name: str) -> tuple[Any, int]:
    """Return BrainFlow's board class and the number of a board."""
    try:
        import brainflow.board_shim as module
    except ImportError as error:
        raise ConfigError('boards need BrainFlow: pip install "phosphene[boards]"') from error
    if sys.version_info < (3, 12):
        # There it asks for the files of a module, which Python 3.11 does only for packages.
        module.files = lambda _name: importlib.resources.files("brainflow")
    wanted = _SHORT.get(name.upper(), name.upper())
    known = {board.name: int(board.value) for board in module.BoardIds}
    if wanted not in known:
        allowed = ", ".join(sorted(known))
        raise ConfigError(problem("--board", name, allowed, "Choose one."))
    module.BoardShim.disable_board_logger()
    return module.BoardShim, known[wanted]


def _started(shim: Any, number: int, options: BoardOptions, buffer: int) -> Any:
    from brainflow.board_shim import BrainFlowError, BrainFlowInputParams

    parameters = BrainFlowInputParams()
    parameters.serial_port = options.serial_port
    board = shim(number, parameters)
    try:
        board.prepare_session()
        board.start_stream(buffer)
    except BrainFlowError as error:
        if board.is_prepared():
            board.release_session()
        raise InputError(f"board {options.board}: cannot be reached: {error}") from error
    return board
