"""A decoder node with a bundle that does not belong to its session ends at once, for good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from phosphene.bus import RunFolder
from phosphene.node import CONFIG_EXIT
from phosphene.plan import Plan
from tests.unit.test_phosphene_bundle_store import here, made


@pytest.mark.parametrize("wrong", ["person", "target_sha256", "not a zip"])
def test_node_refuses_with_the_status_of_a_wrong_configuration(tmp_path: Path, wrong: str) -> None:
    bundle = (made() if wrong == "target_sha256" else here()).write(tmp_path / "p01.phos")
    if wrong == "not a zip":
        bundle.write_bytes(bundle.read_bytes()[:-1])
    folder = RunFolder.create(f"refused-{wrong[:3]}")
    try:
        plan = Plan.model_validate(
            {
                "run": "r",
                "folder": folder.path,
                "mode": "pilot",
                "session": {
                    "person": "p02" if wrong == "person" else "p01",
                    "modality": "fmri",
                    "source": {"kind": "recording", "path": "x"},
                    "decoder": {"bundle": bundle},
                },
            }
        ).save()
        done = subprocess.run(
            [sys.executable, "-m", "decoder", "--plan", str(plan)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        folder.remove()
    assert done.returncode == CONFIG_EXIT, done.stderr
    assert wrong in done.stderr and "Traceback" not in done.stderr
