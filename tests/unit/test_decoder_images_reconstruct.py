"""Shapes, variants, painters, and the decoder made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch

from decoder.images import painter as painting
from decoder.images import reconstruct
from decoder.images.painter import PainterSettings, Pairs, channel, fit_painter
from decoder.images.reconstruct import PictureDecoder, PictureSettings, as_grey
from decoder.images.shapes import FAR_PX, ink, signed_distances
from decoder.images.variants import Variety, vary
from decoder.metrics import mse, pix_corr, ssim
from decoder.studies import digit69
from phosphene.errors import InputError

Array = npt.NDArray[Any]
SIDE = 14
QUICK = PictureSettings(
    painters=1, variants=60, folds=3, components=8, painter=PainterSettings(steps=60, hidden=32)
)


def discs(n: int, seed: int) -> tuple[Array, Array]:
    """Discs at random places, and responses of noisy pixels."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((SIDE, SIDE))
    centre, radius = rng.uniform(4, 9, (n, 2)), rng.uniform(2, 4, n)
    distance = np.hypot(y - centre[:, :1, None], x - centre[:, 1:, None])
    pictures = np.clip(radius[:, None, None] - distance + 0.5, 0, 1)
    responses = pictures.reshape(n, -1) + rng.normal(0, 0.5, (n, SIDE**2))
    return responses, pictures


@pytest.fixture(scope="module")
def fitted() -> PictureDecoder:
    responses, pictures = discs(60, 0)
    labels = np.where(pictures[:, : SIDE // 2].sum(axis=(1, 2)) > 20, "up", "down")
    return PictureDecoder(QUICK).fit(responses, pictures, labels)


def test_distances_are_those_to_the_outline() -> None:
    y, x = np.indices((29, 29))
    radius = np.hypot(y - 14, x - 14)
    found = signed_distances(np.clip(6.0 - radius + 0.5, 0, 1)[None])[0]
    near = (radius < 12) & (radius > 1)
    assert np.abs(found - (6.0 - radius))[near].max() < 0.7
    assert found[0, 0] == -FAR_PX
    assert (signed_distances(np.zeros((1, 9, 9))) == -FAR_PX).all()
    assert (signed_distances(np.ones((1, 9, 9))) == FAR_PX).all()


def test_ink_is_half_at_the_outline_and_nothing_far_off() -> None:
    grey = ink(np.array([-FAR_PX, -0.1, 0.0, 0.1, FAR_PX]), 1.2, 0.05)
    assert grey[0] == 0.0
    assert grey[2] == pytest.approx(0.5)
    assert grey[4] == 1.0
    assert (np.diff(grey) > 0).all()


def test_variants_stay_pictures_and_come_again() -> None:
    _, pictures = discs(5, 1)
    drawn = vary(pictures, 12, Variety(), 4)
    assert drawn.shape == (12, SIDE, SIDE)
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert np.array_equal(drawn, vary(pictures, 12, Variety(), 4))
    assert not np.array_equal(drawn, vary(pictures, 12, Variety(), 5))
    still = vary(pictures, 12, Variety(0, 0, 0, 0, 0, 0), 4)
    assert all(np.abs(pictures - one).max(axis=(1, 2)).min() < 1e-6 for one in still)


def test_the_channel_of_decoded_codes_is_found() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(5000, 2))
    mixing = np.array([[0.5, 0.0], [0.3, 0.2]])
    decoded = true * [0.8, 0.4] + rng.normal(size=(5000, 2)) @ mixing.T
    slope, noise = channel(true, decoded, 0.0)
    assert np.allclose(slope, [0.8, 0.4], atol=0.02)
    assert np.allclose(noise @ noise.T, mixing @ mixing.T, atol=0.02)
    _, alone = channel(true, decoded, 1.0)
    assert np.allclose(alone, np.diag(np.diag(alone)))


def test_similarity_that_is_trained_for_is_that_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 256, (2, 3, 12, 15), dtype=np.uint8)
    similar = painting._similarity((12, 15))
    found = similar(torch.tensor(a / 255.0).float(), torch.tensor(b / 255.0).float())
    assert float(found) == pytest.approx(ssim(a[..., None], b[..., None]).mean(), abs=1e-4)


def test_a_painter_comes_again_and_leaves_the_callers_chance_alone() -> None:
    rng = np.random.default_rng(0)
    _, pictures = discs(20, 2)
    codes = rng.normal(size=(20, 3))
    pairs = Pairs(codes, pictures, np.ones(3), 0.1 * np.eye(3), codes, pictures)
    torch.manual_seed(1)
    first = fit_painter(pairs, PainterSettings(steps=5, hidden=8), 7)
    drawn = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(1))
    again = fit_painter(pairs, PainterSettings(steps=5, hidden=8), 7)
    assert np.array_equal(first(codes), again(codes))
    other = fit_painter(pairs, PainterSettings(steps=5, hidden=8), 8)
    assert not np.array_equal(first(codes), other(codes))


