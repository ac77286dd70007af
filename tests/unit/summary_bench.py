"""What tests of the page after a run share: rights, a report, a folder that may be exported."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gui.replay.rights import Rights
from phosphene.marking import LABEL
from phosphene.messages import Message
from phosphene.release import release
from tests.unit.replay_bench import write

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
FREE = Rights("", "", "", 4)
SCORE = {
    "value": 0.71, "chance": 0.5, "shuffled": 0.49, "low": 0.62, "high": 0.8, "n": 120,
    "rule": "r", "split": "run 2 held out",
}  # fmt: skip


def report(**more: Any) -> dict[str, Any]:
    """Return a report with what the page reads of it."""
    return {
        "schema": 2, "run": "run-1", "person": "p01", "mode": "pilot", "modality": "fmri",
        "exit_status": "success", "reason": "the recording has ended", "interrupted": False,
        "data_s": 24.0, "wall_s": 25.0, "damage": [],
        "counts": {"volumes": 12, "volumes_lost": 2, "samples": 0, "samples_lost": 0,
                   "percepts": 12, "frames": 12, "frames_late": 0, "frames_recorded": 12},
        "missing": {"percept": 3},
        "latency_ms": {"features_to_percept": {"p50": 9.0, "p95": 20.0, "p99": 31.25, "n": 12},
                       "frame_interval": None},
        "quality": {"dvars_psc": {"words": "DVARS", "unit": "%", "mean": 1.1, "min": 0.8,
                                  "p95": 1.6, "max": 2.1, "n": 12}},
        "scan": {"displacement": {"power_mm": {"mean": 0.22, "p95": 0.6, "max": 1.1},
                                  "low_mm": 0.2, "high_mm": 0.5, "above_low": 6, "above_high": 3,
                                  "volumes": 12}, "tsnr": 80.0, "realigned": ""},
        "accuracy": {"two_way": 0.71, "detail": {"two_way": SCORE, "auc": None}, "reasons": {}},
        "reasons": {},
    } | more  # fmt: skip


def let_go(folder: Path, run: str = "run-1") -> Path:
    """Release a run long ago, without a log."""
    release(folder, run, "AB", LONG_AGO, lambda *_a, **_k: "")
    return folder


def reported(folder: Path, messages: list[Message], **more: Any) -> Path:
    """Write a run with its report, released long ago."""
    write(folder, messages)
    (folder / "report.json").write_text(json.dumps(report(**more)))
    (folder / "report.html").write_text(LABEL)
    return let_go(folder)
