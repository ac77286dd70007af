from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import comb

from phosphene.messages import Event
from phosphene.metrics import auc, n_way, row_correlations, two_way
from phosphene.report.latency import summary_of
from phosphene.report.score import scored, zscored_by_truth
from phosphene.report.truth import from_events, from_programme, shown_at
from phosphene.stimuli import make_programme, sample_clip


def brute_two_way(r: np.ndarray, stimulus: np.ndarray, truths: np.ndarray) -> list[float]:
    shares = []
    for i, own in enumerate(truths):
        wins = [
            float(r[i, own] > r[i, j]) + 0.5 * float(r[i, own] == r[i, j])
            for j in range(len(r))
            if stimulus[j] != stimulus[own]
        ]
        shares.append(float(np.mean(wins)) if wins else float("nan"))
    return shares


@given(seed=st.integers(0, 10**6), n=st.integers(2, 12), stimuli=st.integers(1, 4))
def test_two_way_is_what_its_rule_says(seed: int, n: int, stimuli: int) -> None:
    rng = np.random.default_rng(seed)
    r = rng.integers(-2, 3, (n, n)) / 2.0
    stimulus, truths = rng.integers(0, stimuli, n), rng.permutation(n)
    expected = brute_two_way(r, stimulus, truths)
    np.testing.assert_allclose(two_way(r, stimulus, truths), expected)


def test_n_way_is_the_mean_over_all_draws_of_others() -> None:
    rng = np.random.default_rng(0)
    r = rng.standard_normal((7, 7))
    for ways in (2, 4, 7):
        for i, share in enumerate(n_way(r, np.arange(7), np.arange(7), ways)):
            beaten = int((r[i] < r[i, i]).sum())
            assert share == pytest.approx(comb(beaten, ways - 1) / comb(6, ways - 1))


def test_auc_counts_pairs() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(0, 5, 40), rng.random(40) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(float(np.mean(pairs)))
    assert np.isnan(auc(scores, np.ones(40)))


def test_constant_rows_correlate_with_nothing() -> None:
    r = row_correlations(np.array([[1.0, 1, 1], [1, 2, 3]]), np.array([[3.0, 5, 7]]))
    np.testing.assert_allclose(r, [[0.0], [1.0]])


def test_attributes_that_never_vary_are_left_out() -> None:
    true = np.array([[1.0, 0.0, 5.0], [3.0, 0.0, 7.0]])
    decoded, scaled = zscored_by_truth(true + 1.0, true)
    np.testing.assert_allclose(scaled, [[-1, -1], [1, 1]])
    np.testing.assert_allclose(decoded, [[0, 0], [2, 2]])


def test_the_control_is_seeded_and_at_chance() -> None:
    rng = np.random.default_rng(2)
    r = row_correlations(rng.standard_normal((60, 8)), rng.standard_normal((60, 8)))
    stimulus = np.arange(60)

    def once() -> dict[str, float]:
        return scored(
            lambda truths: two_way(r, stimulus, truths), stimulus, chance=0.5, rule="r", split="s"
        )

    first = once()
    assert first == once()
    assert abs(first["shuffled"] - 0.5) < 0.02
    assert first["low"] < first["value"] < first["high"]


def event(t: float, label: str, detail: str = "") -> Event:
    return Event(
        run="r", seq=0, t_acquired=0, t_sent=0, producer="p", t_data=t, label=label, stream="s",
        detail=detail,
    )  # fmt: skip


def test_events_become_stimuli_each_once_and_of_known_length() -> None:
    shown = from_events(
        [event(4.0, "b"), event(0.0, "a"), event(4.0, "b"), event(10.0, "c", '{"duration_s": 2}'),
         event(20.0, "")]
    )  # fmt: skip
    assert [(s.onset_s, s.duration_s, s.label) for s in shown] == [
        (0.0, 4.0, "a"), (4.0, 6.0, "b"), (10.0, 2.0, "c"),
    ]  # fmt: skip
    assert from_events([event(0.0, "x", "{not json")])[0].clip is None


@given(st.floats(-5, 60))
def test_what_was_on_show_agrees_with_the_programme(t_s: float) -> None:
    programme = make_programme(1, 4, 6.0, 2.0, 3.0)
    shown = from_programme(programme)
    block = shown_at(shown, t_s)
    edges = [b.onset_s for b in programme.blocks]
    edges += [b.onset_s + b.duration_s for b in programme.blocks]
    if min(abs(t_s - e) for e in edges) > 1e-5:
        scene = None if block is None else shown[block].scene_at(t_s)
        assert scene == programme.scene_at(t_s)


def test_the_first_moment_belongs_to_a_stimulus_and_the_last_does_not() -> None:
    shown = from_programme(make_programme(1, 1, 6.0, 2.0, 3.0))
    assert shown_at(shown, 3.0) == 0
    assert shown_at(shown, 3.0 - 1e-12) == 0
    assert shown_at(shown, 9.0) is None
    assert shown[0].clip == sample_clip(shown[0].clip.seed, 6.0, shown[0].label)  # type: ignore[union-attr]


def test_nothing_measured_is_none() -> None:
    assert summary_of([]) is None
    assert summary_of([1.0, 2.0, 3.0])["p50"] == 2.0  # type: ignore[index]
