"""The page of decoding and reconstruction tells what is missing and what is not reached."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from phosphene.errors import InputError
from phosphene.metrics import Scored, scored
from tests.benchmarks import evaluate_recon
from tests.benchmarks.evaluate import Bench
from tests.benchmarks.evaluate_recon import Measured, measure, page, read_kept
from tests.benchmarks.evaluate_recon_line import Line, NotMeasuredError, of_score
from tests.benchmarks.evaluate_recon_parts import PARTS, Part


def bench(folder: Path) -> Bench:
    return Bench(folder, folder, None)


def score(value: float) -> Scored:
    return scored(
        lambda _: np.full(20, value), np.arange(20), chance=0.5, rule="r", split="ten folds",
        permutations=5,
    )  # fmt: skip


def test_a_figure_is_compared_as_it_is_shown() -> None:
    line = of_score("d", "PCC", score(0.7796), least=0.78, baseline="b")
    assert line.measured == "0.780 [0.780, 0.780]"
    assert (line.required, line.reached, line.split) == ("at least 0.78", True, "ten folds")
    assert line.beside == "0.500; 0.780"
    assert of_score("d", "PCC", score(0.7794), least=0.78).cells()[4] == "**no**"
    assert of_score("d", "MSE", score(0.041), most=0.04).reached is False
    assert of_score("d", "MSE", score(0.04), most=0.04).reached is True
    assert of_score("d", "SSIM", score(0.5)).cells()[3:5] == ["", ""]


def test_what_is_not_measured_is_told_and_never_invented(tmp_path: Path) -> None:
    def absent(_: Bench) -> list[Line]:
        raise NotMeasuredError("no recordings")

    def broken(_: Bench) -> list[Line]:
        raise InputError("a damaged file")

    def wrong(_: Bench) -> list[Line]:
        raise ZeroDivisionError

    assert measure(bench(tmp_path), Part("t", absent)).why == "no recordings"
    assert measure(bench(tmp_path), Part("t", broken)).why == "a damaged file"
    with pytest.raises(ZeroDivisionError):
        measure(bench(tmp_path), Part("t", wrong))
    assert "is not there" in measure(bench(tmp_path), PARTS["encoding"]).why
    found = {
        "digit69": Measured((of_score("digits", "PCC", score(0.9), least=0.8),), "", "2026-01-01"),
        "muse": Measured((), "no recordings", "2026-01-02"),
    }
    text = page(found, "a machine")
    assert "1 of 1 figures that were asked for are reached" in text
    assert "2026-01-01 and 2026-01-02: a machine" in text
    assert "- **Muse N170, causal, through the chain**: no recordings" in text
    assert text.count("left out of this run") == len(PARTS) - 2
    assert text.count("| digits |") == 1


def test_parts_are_kept_and_renewed_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {"a": "first", "b": "second"}
    parts = {
        name: Part(name, lambda _, name=name: [Line(name, "f", lines[name])]) for name in lines
    }
    monkeypatch.setattr(evaluate_recon, "PARTS", parts)
    out, keep = tmp_path / "page.md", tmp_path / "kept.json"
    common = ["--data", str(tmp_path), "--out", str(out), "--keep", str(keep)]
    evaluate_recon.main(common)
    lines["a"], lines["b"] = "renewed", "not asked for"
    evaluate_recon.main([*common, "--only", "a"])
    assert "renewed" in out.read_text()
    assert "second" in out.read_text()
    assert "not asked for" not in out.read_text()
    assert set(read_kept(keep)) == {"a", "b"}
    assert read_kept(None) == {}
