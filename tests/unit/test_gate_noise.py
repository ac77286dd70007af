"""Noise, and decoders that have learned nothing: cards, from the data to the views."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from decoder.beyond_chance import FALSE_SHARE, by_chance
from decoder.choose import Grid
from decoder.dataset import Dataset
from decoder.fit import Fitted, fit_decoder
from decoder.heldout import HeldOut
from decoder.samples import make_samples
from phosphene.engine import OnnxEngine
from phosphene.gate.card import no_decode_card
from tests.unit.test_decoder_fit import EMPTY, SETTINGS, silent
from tests.unit.test_decoder_trust import MASK, person, unlabelled
from tests.unit.test_gate_orders import made

Array = npt.NDArray[np.float64]
SHOWN = 60
"""Percepts that are sent through the gate."""
BLOCK = 8
"""Volumes of a block and of the rest after it."""


def fit(data: Dataset) -> Fitted:
    return fit_decoder(data, SETTINGS, Grid(), EMPTY, silent, mask=MASK)


def exchanged(data: Dataset, seed: int) -> Dataset:
    """The same data with the names of each run's blocks exchanged."""
    rng, labels = np.random.default_rng(seed), np.asarray(data.labels).reshape(-1, BLOCK).copy()
    homes = np.asarray(data.groups)[::BLOCK]
    for run in np.unique(homes):
        own = np.flatnonzero(homes == run)
        labels[own] = labels[rng.permutation(own)]
    return replace(data, labels=labels.ravel())


def confidences(fitted: Fitted, data: Dataset) -> Array:
    """What the bundle's graph says of data, as the decoder node asks it."""
    engine = OnnxEngine(fitted.model.export())
    rows = make_samples(data, fitted.settings, fitted.priors).X
    rows = rows[np.linspace(0, len(rows) - 1, SHOWN).astype(int)]
    return np.array([float(engine.run({"x": row[None]})["confidence"][0]) for row in rows])


def pictures(fitted: Fitted, sure: Array) -> int:
    """How many percepts of these confidences the gate shows; the others are cards for all."""
    least, card, shown = fitted.calibration.threshold, no_decode_card(64, 64), 0
    with tempfile.TemporaryDirectory(prefix="ph-") as folder:
        b = made(Path(folder), renderer={"min_confidence": least})
        try:
            for seed, confidence in enumerate(sure.tolist()):
                b.beat()
                painted = b.frame(seed, confidence)
                for sink in ("self", "operator"):
                    ((frame,), _view) = b.seen(sink)
                    showing = frame.header.state == "picture"
                    wanted = painted if showing else card
                    assert np.array_equal(frame.arrays["picture"], wanted)
                shown += showing
            assert b.gate.counts()["frames_carded"] == len(sure) - shown
        finally:
            b.close()
    return shown


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(person(0, 5, 0))


def test_noise_gives_cards_as_often_as_the_bundle_promises(fitted: Fitted) -> None:
    own, rng = person(0, 2, 1), np.random.default_rng(77)
    like = fitted.priors.mean + fitted.priors.std * rng.normal(size=own.responses.shape)
    promised = next(k for k in fitted.calibration.controls if k.kind == "noise")
    passed = round((1 - promised.refused) * promised.n)
    # The share that the bundle measured, at the upper end of what its number of windows allows.
    most = stats.beta.ppf(0.975, passed + 1, promised.n - passed)
    assert most < 0.05, "a promise of nothing"
    got = pictures(fitted, confidences(fitted, unlabelled(like, own)))
    assert got <= stats.binom.ppf(0.999, SHOWN, most)
    # The same gate and decoder show what is the person's own.
    assert pictures(fitted, confidences(fitted, own)) > SHOWN / 5


@pytest.mark.parametrize("seed", [0, 1])
def test_a_decoder_of_shuffled_labels_never_shows_a_picture(seed: int) -> None:
    nothing = fit(exchanged(person(0, 5, 0), seed))
    assert nothing.calibration.threshold == 1.0
    assert nothing.calibration.kept == 0.0
    assert all(control.refused == 1.0 for control in nothing.calibration.controls)
    sure = confidences(nothing, person(0, 2, 1))
    assert sure.max() > 0.1, "it is the threshold that keeps them away"
    assert pictures(nothing, sure) == 0


def told(rng: np.random.Generator, right: float) -> HeldOut:
    """Scores of five runs with twelve blocks of three; a share of the blocks is named rightly."""
    names, block, runs = ("a", "b", "c", "rest"), 3, 5
    true = np.concatenate([rng.permutation(np.repeat(np.arange(3), 4)) for _ in range(runs)])
    said = np.where(rng.random(len(true)) < right, true, rng.integers(0, 3, len(true)))
    scores = np.repeat(np.eye(4)[said], block, axis=0)
    n = len(scores)
    run = np.repeat([f"run {k}" for k in range(runs)], n // runs)
    return HeldOut(
        groups=run, rows=np.arange(n), folds=np.repeat(np.arange(runs), n // runs), labels=names,
        truth=np.repeat(np.array(names)[true], block), stimuli=np.full(n, ""), scores=scores,
        z=None, z_true=None, c=None, c_true=None, split="leave one run out",
    )  # fmt: skip


def test_of_decoders_that_have_learned_nothing_only_the_known_share_passes() -> None:
    rng, draws = np.random.default_rng(0), 300
    found = np.array([by_chance(told(rng, 0.0), 0) for _ in range(draws)])
    for share in (FALSE_SHARE, 0.2):
        assert (found <= share).sum() <= stats.binom.ppf(0.999, draws, share)
    assert (found <= 0.2).any(), "whole blocks count, and some are right by luck"
    assert by_chance(told(rng, 0.5), 0) <= FALSE_SHARE
    unseen = replace(told(rng, 1.0), truth=np.full(180, "rest"))
    assert by_chance(unseen, 0) == 1.0
