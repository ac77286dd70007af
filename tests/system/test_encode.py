"""``phosphene encode`` as a person calls it: real processes, a report of known voxels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np


def test_trials_are_encoded_by_processes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (50, 8, 8), dtype=np.uint8)
    light = (pictures[:, :4].mean(axis=(1, 2)) - 127) / 10
    responses = np.stack([light + 0.3 * rng.normal(size=50), *rng.normal(size=(3, 50))], axis=1)
    source, out = tmp_path / "trials.npz", tmp_path / "out"
    follows = np.array([1, 0, 0, 0])
    np.savez(source, responses=responses, stimuli=pictures, follows=follows)
    command = [sys.executable, "-m", "phosphene.cli", "encode", str(source), "--out", str(out)]
    command += ["--permutations", "50", "--folds", "5", "--regions", "bright=follows"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "5 folds by stimulus" in done.stderr
    told = json.loads((out / "encoding.json").read_text("utf-8"))
    z = told["sets"]["z"]["regions"]
    assert z["bright"]["value"] > 0.4 > z["bright"]["shuffled_high"]
    assert told["regions"] == {"all": 4, "bright": 1}
    assert any(line.startswith("zc and blocks of the generator") for line in told["missing"])
    assert (out / "encoding.html").stat().st_mode & 0o077 == 0
    again = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert again.returncode == 1
    assert "--out" in again.stderr
