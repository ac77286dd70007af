"""Whoever gives a wrong kind of key is told which it is, which is needed, and asked for nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.errors import SealError
from phosphene.feedback.blinding import save_assignment, seal_arm
from phosphene.network.keys import new_network_key
from phosphene.seal.keys import SigningKey, StewardKey, load_public, load_signer
from phosphene.seal.kinds import kind_in_words
from tests.unit.replay_bench import run_messages, write
from tests.unit.test_phosphene_bundle_store import here

WORDS = "a good long passphrase"
STEWARD, SIGNER = StewardKey.new(), SigningKey.new()
SIGNS = "a private key to sign consents with"
KINDS = {
    "lab.key": "the private key of a data steward",
    "lab.pub": "a public key that recordings are sealed to",
    "signer.key": SIGNS,
    "signer.pub": "a public key of somebody who signs",
    "desk.network": "the private key of a machine, for the network",
    "desk.network.pub": "the public key of a machine, for the network",
    "blind.key": "a console's own key for assignments",
    "notes.txt": "",
    "missing": "",
}

Said = Callable[..., str]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    folder = tmp_path / "keys"
    STEWARD.save(folder / "lab.key", folder / "lab.pub", WORDS, cost=2**4)
    SIGNER.save(folder / "signer.key", folder / "signer.pub", WORDS, cost=2**4)
    new_network_key(folder / "desk.network", folder / "desk.network.pub")
    (folder / "blind.key").write_text(STEWARD.secret.hex())
    (folder / "notes.txt").write_text("no key")
    return folder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def call(*arguments: object) -> str:
        assert main([str(word) for word in arguments]) == 1
        return capsys.readouterr().err

    return call


def test_every_kind_of_key_is_known_and_no_secret_told(keys: Path) -> None:
    assert {name: kind_in_words(keys / name) for name in KINDS} == KINDS


@pytest.mark.parametrize("command", ["unblind", "unblind --scores", "unseal", "verify", "report"])
def test_a_key_to_sign_with_opens_nothing_and_says_so(
    keys: Path, tmp_path: Path, said: Said, command: str
) -> None:
    # No passphrase is set and there is no terminal: asking for one would be another error.
    path = write(tmp_path / "out", run_messages(), STEWARD)
    assigned = tmp_path / "p01.blind"
    save_assignment(seal_arm(1, "S", "p01", STEWARD.public, [STEWARD.public]), assigned)
    name, *more = command.split()
    if name == "unblind":
        words = [*more, assigned]
    else:
        words = [path.parent, *(["--out", tmp_path / "open"] if name == "unseal" else [])]
    told = said(name, *words, "--key", keys / "signer.key")
    assert f"not a private key of a steward: it is {SIGNS}" in told
    assert "needed is one made with: phosphene keys new NAME" in told
    assert "passphrase" not in told


def test_a_bundle_is_sealed_to_public_keys_of_stewards_only(
    keys: Path, tmp_path: Path, said: Said
) -> None:
    here().write(tmp_path / "p01.phos")
    for name, words in (
        ("signer.pub", "it is a public key of somebody who signs; make one with"),
        ("lab.key", "it is the private key of a data steward; the public key is the file NAME.pub"),
        ("desk.network.pub", "it is the public key of a machine"),
        ("notes.txt", "not a PEM file of a public key"),
    ):
        told = said("bundle", "seal", tmp_path / "p01.phos", "--to", keys / name)
        assert words in told
        assert name in told
    assert sorted(p.name for p in tmp_path.glob("p01*")) == ["p01.phos"]
    told = said("bundle", "show", tmp_path / "p01.phos", "--key", keys / "lab.pub")
    assert "it is a public key that recordings are sealed to" in told


def test_the_other_way_round_it_is_told_too(keys: Path) -> None:
    with pytest.raises(SealError, match=r"it is the private key of a data steward.*--signing"):
        SigningKey.load(keys / "lab.key", WORDS)
    with pytest.raises(SealError, match=r"it is a public key that recordings are sealed to"):
        load_signer(keys / "lab.pub")
    assert load_public(keys / "lab.pub") == STEWARD.public


@pytest.mark.parametrize("change", [{"cost": 3}, {"public": "00"}, {"salt": 7}])
def test_a_damaged_key_is_called_damaged(keys: Path, change: dict[str, object]) -> None:
    held = json.loads((keys / "lab.key").read_text()) | change
    (keys / "lab.key").write_text(json.dumps(held))
    with pytest.raises(SealError, match="it was one, and is damaged"):
        StewardKey.load(keys / "lab.key", WORDS)


@pytest.mark.parametrize("key", [STEWARD, SIGNER])
def test_no_text_of_a_pair_of_keys_has_its_secret(key: StewardKey | SigningKey) -> None:
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret)[2:-1] not in f"{key!r} {key}"
    assert type(key).__name__ in repr(key)
