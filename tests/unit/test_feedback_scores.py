"""Scores: the right number, causal, the same in any chunks and at any rate of asking."""

from __future__ import annotations

import math
from importlib.metadata import EntryPoint, EntryPoints
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.errors import ConfigError
from phosphene.feedback import scores
from phosphene.feedback.loop import FeedbackLoop, Given
from phosphene.feedback.power import PowerMeter
from phosphene.feedback.protocol import Block, Protocol
from phosphene.feedback.scores import Sample, open_score
from phosphene.feedback.shaping import Baseline, Limits, Smoother
from phosphene.session_protocol import ProtocolSettings, ScoreSettings, ShapeSettings
from phosphene.stimuli.space import prototype

FACE_HOUSE = Block(0, "regulate", 0, 10, "", "face", "house")


def _sample(t_s: float, **more: object) -> Sample:
    return Sample(int(t_s * 10), t_s, t_s, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("measure", ["correlation", "cosine"])
def test_similarity_is_closer_to_target_than_to_foil(measure: str) -> None:
    score = open_score(ScoreSettings.model_validate({"measure": measure}))
    at = {
        n: score.measure(_sample(1, c=prototype(n)), FACE_HOUSE) for n in ("face", "house", "cat")
    }
    assert at["face"] is not None and at["house"] is not None
    assert at["face"] > 0.75 and at["house"] < 0.25
    assert at["face"] + at["house"] == pytest.approx(1.0)
    assert at["cat"] == pytest.approx(0.5, abs=1e-6)
    assert score.measure(_sample(1), FACE_HOUSE) is None
    assert score.measure(_sample(1, c=np.zeros(17, np.float32)), FACE_HOUSE) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-3, 3, width=32), min_size=17, max_size=17), st.floats(0.1, 50))
def test_similarity_stays_in_its_range_and_ignores_scale(values: list[float], k: float) -> None:
    score = open_score(ScoreSettings())
    c = np.array(values, np.float32)
    found = score.measure(_sample(1, c=c), FACE_HOUSE)
    again = score.measure(_sample(1, c=(c * k).astype(np.float32)), FACE_HOUSE)
    if found is not None and again is not None:
        assert 0.0 <= found <= 1.0
        assert again == pytest.approx(found, abs=1e-4)


def test_targets_from_files(tmp_path: Path) -> None:
    wanted = np.random.default_rng(0).normal(size=(4, 2, 2)).astype(np.float32)
    np.save(tmp_path / "mine.npy", wanted)
    given_ = {"of": "z", "target": "mine", "vectors": {"mine": tmp_path / "mine.npy"}}
    score = open_score(ScoreSettings.model_validate(given_))
    block = Block(0, "regulate", 0, 1, "", "mine")
    assert score.measure(_sample(1, z=wanted), block) == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="bundle's space"):
        score.measure(_sample(1, z=np.ones(3, np.float32)), block)
    with pytest.raises(ConfigError, match="protocol target"):
        score.measure(_sample(1, z=wanted), Block(0, "regulate", 0, 1, "", "face"))
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(ConfigError, match=r"vectors\.bad"):
        open_score(ScoreSettings(vectors={"bad": tmp_path / "bad.npy"}))


def test_category_evidence() -> None:
    sample = _sample(1, probabilities={"face": 0.6, "house": 0.2, "cat": 0.2})
    alone = Block(0, "regulate", 0, 1, "", "face")
    odds = open_score(ScoreSettings(kind="category", measure="log_odds"))
    share = open_score(ScoreSettings(kind="category"))
    assert share.measure(sample, alone) == pytest.approx(0.6)
    assert share.measure(sample, FACE_HOUSE) == pytest.approx(0.75)
    assert odds.measure(sample, FACE_HOUSE) == pytest.approx(math.log(3))
    certain = odds.measure(_sample(1, probabilities={"face": 1.0}), alone)
    assert certain is not None and math.isfinite(certain)
    assert share.measure(sample, Block(0, "regulate", 0, 1, "", "dog")) is None


def test_region_and_power_against_rest() -> None:
    region = open_score(ScoreSettings(kind="region", region="V1"))
    assert region.measure(_sample(9, values={"roi_V1_psc": 3.0}), FACE_HOUSE) == 3.0
    assert region.measure(_sample(9, values={}), FACE_HOUSE) is None
    assert region.against(3.0, 1.0) == pytest.approx(100 * (103 / 101 - 1))
    assert region.against(3.0, None) is None
    assert region.seen_s(_sample(9)) == 4.0
    power = open_score(ScoreSettings(kind="power"))
    assert power.against(20.0, 2.0) == pytest.approx(10.0)
    assert power.against(20.0, None) is None and power.against(0.0, 2.0) is None


