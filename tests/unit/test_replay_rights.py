"""What of a recording may be shown, and may be replayed, by the consent stored with it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from gui.replay.compare import (
    consent_for,
)
from gui.replay.opened import narrowed
from gui.replay.rights import Rights, rights_of, stored_consent, why_no_replay
from phosphene.consent import Consent, Scope, load_consent
from phosphene.consent.files import write_consent
from phosphene.consent.withdrawal import withdraw
from tests.unit.replay_bench import (
    ALL,
    NOW,
    start_of_run,
)

FREE = Rights("", "", "", 4)


def decide(where: Path, held: set[str] | None = None, **facts: str) -> Rights:
    return rights_of(start_of_run(**facts).header, held, where, NOW)


def test_without_consent_nothing_is_shown(tmp_path: Path) -> None:
    assert all(v for v in vars(rights_of(None, None, tmp_path, NOW)).values() if isinstance(v, str))
    nothing = decide(tmp_path, consent_person="", consent_expires="")
    assert nothing.results
    assert nothing.pictures
    assert nothing.export


@pytest.mark.parametrize("scopes", ["", "view_self", "record_images", "view_operator", "export",
                                    "view_operator record_images", ALL])  # fmt: skip
def test_each_scope_allows_its_own_and_no_more(tmp_path: Path, scopes: str) -> None:
    rights, given_ = decide(tmp_path, scopes=scopes), set(scopes.split())
    assert (not rights.results) == ("view_operator" in given_)
    assert (not rights.pictures) == ({"view_operator", "record_images"} <= given_)
    assert (not rights.export) == ("export" in given_)


def test_what_no_longer_held_at_the_end_is_not_shown(tmp_path: Path) -> None:
    assert not decide(tmp_path, {"view_operator", "record_images"}).pictures
    assert decide(tmp_path, set()).pictures, "withdrawn during the run"
    assert decide(tmp_path, {"view_operator", "export"}, scopes="view_self").results


def test_an_expired_consent_or_another_persons_shows_nothing(tmp_path: Path) -> None:
    start = start_of_run().header
    late = rights_of(start, None, tmp_path, NOW + timedelta(days=31))
    assert "expired" in late.results
    assert decide(tmp_path, consent_person="p02").results
    assert decide(tmp_path, level_operator="0").pictures
    assert not decide(tmp_path, level_operator="0").results


def test_a_double_blind_run_stays_closed(tmp_path: Path) -> None:
    rights = decide(tmp_path, protocol_control="double-blind, assignment x")
    assert "double-blind" in rights.results
    assert "double-blind" in rights.pictures


def test_a_withdrawn_consent_shows_nothing_by_its_identity(tmp_path: Path) -> None:
    consent = Consent(person="p01", scopes=frozenset(Scope), expires=NOW + timedelta(days=30))
    start = start_of_run(consent_id=consent.id).header
    assert not rights_of(start, None, tmp_path, NOW, tmp_path).pictures
    withdraw(consent, "participant", NOW, tmp_path)
    assert "withdrawn" in rights_of(start, None, tmp_path, NOW, tmp_path).pictures


def test_a_consent_file_beside_must_allow_it_too(tmp_path: Path) -> None:
    narrow = Consent(person="p01", scopes=frozenset({Scope.VIEW_OPERATOR}),
                     expires=NOW + timedelta(days=30))  # fmt: skip
    write_consent(tmp_path / "consent.toml", narrow)
    rights = decide(tmp_path)
    assert not rights.results
    assert "record_images" in rights.pictures
    (tmp_path / "consent.toml").write_text("scopes = 3")
    assert decide(tmp_path).results, "one that cannot be read allows nothing"


def test_two_rights_together_are_the_narrower() -> None:
    one = narrowed(FREE, Rights("", "no", "", 2))
    assert (one.results, one.pictures, one.level) == ("", "no", 2)


def test_the_stored_consent_goes_to_the_replay_and_grows_by_nothing(tmp_path: Path) -> None:
    until = (NOW + timedelta(days=5, hours=3)).isoformat()
    start = start_of_run(scopes="view_operator record_brain", keep_until=until).header
    stored = stored_consent(start, {"view_operator", "export"})
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    path = consent_for(start, stored, run_folder, tmp_path, NOW)
    assert path is not None
    written = load_consent(path)
    assert written.scopes == {Scope.VIEW_OPERATOR}
    assert (written.person, written.visit) == ("p01", "v01")
    assert written.expires == NOW + timedelta(days=30)
    assert written.retention_days == 5
    write_consent(run_folder / "consent.toml", written)
    assert consent_for(start, stored, run_folder, tmp_path, NOW) is None, "the file beside counts"
    assert consent_for(start, None, tmp_path / "other", tmp_path, NOW) is None


@pytest.mark.parametrize("until", ["soon", "2026-12-01T00:00:00"])
def test_a_time_of_keeping_that_cannot_be_read_is_the_shortest(tmp_path: Path, until: str) -> None:
    start = start_of_run(keep_until=until).header
    path = consent_for(start, stored_consent(start), tmp_path / "run", tmp_path, NOW)
    assert path is not None
    assert load_consent(path).retention_days == 1


def test_no_new_run_rests_on_what_was_withdrawn_or_is_blind(tmp_path: Path) -> None:
    consent = Consent(person="p01", scopes=frozenset(Scope), expires=NOW + timedelta(days=30))
    start = start_of_run(consent_id=consent.id).header
    assert why_no_replay(start, tmp_path) == ""
    withdraw(consent, "participant", NOW, tmp_path)
    assert "withdrawn" in why_no_replay(start, tmp_path)
    blind = start_of_run(protocol_control="double-blind, assignment x").header
    assert "double-blind" in why_no_replay(blind, tmp_path)
