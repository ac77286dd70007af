"""One connection to one LSL source that survives the source's restart.

liblsl's own recovery matches neither rate nor description, destroying an inlet while it recovers
has aborted processes, and in 1.18 the first pull during recovery never returns. So recovery is off,
a loss shows within milliseconds, and a new inlet is made here, after the replacement has been
checked. The price: samples that arrived but were not pulled before the loss are withheld by liblsl.
They are counted, and a source must not close before its reader has everything.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pylsl
from pylsl.util import LostError

from acquisition.errors import StreamAbsentError
from phosphene.errors import ConfigError, InputError, check_all, problem

__all__ = [
    "LostError", "StreamLink", "StreamWanted", "mismatches", "resolve", "returned_otherwise",
]  # fmt: skip

_FORMATS = {pylsl.cf_float32: "float32", pylsl.cf_string: "string", pylsl.cf_double64: "double64"}
_TWIN_WAIT_S = 0.8  # liblsl asks known peers for the first time after half a second
_FORGET_AFTER_S = 2.0
# A resolver that has found nothing for so long is made anew: on a very busy machine one was seen to
# stay blind for half a minute to a stream that another one found at once.
_BLIND_S = 5.0
_SURELY_ALIVE_S = _FORGET_AFTER_S + 1.0


@dataclass(frozen=True, slots=True)
class StreamWanted:
    """Which stream to listen to.

    Attributes
    ----------
    source_ids : tuple of str
        Allowed sources, exactly as they call themselves.
    channel_format : str
        "float32", "double64" or "string".
    n_channels : int or None
        Number of channels, the counter included; None takes any, and holds it from then on.
    rate_hz : float or None
        Declared rate in hertz, 0 for irregular; None takes any, and holds it from then on.
    local : bool
        Refuse streams of other machines.
    sole : bool
        Nobody else can have made up the name, so no time is spent on looking for a twin.
    """

    source_ids: tuple[str, ...]
    channel_format: str
    n_channels: int | None = None
    rate_hz: float | None = None
    local: bool = True
    sole: bool = False

    def __post_init__(self) -> None:
        problems = [
            problem("source_ids", source_id, "letters, digits, spaces and _.:@/-", "Rename it.")
            for source_id in self.source_ids
            if not re.fullmatch(r"[\w .:@/-]{1,128}", source_id)
        ]
        if not self.source_ids:
            problems.append(problem("source_ids", (), "one or more", "Name the source."))
        if self.channel_format not in _FORMATS.values():
            allowed = ", ".join(_FORMATS.values())
            problems.append(problem("channel_format", self.channel_format, allowed, "Choose one."))
        check_all(problems, ConfigError, "wanted LSL stream")

    @property
    def predicate(self) -> str:
        """The query for liblsl."""
        return " or ".join(f"source_id='{source_id}'" for source_id in self.source_ids)


def mismatches(info: pylsl.StreamInfo, wanted: StreamWanted) -> list[str]:
    """List what keeps a stream from being the wanted one; empty when it is."""
    found = _FORMATS.get(info.channel_format(), "another format")
    problems = []
    cure = "Check the source."
    if info.source_id() not in wanted.source_ids:
        allowed = ", ".join(wanted.source_ids)
        problems.append(problem("source_id", info.source_id(), allowed, cure))
    if found != wanted.channel_format:
        problems.append(problem("channel_format", found, wanted.channel_format, cure))
    if wanted.n_channels is not None and info.channel_count() != wanted.n_channels:
        allowed = str(wanted.n_channels)
        problems.append(problem("channel_count", info.channel_count(), allowed, cure))
    if wanted.rate_hz is not None and abs(info.nominal_srate() - wanted.rate_hz) > 1e-6:
        allowed = f"{wanted.rate_hz:g} Hz"
        problems.append(problem("nominal_srate", info.nominal_srate(), allowed, cure))
    if wanted.local and info.hostname() != socket.gethostname():
        problems.append(problem("hostname", info.hostname(), socket.gethostname(), cure))
    return problems


def returned_otherwise(info: pylsl.StreamInfo, wanted: StreamWanted) -> str:
    """Say how a stream that is there again differs from what it was, or an empty text."""
    rate_hz, n = info.nominal_srate(), info.channel_count()
    rate_was, n_was = wanted.rate_hz, wanted.n_channels
    if rate_was is None or n_was is None:
        return ""
    if n == n_was and abs(rate_hz - rate_was) <= 1e-6:
        return ""
    return (
        f"there again, but at {rate_hz:g} Hz x {n} instead of {rate_was:g} Hz x {n_was}, "
        "so it is not taken"
    )


def resolve(wanted: StreamWanted, timeout_s: float) -> pylsl.StreamInfo:
    """Find the one wanted stream.

    Raises
    ------
    StreamAbsentError
        When none is there in time.
    InputError
        When several claim the name, or it is not as wanted.
    """
    first = pylsl.resolve_bypred(wanted.predicate, 1, timeout_s)
    if not first:
        names = ", ".join(wanted.source_ids)
        raise StreamAbsentError(
            f"no LSL stream with source id {names} within {timeout_s:g} s; "
            "start the source, and check that the session ids agree"
        )
    if wanted.sole:
        return _only(first, wanted)
    # A second look for a twin: resolving returns as soon as the first one answers.
    both = first + pylsl.resolve_bypred(wanted.predicate, 2, _TWIN_WAIT_S)
    return _only(list({info.uid(): info for info in both}.values()), wanted)


def _only(found: list[pylsl.StreamInfo], wanted: StreamWanted) -> pylsl.StreamInfo:
    if len(found) != 1:
        listing = ", ".join(f"{i.source_id()}@{i.hostname()} ({i.uid()})" for i in found)
        raise InputError(f"{len(found)} LSL streams match {wanted.source_ids}: {listing or 'none'}")
    check_all(mismatches(found[0], wanted), InputError, f"LSL stream {found[0].source_id()!r}")
    return found[0]


class StreamLink:
    """Keep an open inlet to the wanted stream.

    Parameters
    ----------
    wanted : StreamWanted
        Which stream.
    now : Callable
        Time in seconds.
    max_buffer : int
        Seconds (hundreds of samples for irregular streams) that liblsl keeps for us.
    describe : Callable or None
        Turns the full description into a format object; a replacement must give one that is the
        same (by its ``same_as``, if it has one). The first one stays.
    search_after_s : float
        Silence after which a replacement is looked for, in seconds.

    Attributes
    ----------
    n_reconnects : int
        Replacements accepted so far.
    n_undelivered : int
        Samples that had arrived but were withheld when a source went away.
    trouble : str
        Why no replacement was accepted, or "".
    """

    AWAY = "the source went away"

    def __init__(
        self,
        wanted: StreamWanted,
        now: Callable[[], float],
        max_buffer: int,
        describe: Callable[[pylsl.StreamInfo], Any] | None = None,
        search_after_s: float = 5.0,
    ) -> None:
        self.wanted = wanted
        self.n_reconnects = 0
        self.n_undelivered = 0
        self.trouble = ""
        self.layout: Any = None
        self._now = now
        self._max_buffer = max_buffer
        self._describe = describe
        self._search_after_s = search_after_s
        self._inlet: Any = None
        self._resolver: Any = None
        self._resolving_s = now()
        self._uid = ""
        self._foreign = False
        self._lost_s: float | None = None
        self._quiet_since_s = now()

    def open(self, timeout_s: float = 5.0) -> None:
        """Find the stream and subscribe at once: what is sent before that is never delivered."""
        info = resolve(self.wanted, timeout_s)
        self._adopt(info, timeout_s)

    @property
    def connected(self) -> bool:
        """True while an inlet is open."""
        return self._inlet is not None

    @property
    def n_waiting(self) -> int:
        """Samples that have arrived and wait to be pulled."""
        return 0 if self._inlet is None else int(self._inlet.samples_available())

    def offset_s(self) -> float:
        """Return what to add to time stamps to get this machine's LSL time, in seconds.

        Streams of this machine share its clock; estimating their offset would only add noise that
        differs from run to run.
        """
        if not self._foreign or self._inlet is None:
            return 0.0
        return float(self._inlet.time_correction(2.0))

    def pull(
        self, timeout_s: float, max_samples: int, into: Any = None, at_least: int = 1
    ) -> tuple[Any, Any, bool]:
        """Wait for the next samples.

        Parameters
        ----------
        timeout_s : float
            Longest wait, in seconds.
        max_samples : int
            Most samples to return.
        into : ndarray or None
            Where numeric samples go, shape (max_samples, n_channels).
        at_least : int
            Samples that are waited for; fewer come after a timeout.

        Returns
        -------
        samples, stamps : ndarray
            Views of what came; both empty after a timeout or while the source is away.
        new : bool
            True when these are the first samples of a replacement.
        """
        new = self._inlet is None and self._reconnect()
        if self._inlet is None:
            return [], [], False
        try:
            samples, stamps = self._inlet.pull_chunk(
                timeout=timeout_s,
                max_samples=max_samples,
                dest_obj=into,
                min_samples=at_least,
                as_numpy=True,
            )
        except LostError:
            self._lose()
            return [], [], False
        if len(stamps):
            self._quiet_since_s = self._now()
            self._resolver = None
        elif self._now() - self._quiet_since_s > self._search_after_s:
            new = self._replace_if_another() or new
        return samples, stamps, new

    def close(self) -> None:
        """End the subscription."""
        self._resolver = None
        self._inlet = None

    def _adopt(self, info: pylsl.StreamInfo, timeout_s: float) -> None:
        inlet = pylsl.StreamInlet(info, max_buflen=self._max_buffer, recover=False)
        inlet.open_stream(timeout_s)
        if self._describe is not None:
            layout = self._describe(inlet.info(timeout_s))
            same = getattr(layout, "same_as", layout.__eq__)
            if self.layout is not None and not same(self.layout):
                raise InputError(f"stream {info.source_id()!r} came back as {layout}")
            self.layout = layout if self.layout is None else self.layout
        self.wanted = StreamWanted(
            self.wanted.source_ids,
            self.wanted.channel_format,
            info.channel_count(),
            info.nominal_srate(),
            self.wanted.local,
            self.wanted.sole,
        )
        self._inlet, self._uid, self._lost_s = inlet, info.uid(), None
        self._foreign = info.hostname() != socket.gethostname()
        self._quiet_since_s = self._now()
        self._resolver = None
        self.trouble = ""

    def _lose(self) -> None:
        # The queue ends with one empty entry that wakes a waiting reader.
        self.n_undelivered += max(0, self.n_waiting - 1)
        self._inlet = None
        self._lost_s = self._now()
        self.trouble = self.AWAY

    def _found(self) -> list[pylsl.StreamInfo]:
        """Look without waiting: a resolver works in the background from the first call on."""
        blind = self._now() - self._resolving_s > _BLIND_S
        if self._resolver is None or blind:
            self._resolver = pylsl.ContinuousResolver(
                pred=self.wanted.predicate, forget_after=_FORGET_AFTER_S
            )
            self._resolving_s = self._now()
        results: list[pylsl.StreamInfo] = self._resolver.results()
        if results:
            self._resolving_s = self._now()
        return results

    def _reconnect(self) -> bool:
        # The lost outlet itself may still be listed for a while. When it outlives that, it has
        # never gone: only the connection broke, and it is taken back.
        since_s = 0.0 if self._lost_s is None else self._now() - self._lost_s
        alive = since_s > _SURELY_ALIVE_S
        found = [info for info in self._found() if alive or info.uid() != self._uid]
        if not found:
            return False
        if len(found) == 1 and (told := returned_otherwise(found[0], self.wanted)):
            self.trouble = told
            return False
        try:
            self._adopt(_only(found, self.wanted), 2.0)
        except (InputError, RuntimeError) as error:  # RuntimeError: liblsl's timeout and loss
            self.trouble = str(error)
            return False
        self.n_reconnects += 1
        return True

    def _replace_if_another(self) -> bool:
        """Change to another outlet of the same name; a silent one alone is kept."""
        found = self._found()
        if not found or any(info.uid() == self._uid for info in found):
            return False
        return self._reconnect()