class _Mine:
    needs, limits, baseline, unit = "percept", (0.0, 2.0), "none", "1"

    def __init__(self, settings_: ScoreSettings) -> None:
        self.gain = float(settings_.options["gain"])

    def seen_s(self, sample: Sample) -> float:
        return sample.t_data

    def measure(self, sample: Sample, block: Block) -> float | None:
        return self.gain

    def against(self, measured: float, base: float | None) -> float | None:
        return measured


def test_scores_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints([
        EntryPoint("mine", f"{__name__}:_Mine", scores.GROUP),
        EntryPoint("none", "builtins:str", scores.GROUP),
    ])  # fmt: skip
    monkeypatch.setattr(EntryPoint, "load", lambda p: _Mine if p.name == "mine" else str)
    monkeypatch.setattr(scores, "entry_points", lambda group: points)
    found = open_score(ScoreSettings(kind="mine", options={"gain": 2}))
    assert found.measure(_sample(1), FACE_HOUSE) == 2.0
    with pytest.raises(ConfigError, match="returned str"):
        open_score(ScoreSettings(kind="none"))
    with pytest.raises(ConfigError, match="allowed: similarity, category, region, power, mine"):
        open_score(ScoreSettings(kind="other"))


# ---- shaping ------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 3), st.floats(-5, 5)), min_size=1, max_size=12),
    st.floats(0.1, 20),
    st.integers(1, 7),
)
def test_smoothing_is_independent_of_the_rate(
    steps: list[tuple[float, float]], constant_s: float, finer: int
) -> None:
    coarse, fine = Smoother(constant_s), Smoother(constant_s)
    t_s = 0.0
    coarse.add(0, t_s, 1.0)
    fine.add(0, t_s, 1.0)
    for dt_s, value in steps:
        for k in range(1, finer + 1):
            b = fine.add(0, t_s + dt_s * k / finer, value)
        t_s += dt_s
        a = coarse.add(0, t_s, value)
        assert a == pytest.approx(b, abs=1e-9)


def test_smoothing_reaches_63_percent_after_its_constant_and_begins_anew() -> None:
    smoother = Smoother(4.0)
    smoother.add(0, 0.0, 0.0)
    assert smoother.add(0, 4.0, 1.0) == pytest.approx(1 - math.exp(-1))
    assert smoother.add(1, 5.0, 1.0) == 1.0
    assert Smoother(0.0).add(0, 0.0, 3.0) == 3.0


def test_baselines() -> None:
    rest = [(0, 1.0), (0, 3.0), (4, 8.0)]
    expected = {"none": None, "first": 2.0, "last": 8.0, "running": 4.0}
    for kind, value in expected.items():
        baseline = Baseline(kind)
        assert baseline.value() is None
        for block, measured in rest:
            baseline.add(block, measured)
        assert baseline.value() == value, kind


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1000, 1000).map(lambda k: k / 8), min_size=12, max_size=60))
def test_running_limits_are_percentiles_of_what_came_before(values: list[float]) -> None:
    limits = Limits(ShapeSettings(running=True, least=10), (-1.0, 1.0))
    for n, value in enumerate(values):
        low, high = limits.now()
        past = np.array(values[:n])
        if n < 10 or np.ptp(np.percentile(past, [5, 95])) <= 0:
            assert (low, high) == (-1.0, 1.0)
        else:
            assert (low, high) == pytest.approx(tuple(np.percentile(past, [5, 95])), abs=1e-9)
        limits.learn(value)


def test_clipping_and_direction() -> None:
    up, down = (Limits(ShapeSettings.model_validate({"direction": d}), (0, 10)) for d in
                ("up", "down"))  # fmt: skip
    found = [(s.score, s.clipped) for s in map(up.scale, (-5, 2.5, 20))]
    assert found == [(0.0, -1), (0.25, 0), (1.0, 1)]
    assert [down.scale(v).score for v in (-5, 2.5, 20)] == [1.0, 0.75, 0.0]


# ---- the loop -----------------------------------------------------------------------------------

ROWS = [{"kind": "rest", "duration_s": 20}, {"kind": "regulate", "duration_s": 20},
        {"kind": "feedback", "duration_s": 10}]  # fmt: skip
REGION = {"kind": "region", "region": "a", "delay_s": 5}


def _run(values: list[float], **more: object) -> tuple[list[Given], FeedbackLoop]:
    given_ = ProtocolSettings.model_validate({"blocks": ROWS, "cycles": 2, "score": REGION, **more})
    loop = FeedbackLoop(Protocol.of(given_), open_score(given_.score), given_.shape)
    taken = [loop.take(_sample(float(t), values={"roi_a_psc": v})) for t, v in enumerate(values)]
    return [g for g in taken if g is not None], loop


