"""What the gate calls: messages in, and for each sink the feedback that it may have.

In a blind run the participant's own sink, and programs that draw for it, get the score that was
chosen, and nobody else gets any: an operator who saw picture and thermometer would see that they do
not belong together. Both arms do the same work in the same order; only one number differs.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from phosphene.clock import utc_now
from phosphene.errors import ConfigError, problem
from phosphene.feedback.blinding import Chooser, console_key
from phosphene.feedback.loop import FeedbackLoop, Given
from phosphene.feedback.power import PowerMeter
from phosphene.feedback.protocol import BlockState, DataClock, Protocol
from phosphene.feedback.readiness import assignment_of, check_targets, donor_for
from phosphene.feedback.record import About, Row, pack_about, score_file
from phosphene.feedback.scores import Sample, open_score
from phosphene.messages import Message, Percept, Quality, Signal
from phosphene.plan import Plan
from phosphene.seal.places import state_folder
from phosphene.seal.retention import seal_for
from phosphene.seal.writer import SealedDisk

__all__ = ["SCORED_SINKS", "FeedbackDesk"]

SCORED_SINKS = ("self", "stream")
"""Sinks that get the score of a blind run: the participant's, and who draws in its place."""
_FLUSH_S = 0.5
_NEEDS: dict[str, type[Percept] | type[Quality] | type[Signal]] = {
    "percept": Percept,
    "quality": Quality,
    "signal": Signal,
}


