"""What the acquisition node takes from its data stream, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from acquisition.eeg_settings import stream_problems
from acquisition.intake import Inlet
from acquisition.lsl.inlet import EegChunk, EegInlet, Marker
from acquisition.lsl.staleness import StaleWatch
from acquisition.settings import asr_prior, settings_of
from phosphene.bundle import Bundle
from phosphene.errors import ConfigError, PhospheneError, check_all
from phosphene.messages import Array, Features, Quality, Samples, Signal
from phosphene.plan import Plan

if TYPE_CHECKING:
    from acquisition.eeg_chain import EegChain, EegResult, SecondQuality
    from acquisition.signal_view import SignalView

__all__ = ["EegTake", "Out", "Take", "features_out", "stale_state"]

_CHUNK_S = 1 / 32
_TOLD_S = 1.0
_FIRST_S = 5.0  # a source that has just been found takes a moment to send
_GATHER_S = 0.008  # of an amplifier that sends every sample on its own
_STATES = {"waiting": 0, "fresh": 0, "amber": 1, "red": 2}


@dataclass(frozen=True)
class Out:
    """A message to be sent: to the bus, to the recorder, or to both."""

    kind: type
    t_acquired: float
    fields: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    to: Literal["all", "recorder", "listeners"] = "all"


class Take(Protocol):
    """One data stream of a run.

    Attributes
    ----------
    inlet : Inlet
        To be opened by somebody else before anything is pulled.
    stream : str
        ``volumes`` or ``samples``.
    next_index : int
        Number of the volume or sample expected next.
    next_feature : int
        Number of the volume, epoch or window expected next.
    """

    inlet: Inlet
    stream: str
    next_index: int
    next_feature: int

    def prepare(self, beat: Callable[[], object]) -> None:
        """Do what takes long before the first data, calling `beat` every now and then."""
        ...

    def pull(self, wait_s: float) -> Iterable[Out]:
        """Wait at most `wait_s` seconds for data; return what it gives, the most urgent first."""
        ...

    def marker(
        self, t_s: float, label: str, t_acquired: float, duration_s: float | None = None
    ) -> Iterable[Out]:
        """Take an event at `t_s` seconds of data time; return what became complete with it."""
        ...

    def finish(self) -> Iterable[Out]:
        """Return what is told at the end of the run."""
        ...

    def shown(self, watched: bool) -> Iterable[Out]:
        """Return what is only to be looked at; to be asked for when the features are out."""
        ...

    def data_time_s(self, marker: Marker) -> float | None:
        """Return a marker's data time in seconds, None while it cannot be told."""
        ...

    def pulse(self, stamp_s: float) -> None:
        """Take a pulse of the scanner, heard at `stamp_s` seconds (LSL clock)."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Return what came and what was lost."""
        ...

    def trouble(self, ended: bool) -> str:
        """Return what a person should know, or an empty text."""
        ...

    def close(self) -> None:
        """Give back what is held."""
        ...


def stale_state(watch: StaleWatch | None, now_s: float, ended: bool) -> tuple[int, str]:
    """Return 0, 1 (amber) or 2 (red) and a text about the age of the newest data."""
    if watch is None or ended:
        return 0, ""
    state = watch.state(now_s)
    age_s = watch.age_s(now_s)
    told = _STATES[state] > 0 and age_s >= (_TOLD_S if watch.seen else _FIRST_S)
    text = f"no data for {age_s:.0f} s" if told else ""
    return _STATES[state], text


