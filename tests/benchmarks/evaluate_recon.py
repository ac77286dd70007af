"""Measure decoding and reconstruction on real brains and the synthetic one, as one page.

``make evaluate-reconstruction DATA=path/to/recordings`` writes docs/evaluation-reconstruction.md.
Every part is a function of `evaluate_recon_parts.PARTS`; one that cannot be measured is told as
not measured, with the reason. ``--keep FILE`` keeps what each part has measured, so that ``--only``
renews some parts of the page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from phosphene.errors import PhospheneError
from tests.benchmarks.evaluate import Bench, machine
from tests.benchmarks.evaluate_recon_line import HEAD, Line, NotMeasuredError, as_table
from tests.benchmarks.evaluate_recon_parts import PARTS, Part

__all__ = ["Measured", "main", "measure", "page"]

NOTES = """\
How to read this:

- What was asked for counts once for each figure; confidence once for each person, judged by the
  kind of impostor that is refused least. What is not measured counts as not reached. Figures are
  judged before they are rounded.
- Every figure is of data that its decoder was not fitted on; splits are fixed in code, and what a
  decoder chooses by itself it chooses on training folds. Where a design was found by people who saw
  some of the scored data, the row's split says so.
- **Interval**: 95 %, bootstrap over what the row's split says (pictures, scenes, runs or blocks).
  **Shuffled**: mean of the figure over permuted truths. **Chance**: in closed form where
  there is one; likeness of pictures has none (they share a mean), and the shuffled level stands in
  its place.
- **SSIM 7 x 7** and **SSIM grey** are two conventions that must not be compared with each other
  ([which is which](decisions/0018-metrics-of-our-own.md)).
- **digit69.** MSE on the scale 0 (black) to 1 (white). PCC / MSE / SSIM of DGMM are those of Du et
  al. (2018) on the shipped split; all other baselines are ours. The shipped test set has ten
  pictures: differences of a few hundredths there are within its spread.
- **Confidence.** At the decoder's own threshold, which was learned on left-out runs of its
  calibration to keep 80 % of the right percepts; beside it the share at the threshold that keeps
  80 % of the right ones among the judged data themselves. "Rest" holds the gaps of 2 s between
  scenes, in which the response to the last scene has not gone
  ([the whole curve](evaluation-confidence.md)).
- **Synthetic participant.** Its brain responds to pooled picture features and to c plus noise: the
  figures say what the method can do, not how well people can be decoded. Without
  scanner noise stands the same decoder, fitted and judged on the same scenes measured without
  noise; that is no upper bound of SSIM, which may prefer a less sure, softer picture. The
  autoencoder's own figure (what it makes of the true z) is the bound of pictures of z.
"""


@dataclass(frozen=True)
class Measured:
    """What one part gave: lines, or why there are none; and when."""

    lines: tuple[Line, ...]
    why: str
    when: str


def measure(bench: Bench, part: Part) -> Measured:
    """Measure one part; a failure that explains itself is told, others end the benchmark.

    A command that has failed ends its part alone: what other parts have measured is kept.
    """
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        return Measured(tuple(part.measure(bench)), "", when)
    except (NotMeasuredError, PhospheneError) as error:
        return Measured((), str(error), when)
    except (SystemExit, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return Measured((), f"a command failed: {str(error).splitlines()[0]}", when)


def judged(own: Measured | None) -> int:
    """Count the figures of a part that something is asked of."""
    return sum(line.reached is not None for line in own.lines) if own else 0


def page(found: Mapping[str, Measured], where: str) -> str:
    """Lay out the page.

    Parameters
    ----------
    found : mapping of str to Measured
        By name of the part; what is not in it is told as not measured.
    where : str
        The machine.

    Returns
    -------
    str
        Markdown.
    """
    missing: list[str] = []
    lines_of_all: list[Line] = []
    for name, part in PARTS.items():
        own = found.get(name, Measured((), "left out of this run", ""))
        lines_of_all += own.lines
        if not own.lines:
            counted = f" ({part.asked} asked for)" if part.asked else ""
            missing.append(f"- **{part.title}**{counted}: {own.why or 'it gave no figures'}")
    asked = [line for line in lines_of_all if line.reached is not None]
    total = sum(max(part.asked, judged(found.get(name))) for name, part in PARTS.items())
    others = [line for line in lines_of_all if line.reached is None]
    reached = sum(bool(line.reached) for line in asked)
    dates = sorted({own.when for own in found.values() if own.when})
    lines = [
        "# Decoding and reconstruction, measured", "",
        f"Made by `make evaluate-reconstruction` on {' and '.join(dates) or 'no day'}: {where}. "
        f"{reached} of {total} figures that were asked for are reached"
        + (f"; {total - len(asked)} are not measured." if total > len(asked) else "."), "",
        *as_table(HEAD, [line.cells() for line in asked]), "",
        "## Beside these", "",
        *as_table(HEAD, [line.cells() for line in others]),
    ]  # fmt: skip
    if missing:
        lines += ["", "Not measured:", "", *missing]
    return "\n".join([*lines, "", NOTES])


def read_kept(path: Path | None) -> dict[str, Measured]:
    """Read what was measured before."""
    if path is None or not path.is_file():
        return {}
    stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {
        name: Measured(tuple(Line(**line) for line in own["lines"]), own["why"], own["when"])
        for name, own in stored.items()
        if name in PARTS
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real recordings")
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    took = ", ".join(f"{name} {part.minutes:g}" for name, part in PARTS.items())
    only = f"parts to measure, of all; about how many minutes each takes on two idle cores: {took}"
    parser.add_argument("--only", nargs="*", choices=PARTS, help=only)
    parser.add_argument("--keep", type=Path, help="file that keeps what was measured (.json)")
    given = parser.parse_args(arguments)
    if not given.data.is_dir():
        raise SystemExit(f"{given.data}: no such folder; give the recordings with DATA=...")
    found = read_kept(given.keep)
    chosen = [name for name in PARTS if not given.only or name in given.only]
    with tempfile.TemporaryDirectory(prefix="phosphene-evaluate-") as work:
        bench = Bench(given.data, Path(work), None)
        with tqdm(chosen, unit="part") as bar:
            for name in bar:
                bar.set_description(name)
                found[name] = measure(bench, PARTS[name])
                if given.keep:
                    stored = {key: asdict(own) for key, own in found.items()}
                    given.keep.write_text(json.dumps(stored, indent=1), encoding="utf-8")
    text = page(found, machine())
    given.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
