"""Memory over many frames: the renderer's core as fast as it can, and the whole process for less.

``python -m tests.benchmarks.bench_render_memory '{"frames": 100000, ...}'`` paints with the clock
that tests use, so that no time is spent waiting, and prints its samples as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import psutil
from tqdm import tqdm

from renderer.studio import Seen, Studio
from tests.benchmarks.bench_render_rig import RendererRig
from tests.benchmarks.bench_render_stats import growth
from tests.benchmarks.bench_render_work import CONDITIONS, conditions, painter_of

__all__ = ["core", "node"]

FPS = 24.0
SAMPLES = 200
FRAMES_PER_PERCEPT = 24
LEAST_PAINTED = 0.99


def core(spec: dict[str, Any]) -> dict[str, Any]:
    """Paint ``frames`` frames, a percept every 24; return growth and samples of memory."""
    painter, settings = painter_of(spec)
    settings = settings.model_copy(
        update={"steps": spec["steps"], "min_confidence": 0.0, "fps": FPS}
    )
    studio = Studio(painter, settings, 0.0)
    z, c = conditions()
    process, frames = psutil.Process(), int(spec["frames"])
    every = max(1, frames // SAMPLES)
    at: list[float] = []
    mib: list[float] = []
    painted = 0
    for k in tqdm(range(frames), desc="memory", mininterval=10.0, unit="frame"):
        t_s = k / FPS
        if k % FRAMES_PER_PERCEPT == 0:
            n = k // FRAMES_PER_PERCEPT
            held = (z[n % CONDITIONS], c[n % CONDITIONS])
            studio.see(Seen(n, n, 1.0, t_s, t_s, t_s, *held))
        painted += studio.picture(t_s).state == "picture"
        if (k + 1) % every == 0:
            at.append(k + 1)
            mib.append(process.memory_info().rss / 2**20)
    if painted < LEAST_PAINTED * frames:
        raise RuntimeError(f"only {painted} of {frames} frames were painted")
    return {**growth(at, mib), "painted": painted, "steps": spec["steps"], "mib": mib, "at": at}


def node(renderer: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Let the whole renderer process run at its rate; return growth and samples of memory."""
    at: list[float] = []
    mib: list[float] = []
    with RendererRig(renderer, 1.0) as rig:
        rig.start()
        for _ in range(max(10, round(seconds))):
            rig.let_run(seconds / max(10, round(seconds)))
            at.append(len(rig.infos))
            mib.append(rig.memory_mib())
    return {**growth(at, mib), "fps": renderer["fps"], "mib": mib, "at": at}


if __name__ == "__main__":
    print(json.dumps(core(json.loads(sys.argv[1]))))
