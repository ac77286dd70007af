"""What is measured for feedback; each score is a pure function of one sample and its block.

Similarity is what closed-loop reconstruction feeds back as CPD: how much closer the percept lies to
a target than to a foil (Iyer et al. 2026, arXiv 2607.22753). Category evidence is the activation
likelihood of a targeted pattern, the usual signal of decoded neurofeedback (see the guide
PMC8343564). Further scores come by the entry point group ``phosphene.scores``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem
from phosphene.feedback.blocks import Block
from phosphene.feedback.targets import Targets
from phosphene.quality import region_key
from phosphene.session_protocol import ScoreSettings

__all__ = ["GROUP", "Category", "Power", "Region", "Sample", "Score", "Similarity", "open_score"]

GROUP = "phosphene.scores"
Need = Literal["percept", "quality", "signal"]
Floats = npt.NDArray[np.float32]
_EPS = 1e-6
_BOLD_DELAY_S = 5.0


@dataclass(frozen=True)
class Sample:
    """What is known at one moment.

    Attributes
    ----------
    index : int
        Number of the volume, epoch or step.
    t_data : float
        End of the data used, in seconds on the recording's axis.
    t_seen : float
        When the brain did what is decoded, where the decoder says so; else `t_data`.
    c, z : ndarray of float32 or None
        Of the percept.
    probabilities : mapping of str to float
        Of the percept's categories.
    values : mapping of str to float
        Quality figures.
    power_uv2 : float or None
        Power in the band since the step before, in square microvolts.
    """

    index: int
    t_data: float
    t_seen: float
    c: Floats | None = field(default=None, repr=False)
    z: Floats | None = field(default=None, repr=False)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    power_uv2: float | None = None


@runtime_checkable
class Score(Protocol):
    """A score. It keeps nothing from one sample to the next.

    Attributes
    ----------
    needs : str
        Which samples it is made of: ``percept``, ``quality`` or ``signal``.
    limits : tuple of float
        Values that are shown as 0 and 1 where the session names none.
    baseline : str
        Baseline where the session names none.
    unit : str
        Of what it returns.
    """

    needs: Need
    limits: tuple[float, float]
    baseline: str
    unit: str

    def seen_s(self, sample: Sample) -> float:
        """Return when the brain did what this sample measures, in seconds."""

    def measure(self, sample: Sample, block: Block) -> float | None:
        """Return the measurement of a sample within a block; None where it has none."""

    def against(self, measured: float, base: float | None) -> float | None:
        """Return it against a baseline (None: there is none, or none yet)."""


class _OfPercept:
    needs: Need = "percept"
    baseline = "none"

    def __init__(self, settings: ScoreSettings) -> None:
        self._delay_s = settings.delay_s

    def seen_s(self, sample: Sample) -> float:
        return sample.t_seen if self._delay_s is None else sample.t_data - self._delay_s

    def against(self, measured: float, base: float | None) -> float | None:
        return measured if base is None else measured - base


class Similarity(_OfPercept):
    """Closer to the target than to the foil: (2 + s(target) - s(foil)) / 4, from 0 to 1.

    s is Pearson's correlation or the cosine; 0.5 is as near to one as to the other. Without a foil
    it is (1 + s(target)) / 2.

    Parameters
    ----------
    settings : ScoreSettings
    targets : Targets
    """

    limits = (0.0, 1.0)
    unit = "1"

    def __init__(self, settings: ScoreSettings, targets: Targets) -> None:
        super().__init__(settings)
        self._targets, self._of = targets, settings.of
        self._centred = settings.measure != "cosine"

    def measure(self, sample: Sample, block: Block) -> float | None:
        """Compare the percept."""
        given = sample.c if self._of == "c" else sample.z
        if given is None or not block.target:
            return None
        near = self._likeness(given, block.target)
        if near is None:
            return None
        if not block.foil:
            return (1.0 + near) / 2.0
        far = self._likeness(given, block.foil)
        return None if far is None else (2.0 + near - far) / 4.0

    def _likeness(self, given: Floats, name: str) -> float | None:
        a = np.asarray(given, np.float64).ravel()
        b = np.asarray(self._targets[name], np.float64).ravel()
        if a.shape != b.shape:
            cure = "Use a vector of the bundle's space."
            raise ConfigError(problem(f"protocol target {name}", b.shape, str(a.shape), cure))
        if self._centred:
            a, b = a - a.mean(), b - b.mean()
        size = math.sqrt(float(a @ a) * float(b @ b))
        # A percept without any variation is like nothing.
        if not math.isfinite(size) or size < 1e-12:
            return None
        return min(1.0, max(-1.0, float(a @ b) / size))


class Category(_OfPercept):
    """Evidence for the target category.

    ``probability`` is P(target), or with a foil P(target) / (P(target) + P(foil)); ``log_odds`` is
    the natural logarithm of its odds.

    Parameters
    ----------
    settings : ScoreSettings
    """

    def __init__(self, settings: ScoreSettings) -> None:
        super().__init__(settings)
        self._odds = settings.measure == "log_odds"
        self.limits = (-4.0, 4.0) if self._odds else (0.0, 1.0)
        self.unit = "nat" if self._odds else "1"

    def measure(self, sample: Sample, block: Block) -> float | None:
        """Read the probabilities; a category that the decoder does not know has none."""
        if block.target not in sample.probabilities:
            return None
        p = float(sample.probabilities[block.target])
        if block.foil:
            if block.foil not in sample.probabilities:
                return None
            both = p + float(sample.probabilities[block.foil])
            p = p / both if both > 0 else 0.5
        if not math.isfinite(p):
            return None
        held = min(max(p, _EPS), 1.0 - _EPS)
        return math.log(held / (1.0 - held)) if self._odds else p


class Region:
    """Percent signal change of a region against rest.

    The region's curve is already in percent of its own reference, so rest at r and a value of v
    percent are ((100 + v) / (100 + r) - 1) x 100 apart.

    Parameters
    ----------
    settings : ScoreSettings
    """

    needs: Need = "quality"
    limits = (-1.0, 1.0)
    baseline, unit = "running", "%"

    def __init__(self, settings: ScoreSettings) -> None:
        self._key = region_key(settings.region or "")
        self._delay_s = _BOLD_DELAY_S if settings.delay_s is None else settings.delay_s

    def seen_s(self, sample: Sample) -> float:
        """Return the time before the haemodynamic delay."""
        return sample.t_data - self._delay_s

    def measure(self, sample: Sample, block: Block) -> float | None:
        """Read the region's deviation, in percent."""
        value = sample.values.get(self._key)
        return None if value is None or not math.isfinite(value) else float(value)

    def against(self, measured: float, base: float | None) -> float | None:
        """Return the change against rest; None before there was any."""
        if base is None or base <= -100.0:
            return None
        return 100.0 * ((100.0 + measured) / (100.0 + base) - 1.0)


