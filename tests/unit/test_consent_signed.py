"""Signed consents: who may sign, what a change costs, which visit, what a withdrawal does."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from phosphene.cli import main
from phosphene.consent import Consent, Scope, load_consent, read_consent, write_consent
from phosphene.consent.signing import require_consent, sign, signature_problems
from phosphene.consent.withdrawal import (
    withdraw,
    withdraw_running,
    withdrawal_of,
    withdrawn_in,
)
from phosphene.errors import ConsentError
from phosphene.plan import Plan
from phosphene.seal import keys
from phosphene.seal.keys import SigningKey, fingerprint
from phosphene.session import Session

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY, OTHER = SigningKey.new(), SigningKey.new()
PHRASE = "correct horse battery"


def consent(**given: Any) -> Consent:
    values: dict[str, Any] = {
        "person": "p01",
        "visit": "v01",
        "scopes": frozenset({Scope.VIEW_SELF, Scope.RECORD_BRAIN}),
        "expires": datetime(2099, 1, 1, tzinfo=UTC),
        "study": 'a "study" \\ with\nlines, ü, 同意',
    }
    return Consent(**values | given)


SIGNED = sign(consent(), KEY, "participant", NOW)


def session(**settings: Any) -> Session:
    source = {"kind": "recording", "path": "x"}
    return Session.model_validate(
        {"person": "p01", "modality": "fmri", "source": source, "consent": settings}
    )


@pytest.fixture
def public(tmp_path: Path) -> Path:
    path = tmp_path / "p01.pub"
    path.write_bytes(KEY.pem)
    return path


def test_a_trusted_signature_holds_and_no_other_does() -> None:
    assert signature_problems(SIGNED, [OTHER.public, KEY.public]) == []
    for trusted in ([], [OTHER.public]):
        (found,) = signature_problems(SIGNED, trusted)
        assert fingerprint(KEY.public) in found
    (found,) = signature_problems(consent(), [KEY.public])
    assert found.startswith("signature: got None")


CHANGES = st.sampled_from(
    [
        {"person": "p02"},
        {"visit": "v02"},
        {"visit": None},
        {"study": "other"},
        {"scopes": frozenset(Scope)},
        {"scopes": frozenset()},
        {"expires": datetime(2100, 1, 1, tzinfo=UTC)},
        {"sealed": True},
        {"retention_days": 7},
        {"language": "ja"},
        {"contact": "nobody"},
    ]
)


@given(CHANGES)
def test_whatever_is_changed_breaks_the_signature(change: dict[str, Any]) -> None:
    changed = SIGNED.model_copy(update=change)
    (found,) = signature_problems(changed, [KEY.public])
    assert found.startswith("signature.value")


def test_every_field_is_signed() -> None:
    signed = set(json.loads(SIGNED.told.partition(b"\0")[2]))
    assert signed == set(Consent.model_fields) - {"signature"}


@pytest.mark.parametrize(
    "change", [{"role": "steward"}, {"at": NOW + timedelta(days=1)}, {"value": "00" * 64}]
)
def test_role_and_date_are_signed_too(change: dict[str, Any]) -> None:
    assert SIGNED.signature is not None
    forged = SIGNED.signature.model_copy(update=change)
    changed = SIGNED.model_copy(update={"signature": forged})
    assert signature_problems(changed, [KEY.public])


def test_a_signature_of_somebody_else_under_a_trusted_name_is_refused() -> None:
    forged = sign(consent(scopes=frozenset(Scope)), OTHER, "participant", NOW)
    assert forged.signature is not None
    posing = forged.signature.model_copy(update={"signer": KEY.public.hex()})
    changed = forged.model_copy(update={"signature": posing})
    (found,) = signature_problems(changed, [KEY.public])
    assert found.startswith("signature.value")


def test_a_consent_for_no_visit_cannot_be_signed() -> None:
    with pytest.raises(ConsentError, match="visit: got None"):
        sign(consent(visit=None), KEY, "steward", NOW)


@pytest.mark.parametrize("name", ["consent.toml", "consent.json"])
@given(text=st.text(max_size=30), scopes=st.frozensets(st.sampled_from(list(Scope))))
def test_a_file_gives_back_what_was_signed(
    name: str, text: str, scopes: frozenset[Scope], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("c") / name
    held = sign(consent(contact=text, scopes=scopes), KEY, "steward", NOW)
    write_consent(path, held)
    assert read_consent(path) == held
    assert signature_problems(read_consent(path), [KEY.public]) == []
    assert path.stat().st_mode & 0o077 == 0


def test_with_trusted_keys_nothing_unsigned_begins(public: Path) -> None:
    trusting = session(trusted_keys=[public], visit="v01")
    for mode in ("live", "replay", "pilot"):
        require_consent(SIGNED, trusting, mode)
        require_consent(None, trusting, mode)  # which allows nothing
        with pytest.raises(ConsentError, match="signature"):
            require_consent(consent(), trusting, mode)
    elsewhere = session(trusted_keys=[public], visit="v02", study="s")
    with pytest.raises(ConsentError, match=r"2 problem\(s\)") as caught:
        require_consent(SIGNED, elsewhere, "live")
    assert "visit: got 'v01'; allowed: 'v02'" in str(caught.value)
    assert "study" in str(caught.value)
    with pytest.raises(ConsentError, match="visit"):
        require_consent(SIGNED, session(trusted_keys=[public]), "live")


def test_an_unsigned_consent_is_live_only_where_the_session_says_so() -> None:
    held = consent(visit=None)
    with pytest.raises(ConsentError, match=r"consent\.trusted_keys"):
        require_consent(held, session(), "live")
    require_consent(held, session(unsigned=True), "live")
    require_consent(held, session(), "replay")
    require_consent(held, session(), "pilot")
    with pytest.raises(ConsentError, match="visit"):
        require_consent(consent(visit="v02"), session(visit="v01", unsigned=True), "live")


def test_unsigned_settings_never_weaken_trusted_keys(public: Path) -> None:
    both = session(trusted_keys=[public], visit="v01", unsigned=True)
    with pytest.raises(ConsentError, match="signature"):
        require_consent(consent(), both, "live")


def test_every_process_checks_the_plan_itself(public: Path, tmp_path: Path) -> None:
    trusting = session(trusted_keys=[public], visit="v01")
    plan = Plan(run="r", folder=tmp_path, mode="live", session=trusting, consent=SIGNED)
    path = plan.save()
    assert Plan.load(path).consent == SIGNED
    raw = json.loads(path.read_text())
    raw["consent"]["scopes"] = [s.value for s in Scope]
    with pytest.raises(ValidationError, match=r"signature\.value"):
        Plan.model_validate(raw)
    raw["consent"] = None
    assert Plan.model_validate(raw).consent is None


def test_a_withdrawn_consent_is_refused_in_every_copy(tmp_path: Path) -> None:
    held = consent(contact="withdrawn")
    for name in ("a.toml", "b.json"):
        write_consent(tmp_path / name, held)
    assert withdrawal_of(held) is None
    first = withdraw(held, "participant", NOW)
    assert withdraw(held, "somebody", NOW + timedelta(days=1)) == first
    resigned = sign(held, KEY, "steward", NOW)
    assert withdrawal_of(resigned) == first
    for name in ("a.toml", "b.json"):
        with pytest.raises(ConsentError, match=r"withdrawn on 2026-06-01 00:00 \(participant\)"):
            load_consent(tmp_path / name)
        assert read_consent(tmp_path / name) == held
    assert withdrawal_of(consent(contact="other")) is None


def test_a_damaged_note_of_a_withdrawal_still_counts(tmp_path: Path) -> None:
    held = consent()
    withdraw(held, "participant", NOW, tmp_path)
    (note,) = (tmp_path / "withdrawn").iterdir()
    note.write_text("{")
    assert withdrawal_of(held, tmp_path) is not None


def test_a_running_session_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="no running session"):
        withdraw_running(tmp_path, "participant")
    (tmp_path / "plan.json").touch()
    assert withdrawn_in(tmp_path) is None
    withdraw_running(tmp_path, "participant")
    assert withdrawn_in(tmp_path) == "the consent was withdrawn (participant)"
    (tmp_path / "withdrawn").write_bytes(b"")
    assert withdrawn_in(tmp_path) == "the consent was withdrawn"


def test_from_a_new_file_to_its_withdrawal_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_PASSPHRASE", PHRASE)
    monkeypatch.setattr(keys, "COST", 2**4)
    file, key = tmp_path / "consent.toml", tmp_path / "p01.key"

    def call(*arguments: object) -> tuple[int, str]:
        code = main([str(a) for a in arguments])
        said = capsys.readouterr()
        return code, said.out + said.err

    new = ("consent", "new", file, "--person", "p01", "--visit", "v01", "--expires", "2099-12-31",
           "--scope", "view_self", "--contact", "Room 5", "--language", "ja")  # fmt: skip
    assert call("keys", "new", "p01", "--signing", "--out", tmp_path)[0] == 0
    assert call(*new)[0] == 0
    assert "exists already" in call(*new)[1]
    check = ("consent", "check", file, "--trust", tmp_path / "p01.pub")
    code, said = call(*check)
    assert (code, "signature: got None" in said) == (1, True)
    code, said = call("consent", "sign", file, "--key", key, "--as", "participant")
    assert (code, "あなたが同意する内容" in said) == (0, True)
    code, said = call(*check)
    assert (code, "valid" in said) == (0, True)
    page = tmp_path / "words.html"
    code, said = call("consent", "show", file, "--words", "--language", "en", "--html", page)
    assert (code, "Room 5" in said, "Signed as the participant" in said) == (0, True, True)
    assert "Room 5" in page.read_text()
    raw = file.read_text().replace('["view_self"]', '["view_self", "export"]')
    (tmp_path / "forged.toml").write_text(raw)
    assert tomllib.loads(raw)["scopes"] == ["view_self", "export"]
    assert "signature.value" in call("consent", "check", tmp_path / "forged.toml", *check[3:])[1]
    code, said = call("consent", "withdraw", file)
    assert (code, "withdrawn" in said) == (0, True)
    code, said = call(*check)
    assert (code, "withdrawn" in said) == (1, True)
    assert "withdrawn" in call("consent", "show", file)[1]


def test_what_opens_recordings_cannot_sign_and_the_other_way_round(tmp_path: Path) -> None:
    steward = keys.StewardKey.new()
    steward.save(tmp_path / "s.key", tmp_path / "s.pub", PHRASE, cost=2**4)
    KEY.save(tmp_path / "p.key", tmp_path / "p.pub", PHRASE, cost=2**4)
    assert SigningKey.load(tmp_path / "p.key", PHRASE) == KEY
    with pytest.raises(keys.SealError, match="not a private key to sign with"):
        SigningKey.load(tmp_path / "s.key", PHRASE)
    with pytest.raises(keys.SealError, match="not an Ed25519 key"):
        keys.load_signer(tmp_path / "s.pub")
    with pytest.raises(keys.SealError, match="not an X25519 key"):
        keys.load_public(tmp_path / "p.pub")
    assert keys.public_part(tmp_path / "p.key") == keys.public_part(tmp_path / "p.pub")