def _told(given_: list[Given]) -> list[str]:
    return [repr(g) for g in given_]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=100, max_size=100),
    st.integers(1, 99),
    st.booleans(),
    st.sampled_from(["first", "last", "running"]),
)
def test_nothing_depends_on_what_comes_later(
    values: list[float], cut: int, running: bool, baseline: str
) -> None:
    shape = {"running": running, "baseline": baseline, "smoothing_s": 3}
    whole, _ = _run(values, shape=shape)
    other, _ = _run(values[:cut] + [v + 9 for v in values[cut:]], shape=shape)
    assert _told(whole[:cut]) == _told(other[:cut])


def test_continuous_feedback_waits_for_its_own_block() -> None:
    given_, loop = _run([0.0] * 25 + [1.0] * 20 + [0.0] * 55)
    shown = {int(g.t_data): g.score for g in given_ if g.shows}
    # Regulation runs from 20 to 40 s; what the brain does then arrives 5 s later.
    assert min(shown) == 25 and max(t for t in shown if t < 40) == 39
    assert shown[30] == pytest.approx(1.0) and loop.counts["unmeasured"] == 0
    # The block of feedback shows the mean of all of it, once all has come.
    assert [t for t in shown if 40 <= t < 50] == [45, 46, 47, 48, 49]
    assert len({shown[t] for t in range(45, 50)}) == 1


def test_intermittent_feedback_shows_results_only() -> None:
    given_, loop = _run([0.0] * 25 + [0.5] * 20 + [0.0] * 55, feedback="intermittent")
    shown = {int(g.t_data): g.score for g in given_ if g.shows}
    assert set(shown) == {45, 46, 47, 48, 49, 95, 96, 97, 98, 99}
    assert shown[45] == pytest.approx(0.75) and shown[95] == pytest.approx(0.5)
    assert loop.counts["shown"] == len(shown)


def test_late_and_broken_samples_are_counted() -> None:
    given_ = ProtocolSettings.model_validate({"blocks": ROWS, "score": REGION})
    loop = FeedbackLoop(Protocol.of(given_), open_score(given_.score), given_.shape)
    assert loop.take(_sample(10.0, values={"roi_a_psc": math.inf})) is not None
    assert loop.take(_sample(9.0, values={"roi_a_psc": 1.0})) is None
    assert loop.counts["late"] == loop.counts["unmeasured"] == 1


# ---- power --------------------------------------------------------------------------------------


def _eeg(seconds: int = 6, fs_hz: int = 100) -> np.ndarray:
    t = np.arange(seconds * fs_hz) / fs_hz
    wave = 10 * np.sin(2 * np.pi * 10 * t) + 30 * np.sin(2 * np.pi * 2 * t)
    return np.stack([wave, np.roll(wave, 3)], axis=1)


def test_power_of_a_sine_is_half_its_amplitude_squared() -> None:
    steps = PowerMeter(100.0, (8.0, 12.0)).add(_eeg(), 0, 0.0)
    assert steps[-1].t_end_s == pytest.approx(6.0)
    assert np.mean([s.power_uv2 for s in steps[-20:]]) == pytest.approx(50.0, rel=0.1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=8), st.booleans())
def test_power_is_the_same_in_any_chunks(cuts: list[int], gap: bool) -> None:
    data = _eeg()
    if gap:
        data[250:255] = np.nan
    whole = PowerMeter(100.0, (8.0, 12.0)).add(data, 0, 0.0)
    meter, found = PowerMeter(100.0, (8.0, 12.0)), []
    edges = sorted({0, 600, *cuts})
    for a, b in pairwise(edges):
        found += meter.add(data[a:b], a, a / 100.0)
    assert [(s.index, s.power_uv2) for s in found] == [(s.index, s.power_uv2) for s in whole]
    assert [s.t_end_s for s in found] == pytest.approx([s.t_end_s for s in whole])


def test_a_gap_silences_the_power_until_the_filter_has_settled() -> None:
    data = _eeg()
    meter = PowerMeter(100.0, (8.0, 12.0), [1])
    found = meter.add(data[:300], 0, 0.0) + meter.add(data[320:], 320, 3.2)
    assert {s.index for s in found} == {*range(8, 30), *range(40, 60)}
    assert meter.add(data[580:], 580, 5.8) == []  # sent twice
    with pytest.raises(ConfigError, match="band_hz"):
        PowerMeter(20.0, (8.0, 12.0))
