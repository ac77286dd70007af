"""Windows: live and offline the same, causal, broken by gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.dataset import Dataset
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from decoder.window import WindowBuffer, target_rows, whole_periods, window_rows
from phosphene.errors import CausalityError, ConfigError, InputError
from phosphene.normalise import RunningNormaliser


def make(kept: list[int], runs: int = 2, period_s: float = 2.0) -> Dataset:
    n = len(kept)
    rng = np.random.default_rng(n)
    return Dataset(
        responses=rng.normal(size=(n * runs, 3)).astype(np.float32),
        groups=np.repeat([f"r{k}" for k in range(runs)], n),
        times=np.tile(np.array(kept) * period_s, runs),
        labels=np.array([f"{k}" for k in range(n * runs)]),
    )


@given(st.sets(st.integers(0, 25), min_size=3), st.integers(1, 4))
def test_live_windows_equal_offline_windows(volumes: set[int], length: int) -> None:
    kept = sorted(volumes)
    data = make(kept)
    settings = FitSettings(window=length, period_s=2.0, prior_weight=3.0)
    priors = learn_priors(data, settings)
    offline = make_samples(data, settings, priors)
    live = []
    for run in data.group_names:
        buffer = WindowBuffer(length)
        normaliser = RunningNormaliser(priors.mean, priors.std, 3.0)
        for index, x in zip(kept, data.only(run).responses, strict=True):
            window = buffer.push(index, normaliser.step(x))
            live += [] if window is None else [window]
    assert len(live) == len(offline.X)
    if live:
        np.testing.assert_array_equal(np.concatenate(live), offline.X)


@given(st.integers(2, 15), st.integers(1, 3))
def test_the_future_changes_nothing(cut: int, length: int) -> None:
    data = make(list(range(16)), runs=1)
    settings = FitSettings(window=length, period_s=2.0)
    priors = learn_priors(data, settings)
    whole = make_samples(data, settings, priors)
    early = make_samples(data.select(np.arange(cut)), settings, priors)
    np.testing.assert_array_equal(early.X, whole.X[: len(early.X)])


def test_gap_begins_anew_and_is_counted() -> None:
    buffer = WindowBuffer(2)
    assert buffer.push(0, np.zeros(1)) is None
    assert buffer.push(1, np.ones(1)) is not None
    assert buffer.push(3, np.ones(1)) is None
    window = buffer.push(4, np.full(1, 2.0))
    assert window is not None and window.tolist() == [[1.0, 2.0]]
    assert buffer.gaps == 1


def test_what_is_forgotten_is_in_no_window_and_no_gap() -> None:
    buffer = WindowBuffer(2)
    buffer.push(0, np.zeros(1))
    buffer.forget()
    assert buffer.push(4, np.full(1, 4.0)) is None
    window = buffer.push(5, np.full(1, 5.0))
    assert window is not None and window.tolist() == [[4.0, 5.0]]
    assert buffer.gaps == 0
    buffer.forget()
    with pytest.raises(CausalityError, match="above 5"):
        buffer.push(5, np.zeros(1))


def test_disorder_is_refused() -> None:
    buffer = WindowBuffer(2)
    buffer.push(5, np.zeros(2))
    with pytest.raises(CausalityError, match="above 5"):
        buffer.push(5, np.zeros(2))
    with pytest.raises(InputError, match="mask"):
        buffer.push(6, np.zeros(3))
    with pytest.raises(ConfigError, match="length"):
        WindowBuffer(0)


def test_kept_volume_is_a_copy() -> None:
    buffer = WindowBuffer(2)
    x = np.zeros(1, np.float32)
    buffer.push(0, x)
    x[:] = 9.0
    window = buffer.push(1, x)
    assert window is not None and window.tolist() == [[0.0, 9.0]]


def test_window_does_not_reach_into_another_run() -> None:
    data = make(list(range(4)))
    rows = window_rows(data, 3, 2.0)
    assert rows.tolist() == [[0, 1, 2], [1, 2, 3], [4, 5, 6], [5, 6, 7]]


def test_target_is_as_many_volumes_back_as_fit_into_the_delay() -> None:
    data = make([0, 1, 2, 3, 5, 6])
    present = np.arange(len(data))
    # 4.9 s holds two TRs of 2 s; volume 4 is missing, so volume 6 has no target.
    found = target_rows(data, present, 4.9, 2.0).tolist()
    assert found == [-1, -1, 0, 1, 3, -1, -1, -1, 6, 7, 9, -1]
    assert target_rows(data, present, 0.0, 2.0).tolist() == present.tolist()
    with pytest.raises(CausalityError, match="delay_s"):
        target_rows(data, present, -1.0, 2.0)


def test_whole_periods_of_exact_multiples() -> None:
    assert [whole_periods(k * 1.97, 1.97) for k in range(6)] == list(range(6))
    assert whole_periods(1.25, 2.5) == 0


def test_samples_carry_delayed_labels() -> None:
    data = make(list(range(6)), runs=1)
    settings = FitSettings(window=2, delay_s=4.0, period_s=2.0)
    samples = make_samples(data, settings, learn_priors(data, settings))
    assert samples.labels is not None
    assert samples.labels.tolist() == ["", "0", "1", "2", "3"]
    assert samples.rows.tolist() == [1, 2, 3, 4, 5]
