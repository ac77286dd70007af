"""Trials: one response for each picture, in any target space, with or without categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decoder.choose import Grid
from decoder.dataset import Dataset
from decoder.fit import Facts, fit_bundle
from decoder.heldout import decode_held_out
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from decoder.splits import Split
from phosphene.bundle import Bundle, mask_sha256
from phosphene.engine import OnnxEngine
from phosphene.manifest import TargetInfo

TRIALS = FitSettings(window=1, combine="mean", period_s=1.0, normaliser="none", per_event=True)
MASK = np.ones((30, 1, 1), np.bool_)


def silent(what: str, done: int, total: int) -> None:
    assert what and 0 <= done <= total


def make(n: int = 60, signal: float = 1.0, z: bool = True, c: bool = True) -> Dataset:
    """30 voxels; z (3, 5, 4) and c (6,) are mixtures of the 8 numbers that a picture is."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(n, 8))
    responses = signal * pictures @ rng.normal(size=(8, 30)) + 0.5 * rng.normal(size=(n, 30))
    latent = pictures @ rng.normal(size=(8, 60))
    return Dataset(
        responses=responses.astype(np.float32),
        groups=np.repeat([f"fold {k}" for k in range(6)], n // 6),
        times=np.arange(n, dtype=np.float64),
        z=latent.astype(np.float32).reshape(n, 3, 5, 4) if z else None,
        c=(pictures @ rng.normal(size=(8, 6))).astype(np.float32) if c else None,
    )


def empty() -> LinearModel:
    return LinearModel(categories=(), prototypes=np.zeros((0, 6), np.float32), z_shape=(3, 5, 4))


@pytest.mark.parametrize(("z", "c"), [(True, True), (True, False), (False, True)])
def test_graph_computes_what_the_model_computes(z: bool, c: bool) -> None:
    data = make(z=z, c=c)
    samples = make_samples(data, TRIALS, learn_priors(data, TRIALS))
    model = empty().fit(samples, TRIALS).calibrated(1.0, 0.0, 0.4)
    assert model.heads == tuple(name for name, there in (("z", z), ("c", c)) if there)
    wanted = model.predict(samples.X)
    engine = OnnxEngine(model.export())
    assert {spec.name for spec in engine.outputs} == {*model.heads, "confidence"}
    for k in (0, 17):
        got = engine.run({"x": samples.X[k : k + 1]})
        for name in (*model.heads, "confidence"):
            np.testing.assert_allclose(got[name][0], getattr(wanted, name)[k], atol=1e-4)
    if z:
        assert wanted.z is not None
        assert wanted.z.shape == (60, 3, 5, 4)


def test_graph_of_two_small_matrices_computes_the_same() -> None:
    rng = np.random.default_rng(0)
    few = Dataset(
        responses=rng.normal(size=(12, 500)).astype(np.float32),
        groups=np.repeat(["1", "2", "3"], 4), times=np.arange(12.0),
        z=rng.normal(size=(12, 3, 5, 4)).astype(np.float32),
    )  # fmt: skip
    settings = TRIALS.model_copy(update={"folds": 3, "restore": (0.0, 1.0)})
    samples = make_samples(few, settings, learn_priors(few, settings))
    model = empty().fit(samples, settings)
    assert model.z is not None
    assert model.z.first is not None
    got = OnnxEngine(model.export()).run({"x": samples.X[:1]})["z"]
    np.testing.assert_allclose(got, model.predict(samples.X[:1]).z, atol=1e-4)


def test_every_trial_is_decoded_without_itself() -> None:
    data = make()
    held = decode_held_out(data, TRIALS, Grid(), empty(), silent)
    assert sorted(held.rows.tolist()) == list(range(60))
    assert held.labels == ()
    assert held.scores.shape == (60, 0)
    assert held.z is not None
    assert held.z_true is not None
    r = np.corrcoef(held.z.ravel(), held.z_true.ravel())[0, 1]
    assert r > 0.8
    z = np.asarray(data.z).copy()
    z[data.groups == "fold 3"] = 99.0
    changed = Dataset(data.responses, data.groups, data.times, z=z, c=data.c)
    again = decode_held_out(changed, TRIALS, Grid(), empty(), silent)
    own = held.groups == "fold 3"
    assert again.z is not None
    np.testing.assert_array_equal(again.z[own], held.z[own])


def test_any_split_is_kept_to() -> None:
    data = make()
    train, test = np.arange(50), np.arange(50, 60)
    split = Split("as it came", ("stimulus",), ((train, test),))
    held = decode_held_out(data, TRIALS, Grid(), empty(), silent, split)
    assert held.rows.tolist() == test.tolist()
    assert held.split == "as it came"
    across = tuple((np.flatnonzero(np.arange(60) % 3 != k), np.arange(k, 60, 3)) for k in range(3))
    held = decode_held_out(data, TRIALS, Grid(), empty(), silent, Split("thirds", (), across))
    assert set(held.clusters.tolist()) == {"fold 0", "fold 1", "fold 2"}


def test_bundle_of_trials_needs_no_category(tmp_path: Path) -> None:
    facts = Facts(
        person="p01", modality="fmri", mask_hash=mask_sha256(MASK, np.eye(4)),
        target=TargetInfo(id="any", sha256="a" * 64, c_dim=6, z_shape=(3, 5, 4), categories=()),
        prototypes=np.zeros((0, 6), np.float32), created="2026-01-01T00:00:00+00:00",
        mask=MASK, affine=np.eye(4),
    )  # fmt: skip
    bundle = fit_bundle(make(), TRIALS, facts, silent)
    held = Bundle.load(bundle.write(tmp_path / "p01"))
    assert held.manifest.heads == ("z", "c")
    assert held.manifest.labels == ()
    scores = {score.name: score for score in held.manifest.metrics}
    assert set(scores) == {"z_two_way", "z_10_way", "c_two_way", "c_10_way"}
    assert scores["z_two_way"].value > 0.95 > scores["z_two_way"].shuffled
    assert 0 < held.manifest.calibration.brier < 0.1
    confidence = OnnxEngine(held.graph).run({"x": np.zeros((1, 30), np.float32)})["confidence"]
    assert 0 <= float(confidence[0]) <= 1


def test_no_signal_is_no_identification() -> None:
    held = decode_held_out(make(signal=0.0), TRIALS, Grid(), empty(), silent)
    assert held.c is not None
    assert held.c_true is not None
    residual = ((held.c - held.c_true) ** 2).sum() / (held.c_true**2).sum()
    assert residual > 0.9
