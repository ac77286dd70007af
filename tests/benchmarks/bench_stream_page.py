"""The page and the picture of the stream benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phosphene.session import RendererSettings
from tests.benchmarks.bench_stream_modes import FPS, MODES, Mode, Row
from tests.benchmarks.bench_stream_world import (
    CLIP_S,
    CLIPS,
    SHRINK_C,
    SHRINK_Z,
    SIGMA_C,
    SIGMA_Z,
    Numbers,
    PlaceReader,
)

MOST_LAG_S = 0.5
TIE = 1.1
PICTURE = "images/stream-place.png"
TRUE = "(true pictures)"
HOLD = "hold, fixed noise"
PLOTTED = (HOLD, "smooth 0.5 s", "slerp")
HEAD = """| way | mean step | p95 step | largest step | jerk | sharpness | added lag (s) | \
r at that lag | r now | strangers: mean, p95 |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Part:
    """Figures of one model on one set of clips."""

    title: str
    model: str
    every_s: float
    steps: int
    seeds: tuple[int, ...]
    rows: list[Row]
    percept_r: tuple[float, float]
    truth: Numbers
    shown: dict[str, Numbers]

    def row(self, name: str) -> Row:
        """Return the row of a way."""
        return next(row for row in self.rows if row.name == name)


def most_even(rows: list[Row]) -> Row:
    """Of ways that add at most 0.5 s of lag to that of `hold`, return the one of least jerk."""
    hold_s = next(row.lag_s for row in rows if row.name == HOLD)
    soon = [row for row in rows if row.name != TRUE and row.lag_s - hold_s <= MOST_LAG_S + 1e-9]
    return min(soon, key=lambda row: row.jerk)


def verdict(rows: list[Row]) -> str:
    """Say which way is the most even, and whether the default of the settings stands."""
    best = most_even(rows)
    told = f"Most even on the tuning clips: **{best.name}**, jerk {best.jerk:.4f}."
    now = default_mode()
    row = next((row for row in rows if now is not None and row.name == now.name), None)
    if row is None:
        return f"{told} The default of the settings is none of these ways.\n\n"
    hold_s = next(row.lag_s for row in rows if row.name == HOLD)
    within = row.jerk <= TIE * best.jerk and row.lag_s - hold_s <= MOST_LAG_S + 1e-9
    word = "within a tenth of it, so it stands" if within else "**so it is beaten**"
    return f"{told} The default, {row.name}, has {row.jerk:.4f}: {word}.\n\n"


def default_mode() -> Mode | None:
    """Return the way that the settings have by default, if it is one of those measured."""
    names = ("path", "smoothing_s", "warm_start", "noise_s")
    usual = RendererSettings()
    for mode in MODES:
        own = mode.of()
        same = all(getattr(own, name) == getattr(usual, name) for name in names)
        if same and not (mode.fresh or mode.straight):
            return mode
    return None


def page(parts: list[Part], reader: PlaceReader) -> str:
    """Write the page."""
    text = _preface(reader)
    tuning = [part for part in parts if part.title == "tuning"]
    if tuning:
        text += verdict(tuning[0].rows)
    text += f"![True and shown place over time]({PICTURE})\n\n"
    return text + "\n".join(map(_table, parts))


def _preface(reader: PlaceReader) -> str:
    return f"""# From slow percepts to an even stream

Printed by `python -m tests.benchmarks.bench_stream` (`make bench-stream`); fixed seeds, so every
machine prints the same figures up to rounding of its arithmetic.

Clips of the moving world ({CLIPS} of {CLIP_S:g} s one after the other, with one cut), {FPS} frames
a second, z and c together; at twice the usual speed, so that things turn back often enough to
tell a delay. Percepts are made from the scene that is true at their moment: c is {SHRINK_C:g} of
the true one plus noise of {SIGMA_C:g}, z {SHRINK_Z:g} of it plus {SIGMA_Z:g} (standard
deviations), drawn anew for each percept; what a brain and its scanner add in delay is not in
these figures. Modes are chosen on clips of other seeds than those that are reported.

- **Step**: RMS difference of one frame to the next, pixels in [-1, 1]. **Jerk**: mean RMS of the
  change of that difference. **Sharpness**: mean difference of neighbouring pixels.
- **Place** is read off each frame by ridge regression on the outline (learnt on true pictures of
  other scenes; on true pictures it did not see: r = {reader.r:.3f}, median error
  {reader.median_error:.3f} half picture widths).
- **Added lag**: the delay that maximises the correlation of the shown place with the true one,
  less that of `{HOLD}`, which itself is late by half the time between percepts. **r now**: the
  correlation without any delay. Both within clips, whose first 3 s are left out, so that the cut
  counts for nothing. **Strangers**: the same search against the motion of 20 other
  programmes: what chance gives.
- Rule of choice: of ways that add at most {MOST_LAG_S:g} s of lag, the one of least jerk; the
  default changes only where it is more than a tenth above that.

"""


def _table(part: Part) -> str:
    seeds = ", ".join(map(str, part.seeds))
    text = (
        f"## {part.title.capitalize()} clips, {part.model}, a percept every {part.every_s:g} s\n\n"
        f"Seeds {seeds}; {part.steps} denoising step{'s' if part.steps > 1 else ''}; percepts "
        f"correlate with the truth by {part.percept_r[0]:.2f} (z) and {part.percept_r[1]:.2f} "
        "(c).\n\n"
    )
    hold = part.row(HOLD).lag_s
    text += HEAD
    for row in part.rows:
        lag = f"{row.lag_s - hold:+.2f}"
        text += (
            f"| {row.name} | {row.step:.4f} | {row.step_p95:.4f} | {row.step_max:.3f} | "
            f"{row.jerk:.4f} | {row.sharp:.3f} | {lag} | {row.r_lag:.3f} | {row.r_now:.3f} | "
            f"{row.r_stranger:.2f}, {row.r_stranger_p95:.2f} |\n"
        )
    return text


def plot(part: Part, out: Path) -> None:
    """Draw the true and the shown place over time, for the main ways."""
    out.parent.mkdir(parents=True, exist_ok=True)
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    times = np.arange(len(part.truth)) / FPS
    for k, (axis, name) in enumerate(zip(axes, ("x", "y"), strict=True)):
        axis.plot(times, part.truth[:, k], color="0.1", linewidth=2.5, label="true")
        for way in PLOTTED:
            axis.plot(times, part.shown[way][:, k], linewidth=1.0, label=way)
        axis.set_ylabel(f"{name} (half widths)")
    axes[0].legend(ncols=4, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 1.2))
    axes[1].set_xlabel(f"seconds; a percept every {part.every_s:g} s")
    figure.savefig(out, dpi=110)
    plt.close(figure)
