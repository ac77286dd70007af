from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from acquisition.lsl.place import PLACE_FIGURES, affine_of, place_figures

NUMBERS = st.floats(-1e3, 1e3, allow_nan=False, allow_subnormal=False)


def affine(numbers: list[float]) -> np.ndarray:
    return np.vstack([np.reshape(numbers, (3, 4)), [0.0, 0.0, 0.0, 1.0]])


@given(st.lists(NUMBERS, min_size=12, max_size=12))
def test_a_place_travels_through_32_bits(numbers: list[float]) -> None:
    sent = place_figures(affine(numbers), np.eye(4))
    through = {name: float(np.float32(value)) for name, value in sent.items()}
    there = affine_of({**through, "header_s": 3.0}, np.eye(4))
    np.testing.assert_allclose(there, affine(numbers), rtol=1e-13, atol=1e-11)
    # What went through once goes through again without another rounding.
    again = affine_of(place_figures(there, np.eye(4)), np.eye(4))
    np.testing.assert_array_equal(again, there)


def test_the_usual_place_is_not_sent() -> None:
    usual = affine([3.0, 0.1, 0, -90] * 3)
    assert place_figures(usual.copy(), usual) == {}
    assert affine_of({"header_s": 1.0}, usual) is usual
    assert len(set(PLACE_FIGURES)) == 24
