"""The threshold of a bundle is told in a sentence that a newcomer can read."""

from __future__ import annotations

from phosphene.describe import _confidence
from phosphene.manifest import Calibration, Control
from phosphene.model_card import _trust


def test_the_threshold_is_one_plain_sentence() -> None:
    controls = (Control(kind="not identified", refused=0.28, n=50),
                Control(kind="noise", refused=1.0, n=20))  # fmt: skip
    told = _confidence(
        Calibration(feature="trust", slope=1.0, intercept=0.0, brier=0.2, base_brier=0.25, n=100,
                    kept=0.8, threshold=0.574, controls=controls)
    )  # fmt: skip
    assert told[-1] == (
        "a picture is shown when the confidence is at least 0.574: on left-out runs that showed "
        "80 % of the right percepts, and held back: wrong percepts 28 % (n = 50), "
        "pure noise 100 % (n = 20)"
    )


def test_a_decoder_that_has_learned_nothing_is_told_as_one() -> None:
    nothing = Calibration(
        feature="trust", slope=1.0, intercept=0.0, brier=0.2, base_brier=0.25, n=100, kept=0.0,
        threshold=1.0,
    )  # fmt: skip
    assert _confidence(nothing)[-1].startswith("no picture is shown: on left-out runs")
    assert "**No picture is shown: on left-out runs" in _trust(nothing)
    assert "keeps" not in _trust(nothing)
