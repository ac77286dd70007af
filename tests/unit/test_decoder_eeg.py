"""Artefacts held back, compact convolutions: alone, in the graph, in a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from decoder.choose import Grid, choose, held_out_loss
from decoder.dataset import Dataset
from decoder.eeg import train
from decoder.eeg.kinds import with_kind
from decoder.eeg.limit import Limiter
from decoder.eeg.network import Convolution, Layers, Shape
from decoder.eeg.train import Training, fit_categories, fit_embedding
from decoder.eeg.whiten import Whitener
from decoder.fit import fit_decoder
from decoder.model import LinearModel
from decoder.settings import FitSettings
from phosphene.dataset import PreparedMeta, TimedEvent
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError

CHANNELS, TIMES, RATE_HZ = 4, 40, 50.0
LAYOUT = (CHANNELS, RATE_HZ)
CLASSES = ("face", "house")
EMPTY = LinearModel(CLASSES, np.eye(2, 5, dtype=np.float32), (2, 3, 3))
FEW = Training(
    shape=Shape(members=2, maps=4, filter_s=0.3, pool_s=0.08), epochs=6, folds=1, dropout=0.2
)

Array = npt.NDArray[Any]


def epochs(n: int = 192, seed: int = 0) -> tuple[Array, Array, Array]:
    """Two classes that differ by a wave, under noise that drifts and is shared by channels."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2, n)
    noise = np.cumsum(rng.normal(0, 1.0, (n, CHANNELS, TIMES)), axis=2)
    noise = np.einsum("ij,njt->nit", np.eye(CHANNELS) + 0.4, noise)
    wave = np.where(codes == 0, 1.5, -1.5)[:, None] * np.sin(np.arange(TIMES) / 2.5)
    X = noise + wave[:, None] * np.array([1.0, -0.8, 0.3, 0.9])[:, None]
    return X.reshape(n, -1).astype(np.float32), codes, np.array([f"r{k % 4}" for k in range(n)])


@pytest.fixture(scope="module")
def scores() -> Convolution:
    X, codes, groups = epochs()
    return fit_categories(X, codes, 2, groups, LAYOUT, FEW, seed=0)


@pytest.fixture(scope="module")
def embedding() -> tuple[Convolution, Array]:
    X, codes, groups = epochs()
    c = np.random.default_rng(5).normal(size=(2, 5)) * [1, 2, 3, 1, 0]
    return fit_embedding(X, c[codes], groups, LAYOUT, replace(FEW, epochs=16, batch=32), seed=0), c


def test_small_epochs_pass_and_large_ones_are_held_back_in_their_shape() -> None:
    X, _, _ = epochs()
    limiter = Limiter.of(X, CHANNELS)
    small = 0.01 * X
    np.testing.assert_allclose(limiter(small), small, rtol=0.01)
    held = limiter(1e4 * X).reshape(len(X), CHANNELS, TIMES)
    sizes = np.sqrt((held**2).mean(axis=2))
    np.testing.assert_allclose(sizes, np.broadcast_to(limiter.usual, sizes.shape), rtol=0.01)
    shapes = held / sizes[:, :, None]
    own = X.reshape(held.shape) / np.sqrt((X.reshape(held.shape) ** 2).mean(axis=2))[:, :, None]
    np.testing.assert_allclose(shapes, own, rtol=1e-4, atol=1e-6)


def test_a_few_artefacts_do_not_change_what_is_usual() -> None:
    X, _, _ = epochs()
    strange = np.concatenate([X, 1e4 * X[:20]])
    found, expected = Limiter.of(strange, CHANNELS), Limiter.of(X, CHANNELS)
    np.testing.assert_allclose(found.usual, expected.usual, rtol=0.25)


def test_white_epochs_have_no_mean_and_share_nothing() -> None:
    X, _, _ = epochs(400)
    white = Whitener.of(X, CHANNELS, RATE_HZ)(X)
    assert white.std() == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(white.mean(axis=0), 0.0, atol=1e-9)
    together = np.corrcoef(white.transpose(1, 0, 2).reshape(CHANNELS, -1))
    assert np.abs(together - np.eye(CHANNELS)).max() < 0.15


