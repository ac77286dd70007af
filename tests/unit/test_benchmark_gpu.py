"""The GPU benchmark: its figures, its page, and the whole way on the CPU with tiny shapes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks import bench_gpu, bench_gpu_turbo
from tests.benchmarks.bench_gpu_rows import GOALS, Row, Timer, measure, page, verdicts

torch = pytest.importorskip("torch", reason="needs torch")


def ticks(step_s: float = 0.004) -> Iterator[float]:
    return itertools.count(0.0, step_s)


def test_rows_are_timed_by_the_clock_and_errors_become_reasons() -> None:
    clock = ticks()
    timer = Timer(most_frames=50, most_s=100.0, clock=partial(next, clock))
    row = measure(Row("m", "w"), lambda: lambda: None, timer, lambda: 7.0)
    assert row.frames == 50 and row.memory_mib == 7.0
    assert row.p50_ms == pytest.approx(4.0) and row.per_s == pytest.approx(250.0)

    short = Timer(most_frames=50, most_s=0.02, clock=partial(next, ticks()))
    assert 1 <= measure(Row("m", "w"), lambda: lambda: None, short, lambda: 0.0).frames < 5

    def broken() -> None:
        raise RuntimeError("no cuDNN\nand more")

    failed = measure(Row("m", "w"), lambda: broken, Timer(), lambda: 0.0)
    assert failed.skipped == "RuntimeError: no cuDNN"


def test_page_says_reached_missed_or_not_run() -> None:
    model = GOALS[0].model
    assert "has not run yet" in page([], {})
    assert page([], {}) in Path("docs/benchmarks-gpu.md").read_text("utf-8") or (
        "## Machine" in Path("docs/benchmarks-gpu.md").read_text("utf-8")
    )
    fast = Row(model, "CUDA graph", p50_ms=4, p99_ms=5, per_s=250, frames=9)
    slow = Row(model, "CUDA graph", p50_ms=4, p99_ms=9, per_s=250, frames=9)
    peer = Row(model, "naive loop", p50_ms=1, p99_ms=1, per_s=1000, frames=9)
    assert "**reached**" in verdicts([fast, peer])[0]
    assert "**missed**" in verdicts([slow])[0]
    assert "**not measured**" in verdicts([peer])[0]
    text = page([fast, Row(model, "compiled", skipped="no time")], {"GPU": "one"})
    assert "| 250.0 |" in text and "no time" in text and "- GPU: one" in text


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_ends_well(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert bench_gpu.main(["--out", str(tmp_path / "x.md")]) == 0
    assert "nothing was measured" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_dry_run_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("diffusers", reason="needs diffusers")
    # its import alone takes seconds
    monkeypatch.setattr(bench_gpu_turbo.Turbo, "pipeline", bench_gpu_turbo.Turbo.eager)
    out, told = tmp_path / "gpu.md", tmp_path / "gpu.json"
    assert bench_gpu.main(["--dry-run", "--out", str(out), "--json", str(told)]) == 0
    rows = json.loads(told.read_text("utf-8"))["rows"]
    done = {row["way"] for row in rows if not row["skipped"]}
    assert {"CUDA graph", "naive loop", "torch eager", "torch CUDA graph"} <= done
    left = {row["way"]: row["skipped"] for row in rows if row["skipped"]}
    assert "CUDA" in left["ONNX Runtime cuda"] and "needed" in left["compiled, CUDA graph"]
    assert all(row["parity"] for row in rows if row["way"].startswith("torch"))
    assert "dry run" in out.read_text("utf-8")
