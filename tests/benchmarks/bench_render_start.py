"""The renderer's process by itself: start-up, live switches, and the lag of percepts."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.benchmarks.bench_render_rig import RendererRig
from tests.benchmarks.bench_render_stats import Stamp, evenness, first_shown

__all__ = ["lag", "starts", "switches"]

SETTLE_S = 2.0
AFTER_S = 2.0
LOADS, LOAD_LIMIT_S = {"model"}, 60.0
"""What takes another painter, whose first frame is waited for."""
PERCEPTS_HZ = 5.0


def starts(renderer: dict[str, Any], times: int) -> dict[str, Any]:
    """Start the process several times; return the median of each figure in seconds."""
    seen = []
    for _ in range(times):
        with RendererRig(renderer, PERCEPTS_HZ) as rig:
            seen.append(rig.start())
    middle = {name: float(np.median([one[name] for one in seen])) for name in seen[0]}
    return {**middle, "times": times, "longest_s": max(one["picture_s"] for one in seen)}


def switches(renderer: dict[str, Any], changes: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Change settings one after the other while frames run; return what each has cost."""
    fps = float(renderer["fps"])
    found = []
    with RendererRig(renderer, PERCEPTS_HZ) as rig:
        rig.start()
        rig.let_run(SETTLE_S)
        for change in changes:
            begin = max(0, len(rig.infos) - 1)
            before, asked_s = rig.infos[-1].model, rig.clock.now()
            done, answer, took_s = rig.ask(**change)
            if done and set(change) & LOADS:
                # One that does not come is told by an empty cell, and by the frames lost.
                with contextlib.suppress(TimeoutError):
                    rig.until_model_is_not(before, LOAD_LIMIT_S)
            rig.let_run(AFTER_S)
            infos = rig.infos[begin:]
            changed_s = next((i.t_rendered - asked_s for i in infos if i.model != before), None)
            stamps = [Stamp(info.t_due, info.t_rendered) for info in infos]
            found.append(
                {"change": change, "done": done, "answer": answer, "answer_s": took_s,
                 "model_s": changed_s, **_lost(stamps, fps)}
            )  # fmt: skip
    return found


def lag(renderer: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Send percepts at random moments; return when their first frames were out."""
    fps = float(renderer["fps"])
    with RendererRig(renderer, PERCEPTS_HZ) as rig:
        rig.start()
        rig.let_run(SETTLE_S)
        stamps = rig.stamps(seconds)
        node = rig.memory_mib()
    return {"shown": first_shown(stamps, fps), "even": evenness(stamps, fps), "memory_mib": node}


def _lost(stamps: Sequence[Stamp], fps: float) -> dict[str, float]:
    out_s = [stamp.out_s for stamp in stamps]
    even = evenness(stamps, fps)
    pause_s = float(np.diff(out_s).max())
    return {"lost": even["skipped"], "late": even["late"], "pause_ms": 1e3 * pause_s}
