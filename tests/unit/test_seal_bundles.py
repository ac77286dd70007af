"""A bundle at rest: sealed, opened by the steward only, of one person only."""

from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.bundle import Bundle
from phosphene.bundle_store import pack_archive
from phosphene.cli import main
from phosphene.errors import BundleError, SealError
from phosphene.live_bundle import live_bundle
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import unlocked
from phosphene.session import Session
from tests.unit.test_phosphene_bundle_store import here

KEY, OTHER = StewardKey.new(), StewardKey.new()
PHRASE = "correct horse battery"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    KEY.save(folder / "steward.key", folder / "steward.pub", PHRASE, cost=2**4)
    here().write(folder / "p01.phos")
    command = ["bundle", "seal", str(folder / "p01.phos"), "--to", str(folder / "steward.pub")]
    assert main(command) == 0
    assert main(command) == 1, "nothing is overwritten"
    return folder / "p01.phos.sealed"


def session(bundle: Path, person: str = "p01") -> Session:
    values = {"person": person, "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    return Session.model_validate({**values, "decoder": {"bundle": bundle}})


def test_nothing_of_the_bundle_can_be_read_without_the_key(sealed: Path) -> None:
    content, plain = sealed.read_bytes(), pack_archive(here().payload)
    assert sealed.stat().st_mode & 0o077 == 0
    for at in range(0, len(plain) - 16, 16):
        chunk = plain[at : at + 16]
        assert len(set(chunk)) < 8 or chunk not in content
    for word in (b"p01", b"manifest", b"onnx"):
        assert word not in content
    with pytest.raises(SealError, match="give that private key with --key"):
        Bundle.load(sealed)
    with pytest.raises(SealError, match="not to the key given"), unlocked([sealed], OTHER):
        pass


def test_the_steward_opens_it_for_its_person_only(sealed: Path) -> None:
    with unlocked([sealed], KEY):
        held = live_bundle(session(sealed))
        assert held is not None
        assert held.digest == here().digest
        with pytest.raises(BundleError, match="person: got 'p01'; allowed: 'p02'"):
            live_bundle(session(sealed, "p02"))


def test_a_changed_or_cut_file_is_refused(sealed: Path, tmp_path: Path) -> None:
    content = sealed.read_bytes()
    broken = tmp_path / "b.phos.sealed"
    for at in (len(content) // 2, len(content) - 40):
        changed = bytearray(content)
        changed[at] ^= 1
        for wrong in (bytes(changed), content[:at]):
            broken.write_bytes(wrong)
            with pytest.raises((BundleError, SealError)), unlocked([broken], KEY):
                Bundle.load(broken)


def test_the_command_line_opens_it_again(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_PASSPHRASE", PHRASE)
    key, out = str(sealed.with_name("steward.key")), tmp_path / "p01"
    assert main(["bundle", "unpack", str(sealed), "--out", str(out)]) == 1
    assert main(["bundle", "unpack", str(sealed), "--out", str(out), "--key", key]) == 0
    assert Bundle.load(out).digest == here().digest
