"""Streams that a session was started without, and whether one is there after all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import pylsl

from acquisition.lsl.link import StreamWanted
from phosphene.bundle import Bundle
from phosphene.plan import Plan

__all__ = ["LeftOut", "Resolver", "left_out_of", "no_epochs"]

_LOOK_S = 2.0


class Resolver(Protocol):
    """What looks for streams in the background."""

    def results(self) -> list[pylsl.StreamInfo]:
        """Return those that answer, without waiting."""
        ...


def _resolver(ids: Sequence[str]) -> Resolver:
    wanted = StreamWanted(tuple(ids), "string")
    found: Resolver = pylsl.ContinuousResolver(pred=wanted.predicate)
    return found


class LeftOut:
    """Looks now and then for streams that nobody listens to.

    Parameters
    ----------
    ids : sequence of str
        Their LSL source ids; with none nothing is ever looked for.
    now : Callable
        Time in seconds.
    look : Callable
        Makes what looks.
    """

    def __init__(
        self,
        ids: Sequence[str],
        now: Callable[[], float],
        look: Callable[[Sequence[str]], Resolver] = _resolver,
    ) -> None:
        self._ids, self._now = tuple(ids), now
        self._resolver = look(self._ids) if self._ids else None
        self._looked_s, self._told = float("-inf"), ""

    def trouble(self) -> str:
        """Say which of them are there, or an empty text."""
        if self._resolver is None or self._now() - self._looked_s < _LOOK_S:
            return self._told
        self._looked_s = self._now()
        there = {info.source_id() for info in self._resolver.results()}
        if found := [name for name in self._ids if name in there]:
            self._told = (
                f"{', '.join(found)} is there now, but this session was started without it: "
                "start it again to use it"
            )
        return self._told

    def close(self) -> None:
        """Look no more."""
        self._resolver = None


def left_out_of(plan: Plan) -> tuple[str, ...]:
    """Return the marker streams that a session was started without."""
    named = plan.facts.get("without", "").split(", ")
    return tuple(name for name in named if name and name not in plan.session.source.source_ids)


def no_epochs(mode: str, kind: str, source_ids: Sequence[str], bundle: Bundle | None) -> str:
    """Say when no epoch can ever come, or an empty text.

    Parameters
    ----------
    mode : str
        ``epochs`` or ``windows``.
    kind : str
        Kind of the source.
    source_ids : sequence of str
        EEG first, then the marker streams that are listened to.
    bundle : Bundle or None
        The fitted decoder.
    """
    if kind != "lsl-eeg" or mode != "epochs" or len(source_ids) > 1:
        return ""
    cure = (
        "name the marker stream in source_ids and start it"
        if bundle is not None
        else 'name the marker stream in source_ids and start it, or set mode = "windows"'
    )
    return f'no marker stream: with mode = "epochs" nothing is decoded; {cure}'
