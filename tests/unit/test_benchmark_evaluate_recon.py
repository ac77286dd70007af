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
from tests.benchmarks.evaluate_recon_parts import PARTS, Part, of_kinds


def bench(folder: Path) -> Bench:
    return Bench(folder, folder, None)


def score(value: float) -> Scored:
    return scored(
        lambda _: np.full(20, value), np.arange(20), chance=0.5, rule="r", split="ten folds",
        permutations=5,
    )  # fmt: skip


def test_a_figure_is_judged_before_it_is_rounded() -> None:
    line = of_score("d", "PCC", score(0.7801), least=0.78, baseline="b")
    assert line.measured == "0.780 [0.780, 0.780]"
    assert (line.required, line.reached, line.split) == ("at least 0.78", True, "ten folds")
    assert line.beside == "0.500; 0.780"
    told = of_score("d", "PCC", score(0.5), over="runs", caveat="seen before")
    assert told.split == "ten folds; seen before; interval over runs"
    assert of_score("d", "PCC", score(0.7796), least=0.78).cells()[4] == "**no**"
    assert of_score("d", "MSE", score(0.041), most=0.04).reached is False
    assert of_score("d", "MSE", score(0.0399), most=0.04).reached is True
    assert of_score("d", "SSIM", score(0.5)).cells()[3:5] == ["", ""]


def test_what_is_not_measured_is_told_and_never_invented(tmp_path: Path) -> None:
    def absent(_: Bench) -> list[Line]:
        raise NotMeasuredError("no recordings")

    def broken(_: Bench) -> list[Line]:
        raise InputError("a damaged file")

    def wrong(_: Bench) -> list[Line]:
        raise ZeroDivisionError

    assert measure(bench(tmp_path), Part("t", absent, 1, 1)).why == "no recordings"
    assert measure(bench(tmp_path), Part("t", broken, 1, 1)).why == "a damaged file"
    with pytest.raises(ZeroDivisionError):
        measure(bench(tmp_path), Part("t", wrong, 1, 1))
    assert "is not there" in measure(bench(tmp_path), PARTS["encoding"]).why
    found = {
        "digit69": Measured((of_score("digits", "PCC", score(0.9), least=0.8),), "", "2026-01-01"),
        "muse": Measured((), "no recordings", "2026-01-02"),
    }
    text = page(found, "a machine")
    asked = sum(part.asked for part in PARTS.values())
    assert f"1 of {asked} figures that were asked for are reached" in text
    assert f"{asked - 1} are not measured" in text
    assert "2026-01-01 and 2026-01-02: a machine" in text
    assert "- **Muse N170, causal, through the chain** (1 asked for): no recordings" in text
    assert text.count("left out of this run") == len(PARTS) - 2
    assert text.count("| digits |") == 1


def test_a_command_that_fails_ends_its_part_alone(tmp_path: Path) -> None:
    def failed(_: Bench) -> list[Line]:
        raise SystemExit("phosphene fit\nits log")

    assert (
        measure(bench(tmp_path), Part("t", failed, 1, 1)).why == "a command failed: phosphene fit"
    )


def test_confidence_is_judged_by_the_kind_that_is_refused_least() -> None:
    line = of_kinds("d", {"noise": 1.0, "rest": 0.949}, {"noise": 1.0, "rest": 0.96}, 0.95, "s")
    assert line.reached is False
    assert line.measured == "94.9% (rest), the least; 1 of 2 kinds reach it"
    assert of_kinds("d", {"noise": 0.95, "rest": 0.96}, {"noise": 1.0}, 0.95, "s").reached is True


def test_parts_are_kept_and_renewed_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = {"a": "first", "b": "second"}
    parts = {
        name: Part(name, lambda _, name=name: [Line(name, "f", lines[name])], 0, 1)
        for name in lines
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