class EegTake:
    """Samples in; epochs or windows and quality out.

    Parameters
    ----------
    plan : Plan
        The run.
    bundle : Bundle or None
        The person's fitted decoder.
    source_ids : tuple of str
        LSL source of the samples.
    now : Callable
        Present time in seconds.
    next_index : int
        Sample expected first.
    next_feature : int
        Number of the first epoch or window.

    Raises
    ------
    BundleError
        If the bundle's settings cannot be used.
    """

    stream = "samples"

    def __init__(
        self,
        plan: Plan,
        bundle: Bundle | None,
        next_index: int,
        next_feature: int,
        source_ids: tuple[str, ...],
        now: Callable[[], float],
    ) -> None:
        # SciPy's signal package takes half a second to import: fMRI runs do without.
        from acquisition.eeg_chain import EegChain, SecondQuality
        from acquisition.signal_view import SignalView

        self._make_chain, self._make_second = EegChain, SecondQuality
        self._make_view = SignalView
        self._settings = settings_of(plan.session.acquisition, bundle).eeg
        self._wanted = () if bundle is None else bundle.manifest.channels
        self._asr = None if bundle is None else asr_prior(bundle)
        self._bridged = plan.session.source.kind != "lsl-eeg"
        self._samples = EegInlet(source_ids, now, _CHUNK_S, local=self._bridged)
        self.inlet: Inlet = self._samples
        self.next_index, self.next_feature = next_index, next_feature
        self._resumed = next_index > 0
        self._source, self._now, self._ended = source_ids[0], now, False
        self._chain: EegChain | None = None
        self._refused = ""
        self._second: SecondQuality | None = None
        self._view: SignalView | None = None
        self._to_show: list[tuple[Array, int, float]] = []
        self._offset_s: float | None = None
        self._counts = {
            "samples": 0, "samples_lost": 0, "epochs": 0, "epochs_rejected": 0, "repeated": 0,
        }  # fmt: skip

    def prepare(self, beat: Callable[[], object]) -> None:
        """Nothing takes long."""

    def pull(self, wait_s: float) -> Iterator[Out]:
        """Take the samples that come within `wait_s` seconds; features come first."""
        for chunk in self._samples.pull(wait_s, *self._worth_waking()):
            yield from self._take(chunk)
        if self._chain is not None:
            self._chain.work_ahead()

    def _worth_waking(self) -> tuple[int, int | None]:
        """Return how many samples to wait for, and the most to take.

        A few gather. The last ones of a step are waited for and taken alone: an amplifier's packet
        may be larger than what gathers, and what comes after the step's end can wait.
        """
        gathered = max(1, round(_GATHER_S * self._samples.layout.fs_hz))
        wanted = None if self._chain is None else self._chain.core.wanted
        if wanted is None or wanted >= 2 * gathered:
            return gathered, None
        return wanted, wanted

    def _take(self, chunk: EegChunk) -> Iterator[Out]:
        data, first, stamps_s = chunk.data, chunk.first_index, chunk.stamps_s
        if self._bridged and first < self.next_index:
            skip = min(len(data), self.next_index - first)
            self._counts["repeated"] += skip
            data, stamps_s, first = data[skip:], stamps_s[skip:], first + skip
            if not len(data):
                return
        elif chunk.restarted and not self._bridged:
            # Another numbering: nothing that came before can be continued.
            self._chain, self._view, self.next_index = None, None, first
        elif self._bridged or self._resumed or self._counts["samples"]:
            self._counts["samples_lost"] += max(0, first - self.next_index)
        self._counts["samples"] += len(data)
        self.next_index = first + len(data)
        fs_hz = self._samples.layout.fs_hz
        self._offset_s = float(stamps_s[-1]) - (self.next_index - 1) / fs_hz
        kept = data.copy()
        chain = self._ensure_chain(first)
        stamp_s = float(stamps_s[-1])
        results = [] if chain is None else chain.push(kept, first)
        # What somebody waits for goes out before the rest is even made.
        for result in results:
            yield self._features(result, stamp_s)
        for result in results:
            yield self._quality(result, stamp_s)
        self._to_show.append((kept, first, stamp_s))
        yield self._raw(kept, first, stamp_s)
        yield from self._seconds(kept, first, stamp_s)

    def shown(self, watched: bool) -> list[Out]:
        """Return the samples for the operator's eyes; nothing is done while nobody looks."""
        chunks, self._to_show = self._to_show, []
        if not (watched and chunks):
            return []
        if self._view is None:
            config = None if self._chain is None else self._chain.config
            self._view = self._make_view(self._source, self._samples.layout, config)
        self._view.push(chunks)
        fields = self._view.due(self._now())
        if fields is None:
            return []
        arrays, dims = {"signal": fields.pop("signal")}, {"signal": ("time", "channel")}
        stamp_s = chunks[-1][2]
        return [Out(Signal, stamp_s, fields, arrays, dims, {"signal": "uV"}, to="listeners")]

    def _ensure_chain(self, first_sample: int) -> EegChain | None:
        if self._chain is None and not self._refused:
            layout = self._samples.layout
            if not self._wanted:
                found = stream_problems(self._settings, layout.fs_hz, layout.channel_names)
                check_all(found, ConfigError, f"EEG settings for {self._source}")
            try:
                self._chain = self._make_chain(
                    self._settings,
                    layout.fs_hz,
                    layout.channel_names,
                    self._wanted,
                    first_sample,
                    self.next_feature,
                    self._asr,
                )
            except ConfigError:
                raise
            except PhospheneError as error:
                self._refused = f"quality control only: {error}"
        return self._chain

    def _seconds(self, data: Array, first: int, stamp_s: float) -> list[Out]:
        layout = self._samples.layout
        if self._second is None:
            self._second = self._make_second(
                layout.fs_hz, layout.channel_names, self._settings.notch_hz
            )
        return [
            Out(Quality, stamp_s, {"index": index, "t_data": t_s, "values": values})
            for index, t_s, values in self._second.push(data, first)
        ]

    def _raw(self, data: Array, first: int, stamp_s: float) -> Out:
        layout = self._samples.layout
        fields = {
            "stream": self._source,
            "first_index": first,
            "fs_hz": layout.fs_hz,
            "t_data": first / layout.fs_hz,
            "channels": layout.channel_names,
        }
        arrays, dims = {"samples": data}, {"samples": ("time", "channel")}
        return Out(Samples, stamp_s, fields, arrays, dims, {"samples": "uV"}, to="recorder")

    def _features(self, result: EegResult, stamp_s: float) -> Out:
        self.next_feature = max(self.next_feature, result.index + 1)
        self._counts["epochs"] += 1
        self._counts["epochs_rejected"] += int(result.rejected)
        told = {
            "index": result.index,
            "t_data": result.t_data,
            "kind": result.kind,
            "mask_hash": result.mask_hash,
            "ready": result.ready,
            "t_event": result.t_event,
            "note": "rejected" if result.rejected else "",
        }
        return features_out(stamp_s, told, result.x, ("feature",))

    def _quality(self, result: EegResult, stamp_s: float) -> Out:
        at = {"index": result.index, "t_data": result.t_data}
        return Out(Quality, stamp_s, {**at, "values": result.quality})

    def marker(
        self, t_s: float, label: str, t_acquired: float, duration_s: float | None = None
    ) -> list[Out]:
        """Open an epoch; return it at once where all of its samples are there already."""
        chain = self._ensure_chain(self.next_index)
        results = [] if chain is None else chain.marker(t_s, label)
        made = [self._features(result, t_acquired) for result in results]
        return [*made, *(self._quality(result, t_acquired) for result in results)]

    def data_time_s(self, marker: Marker) -> float | None:
        """Return the marker's own data time, or the one its LSL time stamp stands for."""
        if marker.t_s is not None:
            return marker.t_s
        if not self._samples.layout.counter:
            return self._samples.clock.data_time_s(marker.stamp_s)
        return None if self._offset_s is None else marker.stamp_s - self._offset_s

    def pulse(self, stamp_s: float) -> None:
        """Do nothing: samples have a clock of their own."""

    def counts(self) -> Mapping[str, int]:
        """Return samples taken and lost, epochs, and how the stream is."""
        stale, _ = stale_state(self._samples.watch, self._now(), self._ended)
        reconnects = self._samples.link.n_reconnects
        made = {**self._counts, "reconnects": reconnects, "stale": stale, "epochs_too_late": 0}
        if self._counts["samples"]:
            made["clock_resets"] = self._samples.clock.n_resets
        if self._chain is not None:
            made["epochs_too_late"] = self._chain.core.counts.too_late
            made["triggers_late"] = self._chain.core.counts.triggers_late
            made["filter_delay_ms"] = round(self._chain.filter_delay_ms)
        return made

    def trouble(self, ended: bool) -> str:
        """Return what is wrong with bundle, channels or stream."""
        self._ended = ended
        if self._refused or ended:
            return self._refused
        stale, link = stale_state(self._samples.watch, self._now(), ended)[1], self._samples.link
        # That it went away needs no words beside how long it is silent; why it is not taken does.
        why = "" if stale and link.trouble == link.AWAY else link.trouble
        mains = "" if self._second is None else self._second.mains.told
        away = [f"{self._source}: {text}" for text in (stale, why) if text]
        return "; ".join(filter(None, [*away, mains]))

    def finish(self) -> list[Out]:
        """Return nothing: EEG has no maps."""
        return []

    def close(self) -> None:
        """Nothing is held."""


def features_out(stamp_s: float, fields: Mapping[str, Any], x: Array, dims: tuple[str, ...]) -> Out:
    """Make the message of one feature vector."""
    arrays = {"x": np.ascontiguousarray(x, dtype=np.float32)}
    return Out(Features, stamp_s, fields, arrays, {"x": dims}, {"x": "1"})
