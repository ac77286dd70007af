"""How the report words figures, volumes, contrasts and reasons."""

from __future__ import annotations

import pytest

from phosphene import quality as names
from phosphene.report.contrasts import contrast_words
from phosphene.report.notes import blank_spells, grouped
from phosphene.report.volumes import in_words
from tests.unit.test_report_scan import Script, view


def test_every_figure_has_words_and_regions_are_found_again() -> None:
    assert names.region_name(names.region_key("left V1")) == "left V1"
    assert names.region_name("roi__psc") is None
    assert names.region_name("fd_mm") is None
    for key, figure in names.FIGURES.items():
        assert figure.words, key
        assert figure.meaning.endswith("."), key
    assert set(names.MOTION) | {names.FD, names.SPIKE, names.TR_MEASURED} <= set(names.FIGURES)


def test_a_view_that_went_blank_in_the_middle_is_told_whatever_the_reason() -> None:
    script = Script()
    reasons = ("a: starting", "", "decoder: not ready yet", "", "bridge: stopped")
    views = [view(script, float(k), "self", reason).header for k, reason in enumerate(reasons)]
    assert blank_spells(views) == {"self": ["decoder: not ready yet"]}
    assert grouped([("a", "x"), ("b", "y"), ("c", "x")]) == ["a, c: x", "b: y"]


def test_volumes_are_written_as_people_write_them() -> None:
    assert in_words([]) == ""
    assert in_words([4]) == "volume 4"
    assert in_words([9, 1, 2, 4, 5, 6]) == "volumes 1, 2, 4 to 6, 9"


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("face", "face > rest"),
        ("face - house", "face > house"),
        ("0.5000 * bottle + 0.5000 * scissors", "bottle, scissors > rest"),
        ("0.2500 * a + 0.2500 * b + 0.2500 * c + 0.2500 * d", "all 4 conditions > rest"),
        ("a - 0.25 * b - 0.25 * c - 0.25 * d - 0.25 * e", "a > others"),
        ("0.7 * face + 0.3 * house", "0.7 * face + 0.3 * house"),
        ("a + b - c", "a, b > c"),
    ],
)
def test_contrasts_are_called_by_what_is_greater(formula: str, words: str) -> None:
    assert contrast_words(formula) == words