class FeedbackDesk:
    """Feedback of one run.

    Parameters
    ----------
    plan : Plan
        With a session that has a protocol.
    record : bool
        Whether the scores may be kept: the person consents to ``record_brain`` and the run has a
        folder.
    state : Path or None
        State folder with the console's key; None takes this user's.

    Raises
    ------
    ConfigError, SealError
        If protocol, donor or assignment do not fit.

    Attributes
    ----------
    protocol : Protocol
        Its blocks.
    blind : bool
        Whether the run is double-blind.
    """

    def __init__(self, plan: Plan, *, record: bool, state: Path | None = None) -> None:
        settings = plan.session.protocol
        if settings is None:
            raise ConfigError("protocol: the session has none")
        self._plan, self._settings = plan, settings
        self.protocol = Protocol.of(settings)
        self.blind = settings.assignment is not None
        check_targets(settings, self.protocol)
        self._score = open_score(settings.score)
        self._loop = FeedbackLoop(self.protocol, self._score, settings.shape)
        self._donor = donor_for(plan.session, self.protocol)
        self._choose, self._assignment = self._load_arm(state or state_folder())
        self._clock = DataClock(None if plan.lossless else plan.speed)
        self._meter: PowerMeter | None = None
        if self.needs is Signal:
            # Loaded before the run: it takes longer than the gate may be silent.
            import_module("scipy.signal")
        self._flushed_s = -math.inf
        self._out = self._open_record() if record else None

    # ---- at the start ---------------------------------------------------------------------------

    def _load_arm(self, state: Path) -> tuple[Chooser, str]:
        found = assignment_of(self._plan.session)
        if found is None:
            return Chooser(int(self._settings.sham)), ""
        return Chooser(found.open(console_key(state))), found.id

    def _open_record(self) -> Any:
        plan = self._plan
        if plan.out is None:
            return None
        made = utc_now()
        seal = seal_for(plan.session.recorder, plan.consent, plan.run, 0, made)
        plan.out.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = _free(score_file(plan.out, plan.run, sealed=seal is not None))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(handle, "wb", buffering=0)
        out: Any = self._file if seal is None else SealedDisk(self._file, seal)
        about = About(
            plan.run, plan.session.person, self._settings.score.kind, self._score.unit,
            self._assignment, About.laid_out(self.protocol.blocks),
        )  # fmt: skip
        out.write(pack_about(about))
        return out

    # ---- while it runs --------------------------------------------------------------------------

    @property
    def needs(self) -> type[Percept] | type[Quality] | type[Signal]:
        """Messages that the score is made of: ``Percept`` of the decoder, others of acquisition."""
        return _NEEDS[self._score.needs]

    def present(self, clock_s: float) -> float | None:
        """Return the time on the recording's axis at a time of the shared clock, both seconds."""
        return self._clock.now(clock_s)

    def state(self, clock_s: float) -> BlockState:
        """Return what may be shown at a time of the shared clock, in seconds."""
        return self.protocol.state_at(self._clock.now(clock_s))

    def saw(self, message: Message) -> None:
        """Let a message move the time on, and nothing else."""
        header = message.header
        if isinstance(header, Percept | Quality):
            self._clock.saw(header.t_data, header.t_acquired)
        elif isinstance(header, Signal):
            length_s = len(message.arrays["signal"]) / header.fs_hz
            self._clock.saw(header.t_data + length_s, header.t_acquired)

    def forget(self) -> None:
        """Drop what is held of the newest seconds of the person's signal."""
        self._meter = None

    def take(self, message: Message) -> list[Given]:
        """Take in a message; other kinds than `needs` only move the time on."""
        self.saw(message)
        if not isinstance(message.header, self.needs):
            return []
        given = [self._chosen(g) for s in self._samples(message) if (g := self._loop.take(s))]
        if given and self._out is not None and given[-1].t_data - self._flushed_s >= _FLUSH_S:
            self._flushed_s = given[-1].t_data
            self._out.flush()
        return given

    def fields(self, given: Given, sink: str, percept: Percept | None = None) -> dict[str, Any]:
        """Return the fields of `Feedback` for a sink.

        Parameters
        ----------
        given : Given
            From `take`.
        sink : str
            ``self``, ``operator``, ``observer`` or ``stream``.
        percept : Percept or None
            Where it was made of one; a blind run tells neither label nor confidence.
        """
        state = self.protocol.state_at(given.t_data)
        scored = state.score and given.shows and (not self.blind or sink in SCORED_SINKS)
        told = None if self.blind else percept
        return self.block_fields(state, given.index, given.t_data) | {
            "score": given.score if scored else 0.0,
            "label": told.label if told else None,
            "confidence": told.confidence if told else 0.0,
            "display": "picture" if state.picture else self.protocol.display if scored else "none",
        }

    def block_fields(self, state: BlockState, index: int, t_data: float) -> dict[str, Any]:
        """Return the fields of `Feedback` that only tell the block: no score, for every sink."""
        block = state.block
        return {
            "index": index,
            "t_data": t_data,
            "score": 0.0,
            "label": None,
            "confidence": 0.0,
            "display": "picture" if state.picture else "none",
            "block": -1 if block is None else block.index,
            "block_kind": "" if block is None else block.kind,
            "block_end_s": 0.0 if block is None else block.end_s,
            "instruction": "" if block is None else block.instruction,
        }

    def counts(self) -> Mapping[str, int]:
        """Return counters; in a blind run those of clipping stay inside."""
        names = ["samples", "shown", "late", "unmeasured"]
        names += [] if self.blind else ["clipped_low", "clipped_high"]
        return {f"feedback_{name}": self._loop.counts[name] for name in names}

    def close(self) -> None:
        """Write the rest of the scores."""
        if self._out is None:
            return
        if isinstance(self._out, SealedDisk):
            self._out.finish()
        self._file.close()
        self._out = None

    def _chosen(self, given: Given) -> Given:
        """Put the donor's score beside the own one, keep both, and return the one that counts."""
        own = given.score
        donor = math.nan if self._donor is None else self._donor.at(given.t_data)
        if self._donor is not None and math.isnan(own + donor):
            # Only what both have is shown: gaps of one of them would tell which it is.
            shown = math.nan
        else:
            shown = self._choose(own, donor)
        if self._out is not None:
            self._out.write(
                Row(given.index, given.block, given.seen_block, given.t_data, given.measured,
                    given.value, own, donor, shown).pack()
            )  # fmt: skip
        return Given(given.index, given.t_data, given.block, given.seen_block, given.measured,
                     given.value, shown, given.clipped)  # fmt: skip

    def _samples(self, message: Message) -> list[Sample]:
        header: Any = message.header
        if isinstance(header, Percept):
            arrays = message.arrays
            return [
                Sample(header.index, header.t_data, header.t_seen, arrays.get("c"),
                       arrays.get("z"), header.probabilities)
            ]  # fmt: skip
        if isinstance(header, Quality):
            return [Sample(header.index, header.t_data, header.t_data, values=header.values)]
        return self._powers(header, message.arrays["signal"])

    def _powers(self, header: Signal, signal: Any) -> list[Sample]:
        if self._meter is None:
            wanted = self._settings.score.channels
            missing = [name for name in wanted if name not in header.channels]
            if missing:
                raise ConfigError(problem("protocol.score.channels", missing,
                                          ", ".join(header.channels), "Correct them."))  # fmt: skip
            columns = [header.channels.index(name) for name in wanted] or None
            self._meter = PowerMeter(header.fs_hz, self._settings.score.band_hz, columns)
        steps = self._meter.add(np.asarray(signal), header.first_index, header.t_data)
        return [Sample(s.index, s.t_end_s, s.t_end_s, power_uv2=s.power_uv2) for s in steps]


def _free(path: Path) -> Path:
    """Return a name that is not taken: a gate that was started again goes on in a new file."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(path.name.replace(".scores", f"-{number}.scores"))
    return found
