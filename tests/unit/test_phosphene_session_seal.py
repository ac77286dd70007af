"""What a live session may not leave open on the disk, and what it warns of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phosphene.consent import Consent, Scope
from phosphene.errors import ConfigError, SealError
from phosphene.run import RunOptions, run_chain
from phosphene.seal.bundles import seal_bundle
from phosphene.seal.header import MAGIC
from phosphene.seal.keys import StewardKey
from phosphene.session import Session
from phosphene.session_seal import key_finding, pictures_lie_open, require_seal, seal_findings
from tests.unit.test_phosphene_bundle_store import here

EXPIRES = datetime.now(UTC) + timedelta(days=1)


def consent(*scopes: Scope, **more: Any) -> Consent:
    return Consent(person="p01", scopes=frozenset(scopes), expires=EXPIRES, **more)


PICTURES = consent(Scope.VIEW_SELF, Scope.RECORD_BRAIN, Scope.RECORD_IMAGES)
BRAIN = consent(Scope.VIEW_SELF, Scope.RECORD_BRAIN)


@pytest.fixture
def public(tmp_path: Path) -> Path:
    file = tmp_path / "lab.pub"
    file.write_bytes(StewardKey.new().pem)
    return file


def session(folder: Path, *, bundle: bool = True, **recorder: Any) -> Session:
    facts: dict[str, Any] = {
        "person": "p01", "modality": "fmri", "source": {"kind": "folder", "path": folder},
        "consent": {"unsigned": True}, "recorder": {"out": folder / "out", **recorder},
        "decoder": {"bundle": folder / "bundle"} if bundle else {},
    }  # fmt: skip
    return Session.model_validate(facts)


def levels(found: Session, given: Consent | None) -> list[str]:
    return [one.level for one in seal_findings(found, given)]


def test_a_live_run_that_would_record_pictures_openly_is_refused_with_both_commands(
    tmp_path: Path, public: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        require_seal(session(tmp_path), PICTURES, "live")
    said = str(refused.value)
    assert "phosphene keys new lab --out keys" in said
    assert "phosphene live SESSION.toml --seal keys/lab.pub" in said
    assert not pictures_lie_open(session(tmp_path, seal=[public]), PICTURES, "live")
    for mode in ("replay", "pilot"):
        require_seal(session(tmp_path), PICTURES, mode)
        assert not pictures_lie_open(session(tmp_path), PICTURES, mode)


def test_the_run_itself_refuses_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.run._require_consent", lambda *_: None)
    with pytest.raises(ConfigError, match="phosphene keys new"):
        run_chain(session(tmp_path), RunOptions(mode="live", consent=PICTURES))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_picture_of_a_person_needs_no_key_but_brain_data_give_a_warning(
    tmp_path: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert levels(session(tmp_path), PICTURES) == ["error"]
    assert levels(session(tmp_path, images=False), PICTURES) == ["warning"]
    assert levels(session(tmp_path, bundle=False), PICTURES) == ["warning"], "nothing is painted"
    assert levels(session(tmp_path), BRAIN) == ["warning"]
    assert levels(session(tmp_path), consent(Scope.VIEW_SELF)) == []
    assert levels(session(tmp_path), None) == []
    assert levels(session(tmp_path, out=None), PICTURES) == [], "recording is off"
    assert levels(session(tmp_path, seal=[public]), PICTURES) == ["ok"]
    assert levels(session(tmp_path), consent(Scope.RECORD_BRAIN, sealed=True)) == ["error"]
    require_seal(session(tmp_path), BRAIN, "live")
    assert "warning: brain data are recorded openly" in capsys.readouterr().out


def test_a_key_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "lab.pub").write_text("no key")
    with pytest.raises(SealError, match="not a PEM file"):
        require_seal(session(tmp_path, seal=[tmp_path / "lab.pub"]), PICTURES, "live")


def test_a_sealed_decoder_needs_its_own_key_and_a_passphrase(tmp_path: Path) -> None:
    own, other = StewardKey.new(), StewardKey.new()
    for name, key in (("own", own), ("other", other)):
        key.save(tmp_path / f"{name}.key", tmp_path / f"{name}.pub", "correct horse", cost=2**4)
    sealed = tmp_path / "p01.phos.sealed"
    seal_bundle(here(), sealed, [own.public], datetime.now(UTC))

    def found(key: str, *, typed: bool = True) -> str:
        told = key_finding(sealed, tmp_path / key if key else None, typed=typed)
        assert told is not None
        return f"{told.level}: {told.text}"

    assert found("").startswith("error: the decoder is sealed to ")
    assert found("other.key").endswith("does not open the decoder")
    assert found("own.key", typed=False).endswith("is missing")
    assert found("own.key").startswith("ok: sealed; the run opens it by the key ")
    with pytest.raises(SealError):
        found("gone.key")
    here().write(tmp_path / "p01")
    assert key_finding(tmp_path / "p01", None, typed=False) is None
    assert key_finding(tmp_path / "nothing", None, typed=False) is None


def test_an_open_decoder_is_a_warning_and_a_sealed_one_none(tmp_path: Path, public: Path) -> None:
    held = session(tmp_path, seal=[public])
    (tmp_path / "bundle").mkdir()
    found = seal_findings(held, PICTURES)[-1]
    assert (found.level, found.text[:21]) == ("warning", "the decoder lies open")
    assert f"phosphene bundle seal {tmp_path / 'bundle'}" in found.fix
    sealed = tmp_path / "p01.phos.sealed"
    sealed.write_bytes(MAGIC)
    decoder = held.decoder.model_copy(update={"bundle": sealed})
    assert levels(held.model_copy(update={"decoder": decoder}), PICTURES) == ["ok", "ok"]
