from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["decoder.fit", "renderer.generator", "phosphene.doctor"])
def test_inference_never_reports_home(module: str, tmp_path: Path) -> None:
    """ONNX Runtime writes a device identifier below the home folder unless it is told not to."""
    kept = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    code = (
        f"import {module}, onnxruntime, os; onnxruntime.get_available_providers();"
        "print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"
    assert not list(tmp_path.rglob("*icrosoft*"))
