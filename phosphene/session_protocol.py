"""Settings of a neurofeedback protocol: what happens when, what is fed back, how it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["BlockSettings", "ProtocolSettings", "ScoreSettings", "ShapeSettings"]

Name = Annotated[str, Field(min_length=1, max_length=64)]
Kind = Literal["rest", "regulate", "task", "feedback"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockSettings(_Settings):
    """One block.

    Parameters
    ----------
    kind : str
        ``rest`` (no picture; the baseline is learned), ``regulate`` (the person tries), ``task``
        (something else is shown by another program) or ``feedback`` (the score of the block
        before is shown).
    onset_s : float or None
        Begin in seconds on the recording's axis; None follows the block before.
    duration_s : float
        Length in seconds.
    condition : str
        Name of the experimental condition, for the report.
    target, foil : str or None
        What the percept is to become, and what not; None takes those of the score.
    instruction : str
        What the participant's window says.
    """

    kind: Kind
    onset_s: Annotated[float, Field(ge=0)] | None = None
    duration_s: Annotated[float, Field(gt=0, le=86_400)]
    condition: Annotated[str, Field(max_length=64)] = ""
    target: Name | None = None
    foil: Name | None = None
    instruction: Annotated[str, Field(max_length=200)] = ""


class ScoreSettings(_Settings):
    """What is measured.

    Parameters
    ----------
    kind : str
        ``similarity`` of the percept to the target rather than to the foil, evidence for a
        ``category``, signal change of a ``region``, band ``power`` of the EEG, or the name of an
        entry point of the group ``phosphene.scores``.
    target, foil : str or None
        For every block that names none: a category, or a key of `vectors`.
    vectors : dict of str to Path
        ``.npy`` files of targets and foils in the bundle's space.
    of : str
        Similarity of ``c`` (what it is about) or of ``z`` (what it looks like).
    measure : str
        Similarity by ``correlation`` or ``cosine``; category by ``probability`` or ``log_odds``.
    region : str or None
        Name of the region.
    channels : tuple of str
        EEG channels of which the power is averaged; empty for all.
    band_hz : tuple of float
        Pass band in hertz.
    delay_s : float or None
        How long after the brain's activity it is seen in the data, in seconds. None: for percepts
        what the decoder says, 5 s for regions, 0 for power.
    options : dict
        For a score of another package.
    """

    kind: Name = "similarity"
    target: Name | None = None
    foil: Name | None = None
    vectors: dict[str, Path] = {}
    of: Literal["c", "z"] = "c"
    measure: Literal["correlation", "cosine", "probability", "log_odds"] | None = None
    region: Name | None = None
    channels: tuple[Name, ...] = ()
    band_hz: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (8.0, 12.0)
    delay_s: Annotated[float, Field(ge=0, le=60)] | None = None
    options: dict[str, str | float | int | bool] = {}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        fitting = {"similarity": ("correlation", "cosine"), "category": ("probability", "log_odds")}
        allowed = fitting.get(self.kind, ())
        if self.measure is not None and self.measure not in allowed:
            raise ValueError(f"measure {self.measure!r} is not one of {self.kind}; allowed: "
                             f"{', '.join(allowed) or 'none'}")  # fmt: skip
        if self.kind == "region" and self.region is None:
            raise ValueError("region: a score of kind region needs the name of a region")
        if self.band_hz[0] >= self.band_hz[1]:
            raise ValueError(f"band_hz: {self.band_hz} has to rise")
        return self


class ShapeSettings(_Settings):
    """How a measurement becomes a number from 0 to 1.

    Parameters
    ----------
    baseline : str or None
        ``none``; ``first`` rest block; ``last`` complete rest block; ``running`` mean over all rest
        so far. None is ``running`` for regions and power, else ``none``.
    smoothing_s : float
        Time constant in seconds; 0 for none. It begins anew with each block.
    limits : tuple of float or None
        Values that are shown as 0 and as 1; None takes the score's own.
    running : bool
        Take percentiles of the values of this run so far in place of fixed limits.
    percentiles : tuple of float
        Which, in percent.
    least : int
        With fewer values the fixed limits hold.
    direction : str
        ``up`` rewards more, ``down`` less.
    """

    baseline: Literal["none", "first", "last", "running"] | None = None
    smoothing_s: Annotated[float, Field(ge=0, le=600)] = 0.0
    limits: tuple[float, float] | None = None
    running: bool = False
    percentiles: tuple[float, float] = (5.0, 95.0)
    least: Annotated[int, Field(ge=2, le=10_000)] = 10
    direction: Literal["up", "down"] = "up"

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.limits is not None and self.limits[0] >= self.limits[1]:
            raise ValueError(f"limits: {self.limits} have to rise")
        if not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError(f"percentiles: {self.percentiles} have to rise within 0 to 100")
        return self


class ProtocolSettings(_Settings):
    """The table ``[protocol]`` of a session.

    Parameters
    ----------
    blocks : tuple of BlockSettings
        The blocks in order.
    cycles : int
        How often the whole row of blocks comes.
    events : Path or None
        BIDS events file in place of `blocks`.
    kinds : dict of str to str
        Which ``trial_type`` of that file is which kind of block; others are task.
    display : str
        What the participant sees: ``thermometer``, ``curve``, ``score`` or ``picture``.
    feedback : str
        ``continuous`` while the person regulates, or ``intermittent`` in blocks of feedback.
    score, shape
        What is measured, and how it becomes a number.
    donor : Path or None
        Recorded scores of another run, for sham control.
    same_person : bool
        Allow scores of the same person as sham.
    sham : bool
        Without blinding: show the donor's scores.
    assignment : Path or None
        Sealed assignment, for a double-blind run. Both `donor` and ``[recorder] seal`` are needed.
    crednf : dict of str to str
        Answers to items of the CRED-nf checklist, in your words, by the item's number (``1a``).
    """

    blocks: tuple[BlockSettings, ...] = ()
    cycles: Annotated[int, Field(ge=1, le=1000)] = 1
    events: Path | None = None
    kinds: dict[str, Kind] = {}
    display: Literal["thermometer", "curve", "score", "picture"] = "thermometer"
    feedback: Literal["continuous", "intermittent"] = "continuous"
    score: ScoreSettings = ScoreSettings()
    shape: ShapeSettings = ShapeSettings()
    donor: Path | None = None
    same_person: bool = False
    sham: bool = False
    assignment: Path | None = None
    crednf: dict[str, str] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        problems = []
        if bool(self.blocks) == (self.events is not None):
            problems.append("give either blocks or events")
        if self.assignment is not None and self.donor is None:
            problems.append("a double-blind run needs donor: both arms load it")
        if self.assignment is not None and self.sham:
            problems.append("sham is sealed in the assignment; remove sham")
        if self.sham and self.donor is None:
            problems.append("sham needs donor, a file of recorded scores")
        if self.display == "picture" and (self.sham or self.assignment is not None):
            problems.append("a picture cannot be replaced by recorded scores; choose the display "
                            "thermometer, curve or score")  # fmt: skip
        if problems:
            raise ValueError("; ".join(problems))
        return self
