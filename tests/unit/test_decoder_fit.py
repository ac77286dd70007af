"""Fitting, exporting and bundling: what is fitted is what runs, and held-out figures are honest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from decoder.choose import Grid, choose
from decoder.dataset import Dataset
from decoder.fit import Facts, fit_bundle, fit_decoder
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from phosphene.bundle import Bundle, mask_sha256
from phosphene.describe import describe_bundle
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError
from phosphene.manifest import TargetInfo
from phosphene.model_card import CARD

CATEGORIES = ("face", "house", "cat")
PROTOTYPES = np.array([[1, -0.5, -0.5, 0], [-0.5, 1, -0.5, 0], [-0.5, -0.5, 1, 0]], np.float32)
TARGET = TargetInfo(
    id="test-space", sha256="a" * 64, c_dim=4, z_shape=(2, 3, 3), categories=CATEGORIES
)
MASK = np.ones((4, 5, 1), dtype=bool)
EMPTY = LinearModel(categories=CATEGORIES, prototypes=PROTOTYPES, z_shape=(2, 3, 3))


def silent(what: str, done: int, total: int) -> None:
    assert what and 0 <= done <= total


def make(seed: int = 0, signal: float = 1.0, lag: int = 2, runs: int = 4) -> Dataset:
    """Blocks of 4 volumes, rest of 3; the response comes `lag` volumes late; TR 2 s."""
    rng = np.random.default_rng(seed)
    C, Z = rng.normal(size=(4, 20)), rng.normal(size=(18, 20)) * 0.3
    parts = []
    for _ in range(runs):
        labels, c, z = [], [], []
        for name in rng.permutation(np.repeat(CATEGORIES, 3)):
            attribute = rng.normal() * 0.5
            one = np.r_[PROTOTYPES[CATEGORIES.index(name)][:3], attribute]
            detail = rng.normal(size=18)
            labels += [str(name)] * 4 + ["rest"] * 3
            c += [one] * 4 + [np.full(4, np.nan)] * 3
            z += [detail] * 4 + [np.full(18, np.nan)] * 3
        drive = np.nan_to_num(np.array(c)) @ C + np.nan_to_num(np.array(z)) @ Z
        late = np.r_[np.zeros((lag, 20)), drive[: len(drive) - lag]]
        x = 100 + 5 * rng.normal(size=20) + signal * late + rng.normal(size=late.shape)
        parts.append((x, np.array(labels), np.array(c), np.array(z)))
    n = len(parts[0][0])
    return Dataset(
        responses=np.concatenate([p[0] for p in parts]).astype(np.float32),
        groups=np.repeat([str(k) for k in range(runs)], n),
        times=np.tile(np.arange(n) * 2.0, runs),
        labels=np.concatenate([p[1] for p in parts]),
        c=np.concatenate([p[2] for p in parts]).astype(np.float32),
        z=np.concatenate([p[3] for p in parts]).astype(np.float32).reshape(-1, 2, 3, 3),
    )


def facts(**changes: object) -> Facts:
    fields = {
        "person": "p01",
        "modality": "fmri",
        "mask_hash": mask_sha256(MASK, np.eye(4)),
        "target": TARGET,
        "prototypes": PROTOTYPES,
        "created": "2026-01-01T00:00:00+00:00",
        "mask": MASK,
        "affine": np.eye(4),
    }
    return Facts(**{**fields, **changes})  # type: ignore[arg-type]


SETTINGS = FitSettings(window=2, delay_s=4.0, period_s=2.0, prior_weight=5.0)


@pytest.mark.parametrize("combine", ["mean", "concat"])
@pytest.mark.parametrize("derived_c", [False, True])
def test_graph_computes_what_the_model_computes(combine: str, derived_c: bool) -> None:
    data = make()
    settings = SETTINGS.model_copy(update={"combine": combine})
    samples = make_samples(data, settings, learn_priors(data, settings))
    if derived_c:
        object.__setattr__(samples, "c", None)
    model = EMPTY.fit(samples, settings).calibrated(1.7, 0.8, -0.2)
    content = model.export()
    assert onnx.load_from_string(content).opset_import[0].version <= 20
    engine = OnnxEngine(content)
    wanted = model.predict(samples.X[:40])
    for k in range(40):
        got = engine.run({"x": samples.X[k : k + 1]})
        for name in ("z", "c", "log_probabilities", "confidence"):
            expected = getattr(wanted, name)[k]
            np.testing.assert_allclose(got[name][0], expected, atol=1e-4)
    assert np.exp(wanted.log_probabilities).sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_derived_c_is_the_mixture_of_prototypes() -> None:
    data = make()
    bare = Dataset(data.responses, data.groups, data.times, labels=data.labels)
    samples = make_samples(bare, SETTINGS, learn_priors(bare, SETTINGS))
    model = EMPTY.fit(samples, SETTINGS)
    assert model.heads == ("class",)
    assert model.labels == (*CATEGORIES, "rest")
    percepts = model.predict(samples.X)
    assert percepts.z is None
    shares = np.exp(percepts.log_probabilities)
    np.testing.assert_allclose(percepts.c, shares[:, :3] @ PROTOTYPES, atol=1e-6)


def test_labels_are_taken_from_c_where_missing() -> None:
    data = make()
    bare = Dataset(data.responses, data.groups, data.times, c=data.c)
    samples = make_samples(bare, SETTINGS, learn_priors(bare, SETTINGS))
    model = EMPTY.fit(samples, SETTINGS)
    assert model.labels == CATEGORIES
    only_z = Dataset(data.responses, data.groups, data.times, z=data.z)
    with pytest.raises(InputError, match="labels or c"):
        EMPTY.fit(make_samples(only_z, SETTINGS, learn_priors(only_z, SETTINGS)), SETTINGS)


def test_bundle_holds_what_is_needed_and_its_figures(tmp_path: Path) -> None:
    bundle = fit_bundle(make(), SETTINGS, facts(), silent)
    held = Bundle.load(bundle.write(tmp_path / "p01"))
    m = held.manifest
    assert m.heads == ("z", "c", "class")
    assert m.labels == (*CATEGORIES, "rest")
    assert m.window.delay_s == 4.0
    assert m.normaliser.settings == {"prior_weight": 5.0}
    assert held.statistics["prior_mean"].shape == (20,)
    scores = {s.name: s for s in m.metrics}
    assert "most frequent category" in describe_bundle(held)
    assert "most frequent category" in held.payload[CARD].decode()
    # Three things are shown: too few for a choice among ten.
    assert set(scores) == {"category_3_way", "auc_shown_rest", "z_two_way", "c_two_way"}
    for score in scores.values():
        assert score.chance < score.low <= score.value <= score.high, score
        assert score.shuffled < score.low, score
    assert m.calibration.brier < m.calibration.base_brier


def test_no_signal_gives_chance_and_no_confidence() -> None:
    """The whole way, choices included, must not find what is not there."""
    values = []
    for seed in range(3):
        fitted = fit_decoder(
            make(seed, signal=0.0), SETTINGS, Grid(delays_s=(0.0, 2.0, 4.0)), EMPTY, silent
        )
        scores = {s.name: s.value for s in fitted.scores}
        values.append([scores["category_3_way"], scores["z_two_way"]])
        assert fitted.calibration.brier > fitted.calibration.base_brier - 0.01
    category, two_way = np.mean(values, axis=0)
    assert category == pytest.approx(1 / 3, abs=0.08)
    assert two_way == pytest.approx(0.5, abs=0.05)


def test_delay_and_window_are_found() -> None:
    data = make(lag=2)
    grid = Grid(delays_s=(0.0, 2.0, 4.0, 6.0), shapes=((1, "mean"), (2, "mean")))
    start = SETTINGS.model_copy(update={"window": 1, "combine": "mean", "delay_s": 0.0})
    assert choose(data, start, grid, EMPTY).delay_s == 4.0
    assert choose(data, start, Grid(), EMPTY) == start


def test_same_data_give_the_same_bundle() -> None:
    first = fit_bundle(make(), SETTINGS, facts(), silent)
    second = fit_bundle(make(), SETTINGS, facts(), silent)
    assert first.digest == second.digest


def test_epochs_need_no_normaliser_and_no_rest() -> None:
    data = make()
    rows = data.labels != "rest"
    assert data.labels is not None
    epochs = Dataset(
        np.roll(data.responses, -2, axis=0)[rows], data.groups[rows], data.times[rows],
        labels=data.labels[rows],
    )  # fmt: skip
    settings = FitSettings(window=1, period_s=0.8, normaliser="none")
    eeg = facts(modality="eeg", channels=("TP9",), mask=None, affine=None, mask_hash="layout")
    bundle = fit_bundle(epochs, settings, eeg, silent)
    assert bundle.manifest.normaliser.kind == "none"
    assert bundle.manifest.labels == CATEGORIES
    assert bundle.manifest.metrics[0].value > 0.5


def test_one_run_is_refused() -> None:
    with pytest.raises(InputError, match="groups"):
        fit_bundle(make(runs=1), SETTINGS, facts(), silent)


def test_unknown_label_is_named() -> None:
    data = make()
    assert data.labels is not None
    strange = Dataset(
        data.responses, data.groups, data.times,
        labels=np.where(data.labels == "cat", "dog", data.labels),
    )  # fmt: skip
    with pytest.raises(InputError, match="dog"):
        fit_bundle(strange, SETTINGS, facts(), silent)
