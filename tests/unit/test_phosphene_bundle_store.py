"""Bundles as one file: read back in full, refused after any change, and to whom they belong."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.bundle import CARD, Bundle, pack_bundle
from phosphene.bundle_store import pack_archive, read_archive
from phosphene.cli import main
from phosphene.errors import BundleError
from phosphene.live_bundle import live_bundle, with_threshold
from phosphene.manifest import Control, Manifest, ReliabilityBin
from phosphene.model_card import model_card
from phosphene.session import Session, load_session
from phosphene.stimuli.encoder import space_hash
from tests.unit.test_phosphene_bundle import AFFINE, make_draft, make_graph, make_mask


def made(**changes: object) -> Bundle:
    draft: Manifest = make_draft(**changes)
    return pack_bundle(draft, make_graph(), {}, make_mask(), AFFINE)


def here(**changes: object) -> Bundle:
    """A bundle for the target space of this installation."""
    target = msgspec.structs.replace(make_draft().target, sha256=space_hash())
    return made(**{"target": target, **changes})


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made().write(tmp_path_factory.mktemp("store") / "p01.phos")


def test_file_and_folder_are_the_same_bundle(packed: Path, tmp_path: Path) -> None:
    folder = Bundle.load(packed).write(tmp_path / "p01")
    assert Bundle.load(folder).digest == Bundle.load(packed).digest == made().digest
    again = Bundle.load(folder).write(tmp_path / "again.phos")
    assert again.read_bytes() == packed.read_bytes()
    assert packed.stat().st_mode & 0o077 == 0
    assert Bundle.load(packed).payload[CARD].startswith(b"# Decoder of p01")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_is_refused(
    packed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(packed.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("flipped") / "p01.phos"
    path.write_bytes(bytes(content))
    with pytest.raises(BundleError):
        Bundle.load(path)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_length_but_its_own_is_refused(
    packed: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = packed.read_bytes()
    kept = data.draw(st.integers(0, len(content) - 1))
    more = data.draw(st.binary(min_size=1, max_size=40))
    path = tmp_path_factory.mktemp("cut") / "p01.phos"
    for wrong in (content[:kept], content + more, more + content):
        path.write_bytes(wrong)
        with pytest.raises(BundleError):
            Bundle.load(path)


def zipped(path: Path, entries: list[tuple[str, bytes]], how: int = zipfile.ZIP_STORED) -> Path:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize(
    "name", ["../manifest.json", "/etc/passwd", "a/b.npz", "..", ".hidden", "a\\b.npz"]
)
def test_names_that_leave_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.phos"
    path.write_bytes(pack_archive({"manifest.json": b"{}", name: b""}))
    with pytest.raises(BundleError, match="the name"):
        read_archive(path)


def test_bombs_and_doubles_are_refused_unread(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "a.phos", [("decoder.onnx", bytes(1 << 22))], zipfile.ZIP_DEFLATED)
    with pytest.raises(BundleError, match="compressed"):
        read_archive(bomb)
    many = zipped(tmp_path / "b.phos", [(f"{k}.npz", b"") for k in range(100)])
    with pytest.raises(BundleError, match="100 entries"):
        read_archive(many)
    with pytest.warns(UserWarning, match="Duplicate"):
        double = zipped(tmp_path / "c.phos", [("a.npz", b"1"), ("a.npz", b"2")])
    with pytest.raises(BundleError, match="twice"):
        read_archive(double)
    dated = zipped(tmp_path / "d.phos", [("manifest.json", b"{}")])
    with pytest.raises(BundleError, match="another program"):
        read_archive(dated)


def test_commands(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "p01"
    assert main(["bundle", "unpack", str(packed), "--out", str(folder)]) == 0
    assert main(["bundle", "pack", str(folder)]) == 0
    assert (tmp_path / "p01.phos").read_bytes() == packed.read_bytes()
    assert main(["bundle", "check", str(folder)]) == 0
    assert "all as their hashes say" in capsys.readouterr().out
    assert main(["bundle", "show", str(packed), "--card"]) == 0
    assert "must not be used" in capsys.readouterr().out
    assert main(["info", str(packed)]) == 0
    assert "bundle of p01" in capsys.readouterr().out
    (folder / "decoder.onnx").write_bytes(b"other")
    assert main(["bundle", "check", str(folder)]) == 1
    assert "changed" in capsys.readouterr().err


def test_card_names_figures_beside_chance_and_what_it_is_not_for() -> None:
    calibration = msgspec.structs.replace(
        make_draft().calibration, error=0.05, threshold=0.4, kept=0.8,
        controls=(Control(kind="noise", refused=0.99, n=100),),
        reliability=(ReliabilityBin(confidence=0.3, success=0.25, n=40),),
    )  # fmt: skip
    card = model_card(make_draft(calibration=calibration))
    for words in (
        "| two_way | 0.800 | 0.700 to 0.900 | 0.500 | 0.510 | 10 | leave one run out |",
        "| noise | 99.0 % | 100 |", "| 0.30 | 0.25 | 40 |", "keeps 80 %", "no medical device",
        "10 responses", "Consent: consent-1", "4 s after", "b" * 64,
    ):  # fmt: skip
        assert words in card


def session(bundle: Path | None, **more: object) -> Session:
    values = {"person": "p01", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    return Session.model_validate({**values, "decoder": {"bundle": bundle}, **more})


def test_bundle_that_does_not_belong_here_is_refused(tmp_path: Path) -> None:
    good = here().write(tmp_path / "good.phos")
    assert live_bundle(session(None)) is None
    assert live_bundle(session(good)) is not None
    with pytest.raises(BundleError, match="person"):
        live_bundle(session(good, person="p02"))
    with pytest.raises(BundleError, match="modality"):
        live_bundle(session(good, modality="eeg"))
    with pytest.raises(BundleError, match="target_sha256"):
        live_bundle(session(made().write(tmp_path / "old.phos")))
    target = msgspec.structs.replace(make_draft().target, id="pixels:2", z_shape=(1, 2, 2))
    other = made(target=target, heads=("z",)).write(tmp_path / "other.phos")
    with pytest.raises(BundleError, match=r"space\.onnx"):
        live_bundle(session(other))
    placeless = pack_bundle(
        make_draft(placed=False, mask_hash="d" * 64, target=here().manifest.target),
        make_graph(),
        {},
    )
    with pytest.raises(BundleError, match="placed"):
        live_bundle(session(placeless.write(tmp_path / "pairs.phos")))


def test_threshold_holds_unless_the_session_sets_its_own(tmp_path: Path) -> None:
    calibration = msgspec.structs.replace(make_draft().calibration, threshold=0.4, kept=0.8)
    bundle = here(calibration=calibration)
    assert with_threshold(session(None), bundle).renderer.min_confidence == 0.4
    assert with_threshold(session(None), None).renderer.min_confidence == 0.1
    assert with_threshold(session(None), here()).renderer.min_confidence == 0.1
    own = session(None, renderer={"min_confidence": 0.2})
    assert with_threshold(own, bundle).renderer.min_confidence == 0.2
    file = tmp_path / "session.toml"
    text = (
        'person="p01"\nmodality="fmri"\n[source]\nkind="recording"\npath="x"\n[renderer]\nfps=5\n'
    )
    file.write_text(text)
    assert with_threshold(load_session(file), bundle).renderer.min_confidence == 0.4
    file.write_text(text + "min_confidence = 0.3\n")
    assert with_threshold(load_session(file), bundle).renderer.min_confidence == 0.3


def test_check_compares_figures_with_the_card_and_the_digest(
    packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest, folder = Bundle.load(packed).digest, tmp_path / "p01"
    assert main(["bundle", "check", str(packed), "--digest", digest[:12]]) == 0
    assert "as asked" in capsys.readouterr().out
    for wrong in ("0" * 12, digest[:4]):
        assert main(["bundle", "check", str(packed), "--digest", wrong]) == 1
        assert "digest" in capsys.readouterr().err
    assert main(["bundle", "unpack", str(packed), "--out", str(folder)]) == 0
    manifest = folder / "manifest.json"
    told = json.loads(manifest.read_text("utf-8"))
    told["metrics"][0]["value"] = told["metrics"][0]["high"] = 0.987
    manifest.write_text(json.dumps(told), "utf-8")
    assert main(["bundle", "check", str(folder)]) == 1
    assert "changed after the fit" in capsys.readouterr().err
