from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.session import RendererSettings, Session
from phosphene.session_look import file_findings, renderer_findings

LARGE = "diffusers:owner/model"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("phosphene.session_look.find_spec", lambda _: object())
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def levels(**settings: object) -> list[str]:
    return [f.level for f in renderer_findings(RendererSettings.model_validate(settings))]


def test_the_shipped_model_is_there_and_weights_that_are_not_are_named(tmp_path: Path) -> None:
    assert levels(engine="cpu") == ["ok", "ok"]
    first, _ = renderer_findings(RendererSettings(model="world-256"), tmp_path)
    assert first.level == "error"
    assert "model.json" in first.text
    (tmp_path / "world-256").mkdir()
    (tmp_path / "world-256" / "model.json").write_text('{"files": {"flow.onnx": "0"}}')
    first, _ = renderer_findings(RendererSettings(model="world-256"), tmp_path)
    assert "missing flow.onnx" in first.text
    assert first.fix


def test_an_engine_that_is_not_here_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.session_look.why_not_here", lambda _: "no GPU")
    finding = renderer_findings(RendererSettings(engine="cuda"))[-1]
    assert finding.level == "warning"
    assert "no GPU; the CPU would paint" in finding.text


def test_a_hub_id_has_to_be_downloaded_before(cache: Path) -> None:
    assert levels(model=LARGE) == ["ok", "error", "ok"]
    folder = cache / "models--owner--model" / "snapshots" / "1"
    folder.mkdir(parents=True)
    assert levels(model=LARGE) == ["ok", "error", "ok"], "no model_index.json"
    (folder / "model_index.json").touch()
    assert levels(model=LARGE) == ["ok"] * 3
    large = {"tiny": str(cache / "none"), "lora": str(folder)}
    assert levels(model=LARGE, large=large, engine="openvino") == [
        "ok", "ok", "error", "ok", "warning"
    ]  # fmt: skip


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phosphene.session_look.find_spec", lambda _: None)
    first = renderer_findings(RendererSettings(model=LARGE))[0]
    assert first.level == "error"
    assert "torch, diffusers, transformers" in first.text
    assert "phosphene[train]" in first.fix


def test_bundle_and_consent_are_looked_for(tmp_path: Path) -> None:
    source = {"kind": "folder", "path": tmp_path}
    base = {"person": "p", "modality": "fmri", "source": source}
    assert [f.level for f in file_findings(Session.model_validate(base))] == ["hint", "hint"]
    assert "without --consent FILE" in file_findings(Session.model_validate(base))[1].text
    named = {"decoder": {"bundle": tmp_path / "b"}, "gate": {"consent": tmp_path / "c.toml"}}
    session = Session.model_validate(base | named)
    assert [f.level for f in file_findings(session)] == ["error", "error"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "manifest.json").touch()
    (tmp_path / "c.toml").write_text('person = "p"\nscopes = []\nexpires = 2100-01-01\n')
    assert [f.level for f in file_findings(session)] == ["ok", "ok"]


def test_the_doctor_tells_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("phosphene.commands.doctor.CHECKS", ())
    monkeypatch.setattr("phosphene.commands.doctor.streams_are_there", lambda *_: True)
    file = tmp_path / "s.toml"
    source = f'person = "p"\nmodality = "fmri"\n[source]\nkind = "folder"\npath = "{tmp_path}"\n'
    file.write_text(source)
    assert main(["doctor", "--session", str(file)]) == 0
    file.write_text(source + f'[renderer]\nmodel = "{LARGE}"\n')
    assert main(["doctor", "--session", str(file)]) == 1
    assert "hf download owner/model" in capsys.readouterr().out
