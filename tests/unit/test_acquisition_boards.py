from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.boards.brainflow import BoardOptions, run_board, unix_to_lsl_s
from acquisition.boards.packages import PackageFollower
from acquisition.simulate.pace import HardwareClock
from phosphene.errors import ConfigError

FS_HZ = 250.0


def board(n: int, wrap: int, per_package: int = 1, first: int = 0) -> tuple[np.ndarray, np.ndarray]:
    index = np.arange(n)
    return (first + index // per_package) % wrap, 1e9 + index / FS_HZ


@settings(max_examples=40, deadline=None)
@given(
    wrap=st.sampled_from([256, 65536]),
    lost=st.sets(st.integers(1, 398), max_size=120),
    cuts=st.sets(st.integers(1, 399), max_size=8),
)
def test_every_lost_sample_is_counted_whatever_the_chunks(
    wrap: int, lost: set[int], cuts: set[int]
) -> None:
    numbers, stamps = board(400, wrap, first=200 if wrap == 256 else 300)
    kept = np.array([k for k in range(400) if k not in lost])
    follower = PackageFollower(FS_HZ)
    parts = np.split(kept, np.searchsorted(kept, sorted(cuts)))
    found = np.concatenate([follower.push(numbers[part], stamps[part]) for part in parts])
    assert found.tolist() == kept.tolist()
    assert follower.n_lost == len(lost)


def test_several_samples_in_a_package() -> None:
    numbers, stamps = board(200, 256, per_package=2)
    kept = np.r_[0:100, 106:200]  # three packages are missing
    follower = PackageFollower(FS_HZ)
    assert follower.push(numbers[kept], stamps[kept]).tolist() == kept.tolist()
    assert follower.n_lost == 6


def test_a_silence_of_whole_turns_is_told_by_the_stamps() -> None:
    numbers, stamps = board(2000, 256)
    kept = np.r_[0:300, 300 + 1024 : 2000]
    follower = PackageFollower(FS_HZ)
    assert follower.push(numbers[kept], stamps[kept]).tolist() == kept.tolist()
    assert follower.n_lost == 1024


def test_a_wrap_at_an_unusual_place_is_no_loss() -> None:
    _, stamps = board(600, 256)
    follower = PackageFollower(FS_HZ)
    numbers = 101 + np.arange(600) % 100
    assert follower.push(numbers, stamps).tolist() == list(range(600))
    assert follower.n_lost == 0


def test_without_package_numbers_stamps_tell_long_gaps() -> None:
    _, stamps = board(600, 256)
    jitter = np.random.default_rng(0).normal(0, 0.004, 600)
    kept = np.r_[0:200, 400:600]
    follower = PackageFollower(FS_HZ, counts=False)
    follower.push(np.zeros(400), (stamps + jitter)[kept])
    assert follower.n_lost == pytest.approx(200, abs=6)


def test_clocks_are_compared_by_the_quickest_look() -> None:
    lsl = iter([0.0, 1.0, 2.0, 2.002, 3.0, 3.5, 4.0, 4.9, 5.0, 5.9])
    unix = iter([1000.0, 1002.001, 1003.0, 1004.0, 1005.0])
    assert unix_to_lsl_s(lambda: next(unix), lambda: next(lsl)) == pytest.approx(-1000.0)


def test_an_unknown_board_is_told_what_there_is() -> None:
    pytest.importorskip("brainflow")
    with pytest.raises(ConfigError, match=r"--board: got 'NOSUCH'; allowed: .*CYTON_BOARD"):
        run_board(BoardOptions("NOSUCH"), "board", HardwareClock(), 1.0)
