"""What goes wrong on the way from the scanner to the folder, and when each file comes.

Everything is a function of the seed and the volume's number, so that a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np

from acquisition.simulate.files import ScannerFile
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["Choice", "Disturbance", "Step", "steps_of"]

_JITTER, _DROP, _DUPLICATE, _SHUFFLE = 1, 2, 3, 4
_SWAPS = 0.75
_BEHIND = 0.1
"""How long after its successor a swapped volume comes, in repetition times."""
_AGAIN = 0.2
"""How long after the first file a duplicate comes, in repetition times."""
_GROWTH = ((0.3, 0.0), (0.6, 0.1), (1.0, 0.25))
"""Share of a growing file that is there, and how long after its begin, in repetition times."""


@dataclass(frozen=True)
class Choice:
    """Some of the volumes: with a probability, or by number.

    Attributes
    ----------
    probability : float
        Of each volume, 0 to 1.
    indices : frozenset of int
        Numbers from 0, besides.
    """

    probability: float = 0.0
    indices: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ConfigError(problem("probability", self.probability, "0 to 1", "Correct it."))

    @classmethod
    def parse(cls, text: str) -> Choice:
        """Read ``0.05`` or ``5%`` as a probability, ``3,7`` or ``3`` as numbers of volumes."""
        try:
            if text.endswith("%"):
                return cls(probability=float(text[:-1]) / 100)
            if "." in text:
                return cls(probability=float(text))
            indices = frozenset(int(part) for part in text.split(","))
        except ValueError:
            indices = frozenset({-1})
        if min(indices) < 0:
            raise ConfigError(
                problem("volumes", text, "a probability such as 0.05 or 5%, or numbers from 0 such "
                        "as 3,7", "Write it so.")
            )  # fmt: skip
        return cls(indices=indices)

    def holds(self, index: int, seed: int, what: int) -> bool:
        """Return whether it is one of them."""
        return index in self.indices or _draw(seed, what, index) < self.probability


@dataclass(frozen=True)
class Disturbance:
    """How the export misbehaves.

    Attributes
    ----------
    jitter_s : float
        Files come up to this many seconds late, each volume by an amount of its own.
    drop : Choice
        Volumes that never come.
    duplicate : Choice
        Volumes whose files come again, under the same name and under another.
    shuffle : bool
        Most pairs of neighbours come in the wrong order; so do the files of each volume.
    partial : bool
        Files grow in place in three pieces instead of appearing whole.
    seed : int
        Of all that is random.
    """

    jitter_s: float = 0.0
    drop: Choice = field(default_factory=Choice)
    duplicate: Choice = field(default_factory=Choice)
    shuffle: bool = False
    partial: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        found = []
        if not self.jitter_s >= 0:
            found.append(problem("jitter", self.jitter_s, "0 or more seconds", "Correct it."))
        check_all(found, ConfigError, "disturbance")

    def fate(self, index: int) -> str:
        """Return in a word what happens to a volume: ``sent``, ``dropped``, ``twice``, ``swapped``.

        A volume that comes twice may be swapped as well; it is then called ``twice``.
        """
        if self.drop.holds(index, self.seed, _DROP):
            return "dropped"
        if self.duplicate.holds(index, self.seed, _DUPLICATE):
            return "twice"
        return "swapped" if self.swaps(index) else "sent"

    def swaps(self, index: int) -> bool:
        """Return whether a volume comes after its successor."""
        paired = self.shuffle and index % 2 == 0
        return paired and _draw(self.seed, _SHUFFLE, index) < _SWAPS


@dataclass(frozen=True)
class Step:
    """One file or piece, and when it is written.

    Attributes
    ----------
    due_s : float
        Time on the scanner's clock, in seconds.
    index : int
        Number of the volume.
    file : ScannerFile
        What is written.
    """

    due_s: float
    index: int
    file: ScannerFile


def steps_of(
    files: Sequence[ScannerFile], index: int, due_s: float, tr_s: float, disturbance: Disturbance
) -> list[Step]:
    """Say when each file of a volume is written, and in which pieces.

    Parameters
    ----------
    files : sequence of ScannerFile
        What the vendor writes for the volume, in order.
    index : int
        Number of the volume, from 0.
    due_s : float
        When the files would come if nothing went wrong, in seconds.
    tr_s : float
        Repetition time in seconds.
    disturbance : Disturbance
        What goes wrong.

    Returns
    -------
    list of Step
        In order of time; empty for a volume that never comes.
    """
    if disturbance.drop.holds(index, disturbance.seed, _DROP):
        return []
    due_s += disturbance.jitter_s * _draw(disturbance.seed, _JITTER, index)
    if disturbance.swaps(index):
        due_s += (1 + _BEHIND) * tr_s
    ordered = list(files)
    if disturbance.shuffle:
        order = np.random.default_rng([disturbance.seed, _SHUFFLE, index, 1])
        ordered = [ordered[k] for k in order.permutation(len(ordered))]
    steps = [Step(due_s, index, file) for file in ordered]
    if disturbance.partial:
        steps = [piece for step in steps for piece in _pieces(step, tr_s)]
        steps.sort(key=lambda step: step.due_s)
    if disturbance.duplicate.holds(index, disturbance.seed, _DUPLICATE):
        again_s = steps[-1].due_s + _AGAIN * tr_s if steps else due_s
        steps += [Step(again_s, index, file) for file in ordered]
        steps += [Step(again_s, index, replace(f, name=_other_name(f.name))) for f in ordered]
    return steps


def _pieces(step: Step, tr_s: float) -> list[Step]:
    raw, done, pieces = step.file.raw, 0, []
    for share, after in _GROWTH:
        end = round(share * len(raw))
        piece = ScannerFile(step.file.name, raw[done:end], at_once=False, append=done > 0)
        pieces.append(Step(step.due_s + after * tr_s, step.index, piece))
        done = end
    return pieces


def _other_name(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}_copy{path.suffix}"))


def _draw(seed: int, what: int, index: int) -> float:
    """Uniform number from 0 to 1 that depends on nothing else."""
    return float(np.random.default_rng([seed, what, index]).random())