class Power:
    """Band power in decibels against rest: 10 log10(P / P of rest).

    Parameters
    ----------
    settings : ScoreSettings
    """

    needs: Need = "signal"
    limits = (-3.0, 3.0)
    baseline, unit = "running", "dB"

    def __init__(self, settings: ScoreSettings) -> None:
        self._delay_s = settings.delay_s or 0.0

    def seen_s(self, sample: Sample) -> float:
        """Return the end of the step."""
        return sample.t_data - self._delay_s

    def measure(self, sample: Sample, block: Block) -> float | None:
        """Read the power, in square microvolts; averaged at rest before the logarithm."""
        return sample.power_uv2

    def against(self, measured: float, base: float | None) -> float | None:
        """Return decibels; None before there was any rest, and of nothing."""
        if base is None or base <= 0.0 or measured <= 0.0:
            return None
        return 10.0 * math.log10(measured / base)


def open_score(settings: ScoreSettings) -> Score:
    """Make the score that a session asks for.

    Raises
    ------
    ConfigError
        If nobody provides it, or what is provided is no score.
    """
    own: dict[str, Any] = {
        "similarity": lambda: Similarity(settings, Targets.of(settings)),
        "category": lambda: Category(settings),
        "region": lambda: Region(settings),
        "power": lambda: Power(settings),
    }
    if settings.kind in own:
        made: Score = own[settings.kind]()
        return made
    points = entry_points(group=GROUP)
    found = list(points.select(name=settings.kind))
    if not found:
        allowed = ", ".join([*own, *sorted(points.names)])
        cure = f"Install the package that has the entry point (group {GROUP})."
        raise ConfigError(problem("protocol.score.kind", settings.kind, allowed, cure))
    provided = found[0].load()(settings)
    if not isinstance(provided, Score):
        raise ConfigError(
            f"protocol.score.kind: {found[0].value} returned {type(provided).__name__}, which is "
            "no phosphene.feedback.scores.Score"
        )
    return provided
