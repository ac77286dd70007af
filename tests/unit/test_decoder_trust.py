"""Confidence: calibrated on the person's own data, low for all else, the same in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from decoder import encounters
from decoder.calibrate import calibration_error, fit_logistic, quantile_kept, reliability
from decoder.choose import Grid
from decoder.classify import fit_temperature
from decoder.dataset import Dataset
from decoder.familiar import MEASURES, Familiarity
from decoder.fit import Fitted, fit_decoder
from decoder.heldout import decode_held_out
from decoder.impostors import KINDS, impostors, moved_from
from decoder.samples import Priors, make_samples
from decoder.trust import Trials, calibrate, fit_curves
from decoder.trust_study import judge, pooled, table
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError
from tests.unit.test_decoder_fit import CATEGORIES, EMPTY, PROTOTYPES, SETTINGS, silent

SHAPE = (6, 7, 2)
MASK = np.ones(SHAPE, np.bool_)
VOXELS = int(MASK.sum())


def person(who: int, runs: int, seed: int) -> Dataset:
    """Blocks of 4 volumes and rest of 4; every person has patterns and anatomy of their own."""
    own, rng = np.random.default_rng([who, 7]), np.random.default_rng([who, seed])
    patterns, smooth = own.normal(size=(3, VOXELS)), own.normal(size=(3, VOXELS))
    anatomy = 100 + 20 * own.normal(size=VOXELS)
    parts, labels = [], []
    for _ in range(runs):
        names = [n for k in rng.permutation(np.repeat(CATEGORIES, 4)) for n in [k] * 4 + [""] * 4]
        drive = np.array([patterns[CATEGORIES.index(n)] if n else 0 * patterns[0] for n in names])
        late = np.r_[np.zeros((2, VOXELS)), drive[:-2]]
        noise = rng.normal(size=late.shape) + rng.normal(size=(len(late), 3)) @ smooth
        parts.append(anatomy + 0.8 * late + noise)
        labels.append([str(n) or "rest" for n in names])
    n = len(parts[0])
    return Dataset(
        responses=np.concatenate(parts).astype(np.float32),
        groups=np.repeat([str(k) for k in range(runs)], n),
        times=np.tile(2.0 * np.arange(n), runs),
        labels=np.concatenate(labels),
    )


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit_decoder(person(0, 5, 0), SETTINGS, Grid(), EMPTY, silent, mask=MASK)


def unlabelled(responses: np.ndarray, like: Dataset) -> Dataset:  # type: ignore[type-arg]
    return replace(like, responses=responses.astype(np.float32), labels=np.full(len(responses), ""))


def test_what_is_not_the_person_is_refused_and_what_is_right_is_kept(fitted: Fitted) -> None:
    own, rng = person(0, 2, 1), np.random.default_rng(0)
    x, priors = own.responses, fitted.priors
    moved = x.reshape(-1, *SHAPE)
    others = {
        "noise": unlabelled(priors.mean + priors.std * rng.normal(size=x.shape), own),
        "loud noise": unlabelled(rng.uniform(0, 4095, x.shape), own),
        "stranger": unlabelled(person(1, 2, 1).responses, own),
        "moved 1": unlabelled(np.roll(moved, 1, axis=1).reshape(len(x), -1), own),
        "moved 2": unlabelled(np.roll(moved, -2, axis=2).reshape(len(x), -1), own),
    }
    judged = judge(fitted, own, others)
    assert judged.passed["right"].mean() > 0.7
    for kind in others:
        assert judged.passed[kind].mean() <= 0.05, kind
    assert judged.passed["rest that has lasted 4 s"].mean() <= 0.05
    assert judged.brier < 0.6 * judged.right.mean() * (1 - judged.right.mean())
    assert judged.error < 0.15


def test_bundle_figures_are_those_of_left_out_runs(fitted: Fitted) -> None:
    c = fitted.calibration
    assert c.feature == "trust" and c.kept == 0.8
    assert c.threshold is not None and 0 < c.threshold < 1
    assert c.brier < c.base_brier
    assert {control.kind for control in c.controls} == {"not identified", *KINDS}
    assert all(control.refused > 0.9 for control in c.controls if control.kind in KINDS)
    assert sum(b.n for b in c.reliability) == c.n
    assert c.error == pytest.approx(calibration_error(c.reliability))


def test_graph_gives_the_confidence_of_the_model(fitted: Fitted) -> None:
    engine, rng = OnnxEngine(fitted.model.export()), np.random.default_rng(0)
    own = make_samples(person(0, 1, 2), fitted.settings, fitted.priors).X[::7]
    wide = own.shape[1]
    strange = np.array([np.zeros(wide), 50 * rng.normal(size=wide), rng.normal(size=wide)])
    for rows in (own, strange.astype(np.float32)):
        wanted = fitted.model.predict(rows).confidence
        got = [engine.run({"x": row[None]})["confidence"][0] for row in rows]
        np.testing.assert_allclose(got, wanted, atol=1e-4)


def test_nothing_known_cannot_be_calibrated() -> None:
    data = person(0, 3, 0)
    unknown = replace(data, labels=np.where(data.labels == "cat", "", data.labels))
    assert fit_decoder(unknown, SETTINGS, Grid(), EMPTY, silent).calibration.n < len(data)
    nothing = replace(data, labels=np.full(len(data), ""))
    with pytest.raises(InputError):
        fit_decoder(nothing, SETTINGS, Grid(), EMPTY, silent)


def test_confidence_is_never_measured_on_what_it_was_learned_from() -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat(["own", "noise"], 20)
    one = Trials(
        rng.normal(size=(40, 3)), rng.normal(size=40), rng.normal(size=40),
        rng.integers(0, 2, 40) * (kinds == "own"), np.full(40, "run 1"), kinds,
    )  # fmt: skip
    with pytest.raises(InputError, match=r"run 1.*2 or more"):
        calibrate(one)
    with pytest.raises(InputError, match="temperature"):
        fit_temperature(np.zeros((0, 2)), np.zeros(0, int))
    # A second cluster of impostors alone is none to learn from.
    with pytest.raises(InputError, match="2 or more"):
        calibrate(replace(one, clusters=np.repeat(["run 1", "run 2"], 20)))


def test_each_fold_meets_impostors_of_its_own_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []

    def watched(
        data: Dataset, priors: Priors, delay_s: float, rng: np.random.Generator, mask: object
    ) -> Iterator[tuple[str, Dataset]]:
        drawn.append(rng.random())
        return iter(())

    monkeypatch.setattr(encounters, "impostors", watched)
    decode_held_out(person(0, 3, 0), SETTINGS, Grid(), EMPTY, silent)
    assert len(set(drawn)) == 3


def test_without_categories_confidence_is_the_share_of_pictures_beaten() -> None:
    data = person(0, 4, 3)
    codes = {**dict(zip(CATEGORIES, PROTOTYPES, strict=True)), "rest": np.full(4, np.nan)}
    labels = np.asarray(data.labels)
    c = np.array([codes[str(name)] for name in labels], np.float32)
    empty = replace(EMPTY, categories=(), prototypes=np.zeros((0, 4), np.float32))
    found = fit_decoder(replace(data, c=c, labels=None), SETTINGS, Grid(), empty, silent)
    assert found.model.heads == ("c",)
    assert found.calibration.brier < found.calibration.base_brier + 0.02
    rows = make_samples(data, found.settings, found.priors).X
    noise = np.random.default_rng(0).normal(size=rows.shape).astype(np.float32)
    seen = np.isfinite(c[2:]).all(axis=1)[: len(rows)]
    assert found.model.predict(rows[seen]).confidence.mean() > 0.5
    least = found.calibration.threshold
    assert least is not None and (found.model.predict(noise).confidence < least).mean() > 0.95


def test_familiarity_is_flat_on_its_own_rows_and_moves_with_strangeness() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 40)) + rng.normal(size=(200, 40))
    usual = Familiarity.of(np.tile(X, (1, 2)), 2)
    own, noise = usual(np.tile(X, (1, 2))), usual(np.tile(rng.normal(size=(200, 40)), (1, 2)))
    far = usual(np.tile(10 * X, (1, 2)))
    assert own.shape == (200, len(MEASURES))
    assert noise[:, 2].mean() < own[:, 2].mean() - 1
    assert (far[:, :2].mean(axis=0) > own[:, :2].mean(axis=0) + 2).all()
    assert np.isfinite(usual(np.zeros((1, 80)))).all()


def test_moves_take_the_value_of_the_place_they_come_from() -> None:
    mask = np.zeros((4, 3, 1), np.bool_)
    mask[:, 1] = True
    assert moved_from(mask, (1, 0, 0)).tolist() == [-1, 0, 1, 2]
    assert moved_from(mask, (-2, 0, 0)).tolist() == [2, 3, -1, -1]
    assert moved_from(mask, (0, 1, 0)).tolist() == [-1] * 4


def test_impostors_keep_the_layout_and_need_no_mask() -> None:
    data = person(0, 2, 0)
    priors = Priors(np.zeros(VOXELS, np.float32), np.ones(VOXELS, np.float32))
    for mask, kinds in ((MASK, set(KINDS)), (None, {"noise", "other order"})):
        made = list(impostors(data, priors, 0.0, np.random.default_rng(0), mask))
        assert {kind for kind, _ in made} == kinds
        assert all(d.responses.shape[1] == VOXELS and len(d) <= 96 for _, d in made)
        assert all(np.abs(d.responses - data.responses[: len(d)]).max() > 0.1 for _, d in made)


def test_more_strangeness_never_means_more_confidence() -> None:
    rng = np.random.default_rng(0)
    n = 300
    measures = np.concatenate([rng.normal(size=(n, 3)), rng.normal(size=(n, 3)) + 3])
    kinds = np.repeat(["own", "noise"], n)
    odds = rng.normal(size=2 * n)
    success = (rng.random(2 * n) < 1 / (1 + np.exp(-2 * odds))) * (kinds == "own")
    clusters = np.tile(np.repeat(["a", "b", "c"], n // 3), 2)
    trials = Trials(measures, odds, np.zeros(2 * n), success.astype(float), clusters, kinds)
    curves, found = calibrate(trials)
    steps = np.linspace(0, 30, 50)[:, None] * np.ones(3) + curves.centre
    for side in (steps, 2 * curves.centre - steps):
        falling = curves.confidence(side, np.full(50, 3.0), np.zeros(50))
        assert (np.diff(falling) <= 1e-12).all()
        assert falling[-1] < 0.1 or falling[0] == falling[-1]
    rising = curves.confidence(
        np.tile(curves.centre, (50, 1)), np.linspace(-5, 5, 50), np.zeros(50)
    )
    assert (np.diff(rising) > 0).all()
    assert {c.kind: c.refused for c in found.controls}["noise"] > 0.9
    assert found.error is not None and found.error < 0.1
    nothing = curves.confidence(np.full((1, 3), np.nan), np.zeros(1), np.zeros(1))
    assert nothing.tolist() == [0.0]
    hopeless = replace(trials, success=np.zeros(2 * n))
    assert fit_curves(hopeless).confidence(measures[:n], odds[:n], np.zeros(n)).max() < 0.2


def test_threshold_reliability_and_error_by_hand() -> None:
    sure = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.1])
    right = np.array([1.0, 1, 0, 1, 1, 1])
    assert quantile_kept(sure, right, 0.8) == 0.5
    assert quantile_kept(sure, right, 0.4) == 0.8
    bins = reliability(np.array([0.05, 0.95, 0.92]), np.array([0.0, 1.0, 0.0]))
    assert [(b.n, b.success) for b in bins] == [(1, 0.0), (2, 0.5)]
    assert calibration_error(bins) == pytest.approx((0.05 + 2 * 0.435) / 3)


def test_bounded_weights_stay_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    y = (rng.random(500) < 1 / (1 + np.exp(-(1.5 * x[:, 0] - x[:, 1] + 0.5)))).astype(float)
    free, bias = fit_logistic(x, y, (0, 0))
    np.testing.assert_allclose([*free, bias], [1.5, -1.0, 0.5], atol=0.35)
    bound, _ = fit_logistic(x, y, (-1, 1))
    assert bound.tolist() == [0.0, 0.0]


def test_table_shows_the_curve_beside_the_threshold(fitted: Fitted) -> None:
    own = person(0, 1, 4)
    stranger = unlabelled(person(2, 1, 4).responses, own)
    parts = [judge(fitted, own, {"stranger": stranger}) for _ in range(2)]
    both = pooled(parts)
    assert both.refused(0.8)["stranger"] == parts[0].refused(0.8)["stranger"]
    text = table(both, "a person")
    assert "| refused: stranger | " in text and "| **right percepts kept** |" in text
    assert "expected calibration error" in text
