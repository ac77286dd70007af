"""The category in c: both heads are weighed on rows left out, and the graph does the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from decoder.category_code import codes_of, fit_mix, held_out_mix
from decoder.choose import Grid
from decoder.dataset import Dataset
from decoder.fit import Fitted, fit_decoder
from decoder.model import LinearModel
from decoder.samples import make_samples
from decoder.settings import FitSettings
from phosphene.engine import OnnxEngine
from phosphene.stimuli import C_DIM, CATEGORIES, embed, sample_scene, typical
from renderer.inworld import certainty

PROTOTYPES = np.stack([typical(name) for name in CATEGORIES])
EMPTY = LinearModel(categories=CATEGORIES, prototypes=PROTOTYPES)
SETTINGS = FitSettings(window=1, period_s=0.5, normaliser="none")


def epochs(seed: int, signal: float, runs: int = 4, each: int = 64) -> Dataset:
    """Weak linear responses to scenes: runs of epochs without rest."""
    person, rng = np.random.default_rng(7), np.random.default_rng(seed)
    weights = person.normal(size=(C_DIM, 40))
    names = [CATEGORIES[k % 8] for k in range(runs * each)]
    c = np.stack([embed(sample_scene(rng, name)) for name in names])
    x = signal * c @ weights + rng.normal(size=(len(c), 40)) * 3
    return Dataset(
        responses=x.astype(np.float32),
        groups=np.repeat([str(k) for k in range(runs)], each),
        times=np.tile(np.arange(each, dtype=float), runs),
        labels=np.array(names),
        c=c.astype(np.float32),
    )


def fitted(data: Dataset) -> Fitted:
    return fit_decoder(data, SETTINGS, Grid(), EMPTY, lambda *_: None)


def shuffled(data: Dataset, seed: int) -> Dataset:
    assert data.labels is not None
    assert data.c is not None
    order = np.random.default_rng(seed).permutation(len(data))
    return replace(data, labels=data.labels[order], c=data.c[order])


@pytest.fixture(scope="module")
def weak() -> Fitted:
    return fitted(epochs(0, 1.0))


def test_the_mix_knows_the_category_better_than_regression_alone(weak: Fitted) -> None:
    """On a session that took no part in the fit; the weights come from calibration runs alone."""
    session = epochs(1, 1.0, runs=1, each=400)
    samples = make_samples(session, SETTINGS, weak.priors)
    true = samples.c
    assert true is not None
    assert weak.model.mix is not None
    mixed, alone = (m.predict(samples.X).c for m in (weak.model, replace(weak.model, mix=None)))
    assert mixed is not None
    assert alone is not None

    def lost(c: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        return float(((c - true)[:, :8] ** 2).mean() / (true[:, :8] ** 2).mean())

    assert lost(mixed) < lost(alone) < 1.0
    np.testing.assert_array_equal(mixed[:, 8:], alone[:, 8:])


def test_the_picture_is_of_the_category_that_the_percept_names(weak: Fitted) -> None:
    percepts = weak.model.predict(epochs(1, 1.0, runs=1).responses)
    assert percepts.c is not None
    sure = certainty(percepts.c) > 0.5
    named = percepts.log_probabilities.argmax(axis=1)
    assert sure.sum() > 10
    assert (percepts.c[:, :8].argmax(axis=1) == named)[sure].mean() > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_labels_give_level_codes_that_are_not_painted(seed: int) -> None:
    model = fitted(shuffled(epochs(seed, 1.0), seed)).model
    percepts = model.predict(epochs(seed + 10, 1.0, runs=1).responses)
    assert percepts.c is not None
    # The renderer paints nothing below 0.24 (renderer/weights/in-world.json).
    assert (certainty(percepts.c) > 0.24).mean() < 0.02


def test_confidence_stays_what_it_was_calibrated_as(weak: Fitted) -> None:
    """It is told the signal of regression, as when its curve was learned."""
    X = epochs(1, 1.0, runs=1).responses
    before = replace(weak.model, mix=None).predict(X)
    after = weak.model.predict(X)
    np.testing.assert_array_equal(after.confidence, before.confidence)
    assert after.c is not None
    assert before.c is not None
    assert np.abs(after.c - before.c)[:, :8].max() > 0.05


def test_the_graph_mixes_as_the_model_does(weak: Fitted) -> None:
    X = epochs(2, 1.0, runs=1).responses[:20]
    wanted, engine = weak.model.predict(X), OnnxEngine(weak.model.export())
    for k in range(len(X)):
        got = engine.run({"x": X[k : k + 1]})
        for name in ("c", "confidence", "log_probabilities"):
            np.testing.assert_allclose(got[name][0], getattr(wanted, name)[k], atol=1e-4)


def test_weights_follow_what_each_head_knows() -> None:
    codes = codes_of(CATEGORIES, PROTOTYPES)
    assert codes is not None
    rng = np.random.default_rng(0)
    seen = rng.integers(0, 8, 400)
    true = PROTOTYPES[seen]
    knows = log_softmax(4.0 * codes[seen] + rng.normal(size=(400, 8)) * 0.3, axis=1)
    nothing = log_softmax(rng.normal(size=(400, 8)), axis=1)
    noise = rng.normal(size=true.shape)
    by_class = fit_mix(noise, knows, true, codes)
    assert by_class.classed > 0.8
    assert by_class.regressed < 0.1
    by_regression = fit_mix(true + 0.1 * noise, nothing, true, codes)
    assert by_regression.regressed > 0.8
    assert by_regression.classed < 0.1
    neither = fit_mix(noise, nothing, true, codes)
    assert neither.regressed < 0.1
    assert neither.classed < 0.2


def test_a_run_left_out_is_mixed_by_the_others_alone() -> None:
    codes = codes_of(CATEGORIES, PROTOTYPES)
    assert codes is not None
    rng = np.random.default_rng(1)
    true = PROTOTYPES[rng.integers(0, 8, 90)].astype(np.float64)
    logs, c = log_softmax(rng.normal(size=(90, 9)), axis=1), true + rng.normal(size=true.shape)
    clusters = np.repeat(["a", "b", "c"], 30)
    first = held_out_mix(c, logs, true, codes, clusters)
    changed = true.copy()
    changed[clusters == "b"] = np.nan
    again = held_out_mix(c, logs, changed, codes, clusters)
    np.testing.assert_array_equal(first[clusters == "b"], again[clusters == "b"])
    assert np.abs(first - again)[clusters != "b"].max() > 0


def test_only_codes_of_the_world_are_mixed() -> None:
    assert codes_of((), PROTOTYPES[:0]) is None
    assert codes_of(CATEGORIES, np.roll(PROTOTYPES, 1, axis=0)) is None, "of other categories"
    assert codes_of(("six", "nine"), np.eye(2, dtype=np.float32)) is None
    two = codes_of(CATEGORIES[:2], PROTOTYPES[:2])
    assert two is not None
    assert two.shape == (2, 8)
