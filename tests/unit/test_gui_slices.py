from __future__ import annotations

import itertools

import numpy as np
import pytest

from gui.slices import T_SHOWN, cut
from phosphene.messages import Message, StatMap

SHAPE = (20, 24, 12)
AFFINE = np.array([[3.0, 0, 0, -30], [0, 3, 0, -36], [0, 0, 6, -36], [0, 0, 0, 1]])
LETTER = (86, 200, 216)
WARM, COLD = (200, 40, 20), (40, 70, 220)


def statmap(t: np.ndarray, affine: np.ndarray = AFFINE, grey: np.ndarray | None = None) -> Message:
    header = StatMap(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition", index=9, t_data=20.0,
        contrast="face - house", dof=8.0, affine=tuple(affine.ravel()),
    )  # fmt: skip
    arrays = {"t": t} if grey is None else {"t": t, "underlay": grey}
    return Message(header, arrays)


def brain() -> np.ndarray:
    """Nothing but a weak t inside a box; one strong voxel to the right, in front, below."""
    t = np.zeros(SHAPE, np.float32)
    t[4:17, 6:19, 3:10] = 0.1
    t[14, 12, 6] = T_SHOWN
    return t


def places(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((picture == colour).all(axis=2))


def test_slices_lie_side_by_side_on_square_pixels() -> None:
    found = cut(statmap(brain()))
    # Sagittal (24 x 24), coronal (20 x 24) and axial (20 x 24): slices of 6 mm count twice.
    assert found.picture.shape == (24, 24 + 20 + 20 + 2 * 2, 3)
    assert found.picture.dtype == np.uint8
    assert (found.contrast, found.index) == ("face - house", 9)
    assert found.strongest == T_SHOWN
    assert found.at_mm == pytest.approx((12.0, 0.0, 0.0))


def test_the_right_side_is_on_the_right_and_up_is_up() -> None:
    t = brain()
    t[14, 12, 6] = 0.1
    t[15, 12, 9] = T_SHOWN  # right and up, in the coronal slice through the middle
    spots = places(cut(statmap(t)).picture, WARM)
    assert len(spots) == 2, "one voxel, twice as high as wide"
    assert set(spots[:, 1]) == {24 + 2 + 15}
    assert set(spots[:, 0]) == {24 - 2 * 9 - 2, 24 - 2 * 9 - 1}


def test_any_orientation_of_the_voxels_gives_the_same_picture() -> None:
    t, grey = brain(), (np.arange(np.prod(SHAPE)) % 251).astype(np.uint8).reshape(SHAPE)
    t[5, 12, 6] = -2 * T_SHOWN
    expected = cut(statmap(t, grey=grey))
    for order, signs in itertools.product([(1, 2, 0), (2, 0, 1)], [(1, -1, 1), (-1, 1, -1)]):
        turned = AFFINE[:, [*order, 3]].copy()
        flips = tuple(np.s_[::s] for s in signs)
        for k, sign in enumerate(signs):
            if sign < 0:
                turned[:3, 3] += turned[:3, k] * (SHAPE[order[k]] - 1)
                turned[:3, k] *= -1
        other = cut(statmap(t.transpose(order)[flips], turned, grey.transpose(order)[flips]))
        np.testing.assert_array_equal(other.picture, expected.picture)
        assert other.at_mm == pytest.approx(expected.at_mm)


def test_colours_stand_for_the_sign_and_only_for_strong_values() -> None:
    t = brain()
    t[6, 12, 6] = -T_SHOWN
    t[8, 12, 6] = 0.99 * T_SHOWN
    picture = cut(statmap(t)).picture
    # Coronal (two rows each) and axial; the sagittal slice lies elsewhere.
    assert len(places(picture, WARM)) == len(places(picture, COLD)) == 3
    assert places(picture, COLD)[:, 1].max() < places(picture, WARM)[:, 1].max()


def test_an_empty_map_is_shown_too() -> None:
    found = cut(statmap(np.zeros(SHAPE, np.float32), grey=np.full(SHAPE, 255, np.uint8)))
    assert found.strongest == 0.0
    colours = {tuple(c) for c in found.picture.reshape(-1, 3)}
    assert colours == {(150, 150, 150), (0, 0, 0), LETTER}, "grey, gaps and the L; no outline"
    assert np.isfinite(cut(statmap(np.full(SHAPE, np.nan, np.float32))).strongest)