def test_a_convolution_learns_categories(scores: Convolution) -> None:
    X, codes, _ = epochs(seed=1)
    assert np.mean(scores(X).argmax(axis=1) == codes) > 0.8


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    X, codes, groups = epochs(96)
    short = replace(FEW, epochs=1)
    made = [fit_categories(X, codes, 2, groups, LAYOUT, short, seed=s)(X[:4]) for s in (3, 3, 4)]
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 1e-3


def test_contrast_learns_which_embedding_was_shown(embedding: tuple[Convolution, Array]) -> None:
    found, c = embedding
    X, codes, _ = epochs(seed=1)
    decoded = found(X)
    near = ((decoded[:, None] - c[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert np.mean(near == codes) > 0.8
    # The last number of c never changes.
    np.testing.assert_allclose(decoded[:, 4], c[0, 4], atol=1.5)


def test_contrast_is_least_where_outputs_are_targets_and_shares_equal_ones() -> None:
    rng = np.random.default_rng(0)
    target = train.torch.tensor(rng.normal(size=(64, 7)) * 30)
    sharp = train.torch.tensor(2.0)
    own = train._contrast(target, target, sharp)
    assert own < train._contrast(target.roll(1, 0), target, sharp)
    # Without a difference between targets, 64 right answers share the place: log 64, no error.
    same = target[:1].expand(64, -1)
    assert float(train._contrast(same, same, sharp)) == pytest.approx(np.log(64))


def test_training_stops_where_left_out_runs_are_told_best() -> None:
    X, codes, groups = epochs(96)
    noise = np.random.default_rng(0).permutation(codes)
    much = replace(FEW, epochs=3, folds=2)
    stopped = fit_categories(X, noise, 2, groups, LAYOUT, much, seed=0)
    fixed = [
        fit_categories(X, noise, 2, groups, LAYOUT, replace(FEW, epochs=k), seed=0)(X)
        for k in (1, 2, 3)
    ]
    assert sum(np.array_equal(stopped(X), other) for other in fixed) == 1


def test_the_graph_gives_what_the_model_gives(
    scores: Convolution, embedding: tuple[Convolution, Array]
) -> None:
    X, _, _ = epochs(12, seed=2)
    rows = np.concatenate([X, 50 * X[:2], np.zeros_like(X[:1])])
    for model in (
        replace(EMPTY, scores=scores, labels=CLASSES).calibrated(1.7, 0.8, -0.1),
        replace(EMPTY, c=embedding[0]),
        replace(EMPTY, c=embedding[0], scores=scores, labels=CLASSES),
    ):
        engine, expected = OnnxEngine(model.export()), model.predict(rows)
        for k, row in enumerate(rows):
            found = engine.run({"x": row[None]})
            np.testing.assert_allclose(found["c"][0], expected.c[k], atol=1e-4)
            np.testing.assert_allclose(found["confidence"][0], expected.confidence[k], atol=1e-4)
            if model.scores is not None:
                told = found["log_probabilities"][0]
                np.testing.assert_allclose(told, expected.log_probabilities[k], atol=1e-4)


@pytest.mark.parametrize("times", [8, 9, 33])
def test_epochs_of_any_length_have_a_graph(times: int) -> None:
    rng = np.random.default_rng(times)
    X = rng.normal(size=(30, CHANNELS * times))
    pools = Shape().pools(times, 128.0)
    left = times // pools[0] // pools[1]
    layers = Layers(
        *(rng.normal(size=s) * 0.3 for s in
          ((6, 4), (6, 15), (6,), (6, 5), (2, 3, 3), (6,), (6 * left, 2), (2,)))
    )  # fmt: skip
    made = Convolution(Whitener.of(X, CHANNELS, RATE_HZ), layers, pools)
    model = replace(EMPTY, scores=made, labels=CLASSES)
    row = X[:1].astype(np.float32)
    told = OnnxEngine(model.export()).run({"x": row})["log_probabilities"]
    np.testing.assert_allclose(told, model.predict(row).log_probabilities, atol=1e-4)


def test_a_fit_with_convolutions_is_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "Training", lambda: replace(FEW, epochs=4))
    X, codes, groups = epochs(160)
    settings = FitSettings(
        window=1, normaliser="none", period_s=0.8, channels=CHANNELS, rate_hz=RATE_HZ, folds=2,
        convolution=True,
    )  # fmt: skip
    data = Dataset(X, groups, np.arange(160.0), labels=np.array(CLASSES)[codes])
    found = fit_decoder(data, settings, Grid(), EMPTY, lambda *_: None)
    assert isinstance(found.model.scores, Convolution)
    (auc,) = [s for s in found.scores if s.name == "auc_face_house"]
    assert auc.value > 0.6
    assert abs(auc.shuffled - 0.5) < 0.15


@pytest.mark.parametrize(("known", "taken"), [(True, True), (False, False)])
def test_auto_takes_a_convolution_only_where_left_out_runs_are_told_better_with_it(
    monkeypatch: pytest.MonkeyPatch, known: bool, taken: bool
) -> None:
    X, codes, groups = epochs(96)
    c = np.array([[1.0, -2.0], [-1.0, 2.0]], np.float32)[codes]
    truth = {row.tobytes(): target for row, target in zip(X, c, strict=True)}

    def trained(rows: Array, target: Array, *_: object) -> Callable[[Array], Array]:
        """Know the truth, or nothing but the mean."""
        mean = target.mean(axis=0)
        return lambda left: np.stack([truth[row.tobytes()] if known else mean for row in left])

    monkeypatch.setattr("decoder.choose.convolution_of_c", trained)
    start = FitSettings(
        window=1, normaliser="none", period_s=0.8, channels=CHANNELS, rate_hz=RATE_HZ, folds=2
    )
    data = Dataset(X, groups, np.arange(96.0), c=c)
    loss = held_out_loss(data, start.model_copy(update={"convolution": True}), EMPTY)
    assert loss == pytest.approx(0.0 if known else 1.0)
    assert choose(data, start, Grid(convolutions=(False, True)), EMPTY).convolution is taken


def meta(kind: str = "eeg-epoch", detail: str = "") -> PreparedMeta:
    return PreparedMeta(
        person="p", modality="fmri" if kind == "fmri" else "eeg", kind=kind, mask_hash="h",
        tr_s=0.0, affine=(), channels=("a",), times_s=tuple(np.arange(20) / 50), settings="",
        sources={}, events=[TimedEvent(run="1", t_s=0, duration_s=1, label="face", detail=detail)],
    )  # fmt: skip


def test_a_kind_of_decoder_is_asked_for_by_name() -> None:
    start = FitSettings(window=1)
    grid = Grid(committees=(False, True))
    assert with_kind(start, grid, "usual", meta()) == (start, grid)
    assert with_kind(start, grid, "linear", meta()) == (start, Grid())
    assert with_kind(start, grid, "riemann", meta())[0].committee
    assert with_kind(start, grid, "pyriemann", meta())[0].pyriemann
    assert with_kind(start, grid, "convolution", meta())[0].convolution
    assert with_kind(start, grid, "auto", meta())[1].convolutions == (False, True)
    assert with_kind(start, grid, "auto", meta("fmri"))[1] == grid


@pytest.mark.parametrize(
    ("kind", "data", "what"),
    [
        ("riemann", meta("fmri"), "epochs of EEG"),
        ("convolution", meta("eeg-window"), "epochs of EEG"),
        ("riemann", meta(detail="{}"), "labels of categories"),
        ("deep", meta(), "usual, linear"),
    ],
)
def test_a_kind_that_does_not_suit_is_refused(kind: str, data: PreparedMeta, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        with_kind(FitSettings(window=1), Grid(), kind, data)
