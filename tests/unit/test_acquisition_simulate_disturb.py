"""What goes wrong with the export, when, and that it can be repeated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.simulate.disturb import Choice, Disturbance, steps_of
from acquisition.simulate.files import ScannerFile, write_file
from acquisition.simulate.head import SimulatedVolume
from acquisition.simulate.scanner import Export, run_scanner
from acquisition.simulate.series import Series, make_series
from phosphene.clock import FakeClock
from phosphene.errors import ConfigError

TR_S = 2.0
SERIES = make_series(1, np.eye(4), TR_S, ())


def two_files(_data: np.ndarray, _series: Series, index: int) -> list[tuple[str, bytes]]:
    return [(f"s/a{index}.x", bytes([index]) * 100), (f"s/b{index}.x", bytes([index]) * 50)]


def written(n: int, disturbance: Disturbance) -> list[tuple[float, ScannerFile]]:
    """Run a scan of `n` volumes; return when each file was written."""
    clock, seen = FakeClock(), []
    volumes = [
        SimulatedVolume(np.zeros((1, 1, 1), np.int16), k, 0.0, np.zeros(6)) for k in range(n)
    ]
    export = Export(two_files, disturbance=disturbance)
    run_scanner(
        volumes, lambda file: seen.append((clock.now(), file)), SERIES, clock, export=export
    )
    return seen


def test_undisturbed_files_come_whole_in_order_and_in_time() -> None:
    seen = written(3, Disturbance())
    assert [(t, f.name) for t, f in seen] == [
        (2.2, "s/a0.x"), (2.2, "s/b0.x"), (4.2, "s/a1.x"), (4.2, "s/b1.x"), (6.2, "s/a2.x"),
        (6.2, "s/b2.x"),
    ]  # fmt: skip
    assert all(file.at_once for _, file in seen)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 99),
    jitter=st.sampled_from([0.0, 0.5, 3.0]),
    shuffle=st.booleans(),
    partial=st.booleans(),
    dropped=st.frozensets(st.integers(0, 5), max_size=2),
    again=st.frozensets(st.integers(0, 5), max_size=2),
)
def test_whatever_goes_wrong_every_other_volume_is_whole_at_the_end(
    seed: int,
    jitter: float,
    shuffle: bool,
    partial: bool,
    dropped: frozenset[int],
    again: frozenset[int],
) -> None:
    made = Disturbance(
        jitter, Choice(indices=dropped), Choice(indices=again), shuffle, partial, seed
    )
    seen = written(6, made)
    assert [t for t, _ in seen] == sorted(t for t, _ in seen)
    folder: dict[str, bytes] = {}
    for _, file in seen:
        folder[file.name] = folder[file.name] + file.raw if file.append else file.raw
    for index in range(6):
        expected = dict(two_files(np.zeros(0), SERIES, index))
        for name, raw in expected.items():
            copy = f"{name[:-2]}_copy.x"
            assert folder.get(name) == (None if index in dropped else raw)
            assert folder.get(copy) == (raw if index in again - dropped else None)
        fate = made.fate(index)
        assert (fate == "dropped") == (index in dropped)
        assert (fate == "twice") == (index in again - dropped)
    assert seen == written(6, made)


def test_jitter_only_delays_and_never_longer_than_told() -> None:
    late = [t - 2.0 * (k // 2) - 2.2 for k, (t, _) in enumerate(written(20, Disturbance(0.5)))]
    assert min(late) >= -1e-9
    assert 0.3 < max(late) <= 0.5


def test_shuffled_neighbours_swap() -> None:
    seen = written(12, Disturbance(shuffle=True, seed=1))
    order = list(dict.fromkeys(int(file.name[3:-2]) for _, file in seen))
    assert order != sorted(order)
    assert all(abs(place - index) <= 1 for place, index in enumerate(order))
    firsts = [file.name[2] for _, file in seen[::2]]
    assert set(firsts) == {"a", "b"}  # the files of a volume swap as well


def test_growing_files_are_seen_half_written(tmp_path: Path) -> None:
    states = []
    for _, file in written(1, Disturbance(partial=True)):
        write_file(tmp_path, file)
        states.append((tmp_path / "s/a0.x").stat().st_size)
    assert states == [30, 30, 60, 60, 100, 100]
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == ["a0.x", "b0.x"]


def test_choices_are_probabilities_or_numbers() -> None:
    assert Choice.parse("3,7").indices == {3, 7}
    assert Choice.parse("0").indices == {0}
    assert Choice.parse("5%").probability == 0.05
    held = [Choice.parse("0.25").holds(k, 1, 2) for k in range(400)]
    assert 0.18 < np.mean(held) < 0.32
    for bad in ("x", "-1", "150%", "1.5", "3,"):
        with pytest.raises(ConfigError):
            Choice.parse(bad)
    with pytest.raises(ConfigError, match="jitter"):
        Disturbance(jitter_s=-1.0)


def test_a_dropped_volume_has_no_step_and_a_duplicate_two_more() -> None:
    file = [ScannerFile("a.dcm", b"12")]
    assert steps_of(file, 1, 5.0, 1.0, Disturbance(drop=Choice(1.0))) == []
    twice = steps_of(file, 1, 5.0, 1.0, Disturbance(duplicate=Choice(1.0)))
    assert [(s.due_s, s.file.name) for s in twice] == [
        (5.0, "a.dcm"), (5.2, "a.dcm"), (5.2, "a_copy.dcm")
    ]  # fmt: skip