def test_left_out_pictures_are_decoded_better_than_from_permuted_training(
    fitted: PictureDecoder,
) -> None:
    responses, pictures = discs(60, 0)
    new, truth = discs(30, 9)
    order = np.random.default_rng(0).permutation(60)
    wrong = PictureDecoder(QUICK).fit(responses, pictures[order]).predict(new)
    decoded = fitted.predict(new)
    own = pix_corr(decoded[..., None], truth[..., None]).mean()
    assert own > 0.8
    assert own > pix_corr(wrong[..., None], truth[..., None]).mean() + 0.2
    parts = fitted.parts(new)
    assert np.allclose(decoded, (parts["shape"] + parts["painted"]) / 2)


def test_painters_learn_from_stimuli_that_were_left_out_with_all_their_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caught: list[Pairs] = []

    def keep(pairs: Pairs, *_: object) -> None:
        caught.append(pairs)

    monkeypatch.setattr(reconstruct, "fit_painter", keep)
    shown = np.repeat(np.arange(20), 3)
    pictures = discs(20, 4)[1][shown]
    # The trials of a stimulus differ a little, so that only its name tells that it is the same.
    pictures[:, 0, 0] += np.arange(60) / 2000
    rng = np.random.default_rng(5)
    # A pattern for each, from which nothing about the others can be told.
    responses = rng.normal(size=(20, 80))[shown] + 0.2 * rng.normal(size=(60, 80))
    told = []
    for names in (None, shown.astype(np.str_)):
        known = PictureDecoder(QUICK).fit(responses, pictures, stimuli=names).known()
        told.append(np.corrcoef(caught[-1].codes.ravel(), known.codes.ravel())[0, 1])
    assert told[0] > 0.6
    assert told[1] < 0.3
    with pytest.raises(InputError, match="3 or more different"):
        PictureDecoder(QUICK).fit(responses, pictures, stimuli=np.array(["a", "b"])[shown % 2])


def test_graph_gives_the_same_pictures(fitted: PictureDecoder) -> None:
    new = discs(7, 9)[0].astype(np.float32)
    session = onnxruntime.InferenceSession(fitted.export())
    pictures, z = session.run(["pictures", "z"], {"x": new})
    assert np.abs(pictures - fitted.predict(new)).max() < 1e-4
    assert np.allclose(z[:, 0], 2 * pictures - 1, atol=1e-6)


def test_without_painters_and_labels_the_shape_is_the_picture() -> None:
    responses, pictures = discs(30, 0)
    quick = replace(QUICK, painters=0)
    colours = np.repeat((pictures * 255).astype(np.uint8)[..., None], 3, axis=3)
    fitted = PictureDecoder(quick).fit(responses, colours)
    assert np.array_equal(fitted.predict(responses), fitted.parts(responses)["shape"])
    session = onnxruntime.InferenceSession(fitted.export())
    (decoded,) = session.run(["pictures"], {"x": responses.astype(np.float32)})
    assert np.abs(decoded - fitted.predict(responses)).max() < 1e-4


def test_what_does_not_fit_is_refused() -> None:
    responses, pictures = discs(30, 0)
    with pytest.raises(InputError, match="not fitted"):
        PictureDecoder().predict(responses)
    with pytest.raises(InputError, match=r"(?s)pictures.*labels"):
        PictureDecoder().fit(responses, pictures[:20], np.array(["a"] * 3))
    with pytest.raises(InputError, match="finite"):
        PictureDecoder().fit(np.full_like(responses, np.nan), pictures)
    with pytest.raises(InputError, match="20"):
        PictureDecoder().fit(responses[:5], pictures[:5])
    with pytest.raises(InputError, match="0 to 1"):
        as_grey(pictures * 2)
    with pytest.raises(InputError, match="height"):
        as_grey(pictures[0])
    with pytest.raises(InputError, match=r"(?s)painters.*cut"):
        PictureSettings(painters=-1, cut=0.7)


@pytest.mark.realdata
def test_digits_of_the_shipped_split(realdata: Path) -> None:
    trials = digit69.load_digit69(realdata / "recon" / "digit69")
    true = trials.pictures[digit69.SHIPPED :, ..., None]
    shapes = digit69.shipped(trials, digit69.METHODS["shapes alone"])[..., None]
    mean = digit69.shipped(trials, digit69.mean_picture)[..., None]
    assert pix_corr(mean, true).mean() == pytest.approx(0.655, abs=0.005)
    assert pix_corr(shapes, true).mean() > 0.78
    assert mse(shapes, true).mean() < mse(mean, true).mean()


def test_a_folder_without_the_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="digit69_28x28"):
        digit69.load_digit69(tmp_path)
