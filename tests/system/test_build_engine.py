"""`phosphene build-engine` on the shipped model, ahead of time, on a machine without a GPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from phosphene.engines.tensorrt import MODULES

HAS_RTX = any(importlib.util.find_spec(name) for name in MODULES[1:])


def build(what: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "phosphene.cli", "build-engine", what, *options],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.skipif(not HAS_RTX, reason="TensorRT-RTX is not installed")
def test_the_shipped_model_is_built_ahead_of_time_and_then_found(tmp_path: Path) -> None:
    options = ("--steps", "1", "--target", "8.9", "--cache", str(tmp_path))
    first = build("world-256", *options)
    assert first.returncode == 0, first.stdout
    built = sorted(path.name.rpartition("-")[0] for path in tmp_path.glob("*.engine"))
    assert built == ["world-256-given-1", "world-256-low-1", "world-256-plain"]
    assert first.stdout.count("built in") == 3
    assert "not for medical" in first.stdout
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.engine")}
    again = build("world-256", *options)
    assert again.returncode == 0, again.stdout
    assert "built in" not in again.stdout
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.engine")} == stamps
