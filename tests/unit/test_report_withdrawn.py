"""Of somebody who has withdrawn no report is made, wherever the withdrawal is known from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.consent import Consent, Scope, write_consent
from phosphene.consent.withdrawal import withdraw
from phosphene.errors import ConsentError
from phosphene.messages import Grant, Message
from phosphene.report import build
from tests.unit.report_bench import PROGRAMME, Script, whole_run, write

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CONSENT = Consent(person="p01", scopes=frozenset(Scope), expires=NOW)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def recorded(out: Path, *, identity: str = CONSENT.id, during: str = "") -> list[str]:
    """Write a run with pictures; return the names of its files."""
    script = Script(PROGRAMME)
    messages = [script.start(consent_id=identity), *whole_run()[1:300]]
    for reason in ("", during):
        scopes = () if reason else ("record_images",)
        told = {"person": "p01", "scopes": scopes, "decode": not reason, "reason": reason}
        messages.append(Message(Grant(**script.head("gate", "grant", 200.0, 200.0), **told)))
    write(out, messages)
    return sorted(path.name for path in out.iterdir())


def test_a_consent_withdrawn_after_the_run_leaves_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = recorded(tmp_path / "my out")
    withdraw(CONSENT, "participant", NOW)
    assert main(["report", str(tmp_path / "my out")]) == 1
    said = capsys.readouterr().err
    assert "the consent was withdrawn on 2026-11-22 12:00 (participant)" in said
    assert f"phosphene purge '{tmp_path / 'my out'}' --now" in said
    assert sorted(path.name for path in (tmp_path / "my out").iterdir()) == before


def test_one_withdrawn_during_the_run_is_known_from_the_recording_alone(tmp_path: Path) -> None:
    before = recorded(
        tmp_path / "out", during="nothing is decoded: the consent was withdrawn (participant)"
    )
    with pytest.raises(ConsentError, match="withdrawn during the run"):
        build(tmp_path / "out" / "recording.mcap")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


def test_that_of_a_file_beside_the_recording_counts_too(tmp_path: Path) -> None:
    recorded(tmp_path / "out", identity="")
    write_consent(tmp_path / "out" / "consent.toml", CONSENT)
    withdraw(CONSENT, "participant", NOW)
    with pytest.raises(ConsentError, match="the consent was withdrawn on"):
        build(tmp_path / "out")


def test_another_persons_withdrawal_and_other_blanks_hinder_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(tmp_path / "out", during="nothing is decoded: paused by the operator")
    withdraw(CONSENT.model_copy(update={"person": "p02"}), "participant", NOW)
    for figure in ("confidence", "regions", "motion", "latency"):
        monkeypatch.setattr(f"phosphene.report.figures.{figure}", lambda *_: None)
    assert build(tmp_path / "out").is_file()
