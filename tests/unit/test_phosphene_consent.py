from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.consent import Consent, Scope, consent_beside, load_consent, why_not
from phosphene.errors import ConsentError

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def consent(scopes: frozenset[Scope], days: int = 1) -> Consent:
    return Consent(person="p01", scopes=scopes, expires=NOW + timedelta(days=days))


@given(st.frozensets(st.sampled_from(list(Scope))))
def test_exactly_the_given_scopes_are_allowed(scopes: frozenset[Scope]) -> None:
    allowed = {s for s in Scope if why_not(consent(scopes), s, "p01", NOW) is None}
    assert allowed == scopes


@pytest.mark.parametrize("scope", list(Scope))
def test_without_consent_nothing_is_allowed(scope: Scope) -> None:
    assert why_not(None, scope, "p01", NOW) == "no consent file was given"


def test_another_persons_consent_allows_nothing() -> None:
    reason = why_not(consent(frozenset(Scope)), Scope.VIEW_SELF, "p02", NOW)
    assert reason == "the consent is for 'p01', the session is of 'p02'"


def test_a_synthetic_participant_allows_everything_for_a_day_even_on_a_leap_day() -> None:
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    held = Consent.for_synthetic("synthetic", leap)
    late = leap + timedelta(days=1)
    assert all(why_not(held, s, "synthetic", leap) is None for s in Scope)
    assert all(why_not(held, s, "synthetic", late) is not None for s in Scope)


def test_an_expired_consent_allows_nothing() -> None:
    reason = why_not(consent(frozenset(Scope), days=0), Scope.VIEW_SELF, "p01", NOW)
    assert reason == "the consent expired on 2026-06-01"


def test_a_date_lasts_until_the_end_of_its_day(tmp_path: Path) -> None:
    file = tmp_path / "consent.toml"
    file.write_text('person = "p01"\nscopes = ["view_self"]\nexpires = "2026-06-01"\n')
    loaded = load_consent(file)
    assert why_not(loaded, Scope.VIEW_SELF, "p01", datetime(2026, 6, 1, 23, tzinfo=UTC)) is None
    assert why_not(loaded, Scope.VIEW_SELF, "p01", datetime(2026, 6, 2, tzinfo=UTC)) is not None


def test_every_problem_of_a_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "consent.toml"
    file.write_text('person = "a b"\nscopes = ["view_all"]\nextra = 1\n')
    with pytest.raises(ConsentError) as caught:
        load_consent(file)
    text = str(caught.value)
    assert str(file) in text
    for word in ("person", "scopes", "expires", "extra"):
        assert word in text


@pytest.mark.parametrize("name", ["consent.toml", "consent.json"])
def test_an_unreadable_file_is_told(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("{ not = valid")
    with pytest.raises(ConsentError, match="not readable"):
        load_consent(file)


def test_the_consent_beside_a_recording_is_found(tmp_path: Path) -> None:
    recording = tmp_path / "a.csv"
    recording.touch()
    assert consent_beside(recording) is None
    beside = tmp_path / "a.consent.toml"
    beside.touch()
    assert consent_beside(recording) == beside
