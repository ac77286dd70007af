"""What ``phosphene evaluate`` asks of its processes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from phosphene import cli
from phosphene.bundle import Bundle, Expectation
from phosphene.commands import evaluate
from phosphene.errors import BundleError, ToldError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Processes that would be run; decoding leaves percepts that can be painted in all ways."""
    made: list[tuple[str, list[str]]] = []

    def run(module: str, arguments: Sequence[str]) -> None:
        made.append((module, list(arguments)))
        if module == "decoder.evaluation.decode":
            out = Path(arguments[list(arguments).index("--out") + 1])
            facts = json.dumps({"paint": "all"})
            np.savez(out, seen=np.zeros(1), facts=np.array(facts))

    monkeypatch.setattr(evaluate, "run_module", run)
    return made


def option(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_trials_are_decoded_painted_and_measured(
    calls: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    source, out = tmp_path / "trials.mat", tmp_path / "out"
    source.write_bytes(b"")
    command = ["evaluate", str(source), "--out", str(out), "--folds", "5", "--responses", "X"]
    command += ["--stimuli", "S", "--strength", "0.6", "--judge", "onnx:a", "--judge", "onnx:b"]
    assert cli.main(command) == 0
    names = [module for module, _ in calls]
    assert names == ["decoder.evaluation.decode", "renderer.paint", "decoder.evaluation.score"]
    decoded, painted, measured = (arguments for _, arguments in calls)
    assert decoded[0] == str(source)
    assert option(decoded, "--split") == "5-fold-by-stimulus"
    assert option(decoded, "--responses") == "X"
    assert (option(painted, "--mode"), option(painted, "--strength")) == ("all", "0.6")
    assert option(painted, "--out") == option(measured, "--pictures") == str(out / "pictures.npz")
    assert [measured[k + 1] for k, word in enumerate(measured) if word == "--judge"] == [
        "onnx:a", "onnx:b",
    ]  # fmt: skip


def test_recordings_are_cleaned_first_and_left_out_by_run(
    calls: list[tuple[str, list[str]]], tmp_path: Path
) -> None:
    source = tmp_path / "run.nii.gz"
    source.write_bytes(b"")
    command = ["evaluate", str(source), "--out", str(tmp_path / "out"), "--folds", "4"]
    command += ["--acquisition", '{"fmri": {"fwhm_mm": 4}}', "--delay", "5"]
    assert cli.main([*command, "--features", "beta", "--person", "p7"]) == 0
    assert [module for module, _ in calls][:2] == [
        "acquisition.prepare",
        "decoder.evaluation.decode",
    ]
    prepared, decoded = calls[0][1], calls[1][1]
    assert option(prepared, "--person") == "p7"
    settings = json.loads(option(prepared, "--settings"))
    assert settings == {"fmri": {"features": "beta", "fwhm_mm": 4}}
    assert option(decoded, "--delay") == "5"
    assert option(decoded, "--split") == "4-fold-by-run"


def test_what_contradicts_itself_is_refused(
    calls: list[tuple[str, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, full = tmp_path / "trials.mat", tmp_path / "full"
    source.write_bytes(b"")
    full.mkdir()
    (full / "kept.txt").write_text("")
    out = ["--out", str(tmp_path / "new")]
    for command, told in (
        ([str(tmp_path / "absent"), *out], "does not exist"),
        ([str(source), "--out", str(full)], "a new folder"),
        ([str(source), *out, "--allow-training"], "with --bundle"),
        ([str(source), *out, "--bundle", "b", "--delay", "5"], "the bundle knows it"),
    ):
        assert cli.main(["evaluate", *command]) == 1
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["evaluate", str(source), *out, "--folds", "3", "--bundle", "b"])
    assert calls == []


def test_a_bundle_of_somebody_else_is_refused_before_anything_is_cleaned(
    calls: list[tuple[str, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = tmp_path / "run.nii.gz", tmp_path / "out"
    source.write_bytes(b"0" * 16)
    asked: list[Expectation | None] = []

    def loaded(path: Path, expect: Expectation | None = None) -> None:
        asked.append(expect)
        raise BundleError("person: got 'p01'; allowed: 'p7'")

    monkeypatch.setattr(Bundle, "load", loaded)
    command = ["evaluate", str(source), "--out", str(out), "--bundle", str(tmp_path)]
    assert cli.main([*command, "--person", "p7"]) == 1
    assert "person: got 'p01'" in capsys.readouterr().err
    assert asked == [Expectation(person="p7", modality="fmri")]
    assert calls == []
    # What was refused leaves no folder.
    assert not out.exists()
    # Whose a foreign recording is nobody knows, unless it is said.
    assert cli.main(command) == 1
    assert asked[1] == Expectation(modality="fmri")


def test_what_a_process_has_told_is_not_told_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(_module: str, _arguments: Sequence[str]) -> None:
        raise ToldError("decoder.fit failed and has told why")

    monkeypatch.setattr(evaluate, "run_module", run)
    source = tmp_path / "trials.mat"
    source.write_bytes(b"")
    assert cli.main(["evaluate", str(source), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == ""
