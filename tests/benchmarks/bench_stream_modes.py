"""Ways to make a stream of percepts, and what is measured on each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.session import RendererSettings
from phosphene.stimuli.clip import Programme
from phosphene.stimuli.picture import draw
from renderer.painter import Painter
from renderer.paths import ConditionPath
from renderer.studio import Seen, Studio
from tests.benchmarks.bench_stream_world import (
    CLIP_S,
    Numbers,
    Percepts,
    Pictures,
    PlaceReader,
    places,
    sharpness,
)

FPS = 24
MOST_LAG_S = 3.0


@dataclass(frozen=True)
class Mode:
    """A way to make a stream: its name and the settings that differ from the plainest.

    `fresh` draws other noise for every frame and `straight` turns c alone; neither can be set.
    """

    name: str
    settings: tuple[tuple[str, Any], ...] = ()
    fresh: bool = False
    straight: bool = False
    main: bool = False

    def of(self, **others: Any) -> RendererSettings:
        """Return the settings of this mode."""
        plain = {"path": "hold", "noise_s": 0.0, "min_confidence": 0.0}
        return RendererSettings.model_validate({**plain, **dict(self.settings), **others})


def _mode(name: str, *, main: bool = False, **settings: Any) -> Mode:
    return Mode(name, tuple(settings.items()), main=main)


MODES: tuple[Mode, ...] = (
    Mode("hold, fresh noise for each frame", fresh=True, main=True),
    _mode("hold, fixed noise", main=True),
    _mode("smooth 0.25 s", path="smooth", smoothing_s=0.25),
    _mode("smooth 0.5 s", path="smooth", smoothing_s=0.5, main=True),
    _mode("smooth 1 s", path="smooth", smoothing_s=1.0),
    _mode("slerp", path="slerp", main=True),
    Mode("slerp, z straight", (("path", "slerp"),), straight=True),
    _mode("smooth 0.5 s, noise walks 30 s", path="smooth", smoothing_s=0.5, noise_s=30.0),
    _mode(
        "smooth 0.5 s, noise walks 60 s", path="smooth", smoothing_s=0.5, noise_s=60.0, main=True
    ),
    _mode("smooth 0.5 s, noise walks 120 s", path="smooth", smoothing_s=0.5, noise_s=120.0),
    _mode("hold, warm start 0.3", warm_start=0.3),
    _mode("hold, warm start 0.5", warm_start=0.5, main=True),
    _mode("smooth 0.25 s, warm start 0.3", path="smooth", smoothing_s=0.25, warm_start=0.3),
    _mode("smooth 0.5 s, warm start 0.3", path="smooth", smoothing_s=0.5, warm_start=0.3),
    _mode("smooth 0.25 s, noise walks 60 s", path="smooth", smoothing_s=0.25, noise_s=60.0),
    _mode("slerp, noise walks 60 s", path="slerp", noise_s=60.0),
)


class Fresh:
    """A painter that never gets the same noise twice."""

    def __init__(self, painter: Painter) -> None:
        self._painter, self._rng = painter, np.random.default_rng(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._painter, name)

    def render(self, z: Any, c: Any, noise: Any, *rest: Any, **named: Any) -> Any:
        """Paint with noise of its own."""
        other = self._rng.standard_normal(noise.shape, np.float32)
        return self._painter.render(z, c, other, *rest, **named)


@dataclass(frozen=True)
class Stream:
    """What one mode has shown: figures of its pictures, and the place read off each frame."""

    step: Numbers
    change: Numbers
    sharp: Numbers
    shown: Numbers


def stream(
    mode: Mode, painter: Painter, steps: int, percepts: Percepts, frames: int, reader: PlaceReader
) -> Stream:
    """Paint the frames of a programme, due at k / 24 s; only figures are kept."""
    settings = mode.of(steps=steps)
    chosen: Any = Fresh(painter) if mode.fresh else painter
    studio = Studio(chosen, settings, 0.0)
    studio._path = ConditionPath(settings.path, settings.smoothing_s, turns_z=not mode.straight)
    return figures(_pictures(studio, percepts, frames), reader)


def _pictures(studio: Studio, percepts: Percepts, frames: int) -> Iterator[Pictures]:
    coming = deque(zip(percepts.times_s, percepts.z, percepts.c, strict=True))
    for t_s in np.arange(frames) / FPS:
        while coming and coming[0][0] <= t_s + 1e-9:
            at_s, z, c = coming.popleft()
            studio.see(Seen(0, 0, 1.0, at_s, at_s, at_s, z, c))
        yield studio.picture(t_s).pixels


def figures(pictures: Iterable[Pictures], reader: PlaceReader) -> Stream:
    """Steps in [-1, 1], changes of the step, sharpness and place of a sequence of pictures."""
    before: deque[npt.NDArray[np.float32]] = deque(maxlen=2)
    step, change, sharp, shown = [], [], [], []
    for pixels in pictures:
        now = pixels.astype(np.float32) / 127.5 - 1.0
        if before:
            step.append(_rms(now - before[-1]))
        if len(before) == 2:
            change.append(_rms(now - 2 * before[1] + before[0]))
        before.append(now)
        sharp.append(sharpness(now))
        shown.append(reader.read(pixels[None])[0])
    return Stream(np.array(step), np.array(change), np.array(sharp), np.array(shown))


@dataclass(frozen=True)
class Row:
    """Figures of one mode, over all programmes of a set."""

    name: str
    step: float
    step_p95: float
    step_max: float
    jerk: float
    sharp: float
    lag_s: float
    r_lag: float
    r_now: float
    r_stranger: float
    r_stranger_p95: float


def row_of(
    name: str, streams: Sequence[Stream], truth: Sequence[Numbers], strangers: Sequence[Numbers]
) -> Row:
    """Sum up the streams of one mode; `strangers` are true places of programmes not shown."""
    shown = [s.shown for s in streams]
    lag_s, r_lag = best_lag(truth, shown)
    others = []
    for k in range(len(strangers)):
        wrong = [strangers[(k + j) % len(strangers)][: len(t)] for j, t in enumerate(truth)]
        others.append(best_lag(wrong, shown)[1])
    step = np.concatenate([s.step for s in streams])
    return Row(
        name,
        float(step.mean()),
        float(np.percentile(step, 95)),
        float(step.max()),
        float(np.concatenate([s.change for s in streams]).mean()),
        float(np.concatenate([s.sharp for s in streams]).mean()),
        lag_s,
        r_lag,
        delayed_r(truth, shown, 0),
        float(np.mean(others)),
        float(np.percentile(others, 95)),
    )


def truth_of(programme: Programme, frames: int) -> Numbers:
    """Return the true place at each of the first frames of a programme."""
    return places(programme, np.arange(frames) / FPS)


def true_stream(programme: Programme, frames: int, side: int, reader: PlaceReader) -> Stream:
    """Figures of the true pictures themselves."""
    pictures = [
        scene if scene is None else draw(scene, side)
        for scene in (programme.scene_at(k / FPS) for k in range(frames))
    ]
    return figures((p for p in pictures if p is not None), reader)


def best_lag(truth: Sequence[Numbers], shown: Sequence[Numbers]) -> tuple[float, float]:
    """Delay in seconds at which the shown place follows the true one best, and how well."""
    found = [delayed_r(truth, shown, delay) for delay in range(round(MOST_LAG_S * FPS))]
    best = int(np.argmax(found))
    return best / FPS, found[best]


def delayed_r(truth: Sequence[Numbers], shown: Sequence[Numbers], delay: int) -> float:
    """Correlation of places, x and y each less its mean over the clip.

    The first seconds of a clip are left out, so that a cut (which every way follows well) counts
    for none and every delay is judged on the same frames.
    """
    pairs = []
    first, clip = round(MOST_LAG_S * FPS), round(CLIP_S * FPS)
    for true, seen in zip(truth, shown, strict=True):
        for begin in range(0, len(true), clip):
            rows = np.arange(begin + first, min(begin + clip, len(true)))
            a, b = true[rows - delay], seen[rows]
            pairs.append(np.stack([(a - a.mean(0)).ravel(), (b - b.mean(0)).ravel()]))
    both = np.concatenate(pairs, axis=1)
    return float(np.corrcoef(both)[0, 1])


def _rms(x: npt.NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(x * x)))
