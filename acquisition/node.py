"""The acquisition node: LSL in, cleaned features, quality and events out."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import zmq

from acquisition.flow import FeatureWindow, Onlookers
from acquisition.fmri_take import FmriTake
from acquisition.intake import Opener
from acquisition.left_out import LeftOut, left_out_of
from acquisition.lsl.inlet import Marker, MarkerInlet
from acquisition.progress import Progress
from acquisition.streams import awaited, stream_names
from acquisition.take import EegTake, Out, Take
from phosphene.bundle import Bundle
from phosphene.bus import Publisher, Puller, Pusher
from phosphene.consent import Scope, why_not
from phosphene.errors import NodeError
from phosphene.messages import Command, Credit, Event, Features, Message, Quality
from phosphene.node import NodeContext
from phosphene.quality import region_name

__all__ = ["AcquisitionNode"]

OUTSTANDING = 32
_CREDIT_S = 0.5
_BUSY_S = 0.05
_PULL_S = 0.02
_PREPARING_S = 2.0
_WAIT_S = 0.01
_ASIDE_S = 0.0003  # live: who carries features on has the processor before what is less urgent
_LOG = logging.getLogger("acquisition")


class AcquisitionNode:
    """Takes data in and publishes what it says.

    Parameters
    ----------
    context : NodeContext
        The shell.
    bundle : Bundle or None
        The person's fitted decoder, for its mask, statistics and settings.
    trouble : str
        What is wrong from the start: no bundle although the session names one, or no markers.
    """

    def __init__(self, context: NodeContext, bundle: Bundle | None, trouble: str = "") -> None:
        plan = context.plan
        self._context, self._lossless = context, plan.lossless
        self._trouble = trouble
        self._mask_hash = "" if bundle is None else bundle.manifest.mask_hash
        self._progress = Progress(context.folder.path / "acquisition.progress")
        self._features_progress = Progress(context.folder.path / "acquisition.features")
        names, now = stream_names(plan), context.clock.now
        bridged = "bridge" in plan.nodes
        fmri = plan.session.modality == "fmri"
        self._trigger = plan.session.source.trigger if fmri else None
        # What can fail comes before the sockets, which only `close` gives back. The bridge is on
        # this machine, other markers may come from elsewhere.
        self._markers = [
            MarkerInlet(ids, now, local=bridged and number == 0)
            for number, ids in enumerate(names.markers)
        ]
        kind = FmriTake if plan.session.modality == "fmri" else EegTake
        self._take: Take = kind(
            plan, bundle, self._progress.count, self._features_progress.count, names.data, now
        )
        self.out = Publisher(context.zmq, context.endpoint("acquisition"))
        self._acks = Puller(context.zmq, context.endpoint("acks"))
        self._records = self._recorder()
        self._credits = Pusher(context.zmq, context.endpoint("credits")) if bridged else None
        self._window = FeatureWindow(OUTSTANDING)
        self._onlookers = Onlookers(plan)
        self._opener = Opener([*self._markers, self._take.inlet], awaited(plan))
        self._left_out = LeftOut(left_out_of(plan), now)
        self._next_marker = 0
        self._end: int | None = None
        self._credited_s = -_CREDIT_S
        self._finished = False
        self._counts = {"features": 0, "events": 0, "markers_late": 0, "duplicates": 0}

    def _recorder(self) -> Pusher | None:
        """Return the way to the recorder; brain data takes it only where the person allows that."""
        context, plan = self._context, self._context.plan
        denied = why_not(plan.consent, Scope.RECORD_BRAIN, plan.session.person, datetime.now(UTC))
        self._brain_allowed = denied is None
        if "recorder" not in plan.nodes:
            return None
        return Pusher(
            context.zmq,
            context.endpoint("records"),
            block=self._lossless,
            alive=lambda: context.beat(self.counts()),
        )

    def prepare(self) -> None:
        """Do what takes long before the node is ready, beating all the while.

        It takes long the first time on a machine only; then a person is told why nothing happens.
        """
        context, since_s = self._context, self._context.clock.now()

        def beat() -> None:
            if context.clock.now() - since_s > _PREPARING_S:
                context.note = "getting ready: compiling for this machine, once"
            context.beat(self.counts())

        self._take.prepare(beat)
        context.note = ""

    # ---- what the shell asks -------------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the socket of the decoder's acknowledgements."""
        return (self._acks.socket,)

    def due_s(self) -> float | None:
        """Return now while data can come: LSL cannot wake the node, its step waits for data."""
        now = self._context.clock.now()
        if not self._opener.ready or self._ended():
            return now + _WAIT_S
        return now if self._may_take() else now + _WAIT_S

    def counts(self) -> Mapping[str, int]:
        """Return what came, was lost and was published."""
        lost = {"features_unacknowledged": self._window.unacknowledged}
        dropped = {} if self._records is None else {"records_dropped": self._records.dropped}
        return {**self._counts, **self._take.counts(), **lost, **dropped}

    def done(self) -> bool:
        """Return True once the end was announced and all before it was taken and acknowledged."""
        return self._finished and not (self._lossless and self._decoded() and self._waits())

    def command(self, command: Command) -> str:
        """Obey ``go``: data is taken as soon as it comes, so there is nothing to begin."""
        if command.action != "go":
            raise NodeError(f"command {command.action!r} unknown; allowed: go, stop")
        return "listening"

    def close(self) -> None:
        """Tell what is left to tell, then close inlets, sockets and files."""
        self._finish()
        self._opener.close()
        self._left_out.close()
        self._take.close()
        for socket in (self.out, self._acks, self._records, self._credits):
            if socket is not None:
                socket.close()
        self._progress.close()
        self._features_progress.close()

    def _decoded(self) -> bool:
        return "decoder" in self._context.plan.nodes

    def _waits(self) -> bool:
        return self._window.outstanding > 0

    def _ended(self) -> bool:
        return self._end is not None and self._take.next_index >= self._end

    def _may_take(self) -> bool:
        """At full speed nothing is taken that could not be passed on."""
        if not (self._lossless and self._decoded()):
            return True
        return self._window.room(self._context.clock.now())

    # ---- work ----------------------------------------------------------------------------------

    def step(self) -> None:
        """Take in what has come, for a bounded time, and pass it on."""
        now = self._context.clock.now()
        for message in self._acks.receive():
            if isinstance(message.header, Credit):
                self._window.acknowledge(message.header.count, message.header.epoch, now)
        self._window.readers(self.out.subscribers(b"features"), now)
        if not self._opener.ready:
            self._context.note = self._opener.trouble
            return
        until_s = now + _BUSY_S
        while self._may_take():
            self._hear_markers()
            if not self._take_some() or self._context.clock.now() > until_s:
                break
        self._give_credit()
        if self._ended():
            self._finish()
        self._context.note = self._troubles()

    def _finish(self) -> None:
        """Send once what is told at the end of the run."""
        if not self._finished:
            self._finished = True
            for out in self._take.finish():
                self._send(out)

    def _mask_trouble(self) -> str:
        """Say when the stream was made for another mask than the decoder's."""
        told = getattr(getattr(self._take.inlet, "layout", None), "mask_hash", "")
        if not told or not self._mask_hash or told == self._mask_hash:
            return ""
        return (
            f"the stream is for mask {told[:12]}, the decoder's is {self._mask_hash[:12]}; "
            "give the bridge the bundle of this run"
        )

    def _troubles(self) -> str:
        """Return what a person should know, or an empty text."""
        ended = self._ended()
        found = [self._trouble, self._mask_trouble(), self._take.trouble(ended)]
        lost = [inlet.link for inlet in self._markers if not (ended or inlet.link.connected)]
        found += [f"markers {link.wanted.source_ids[0]}: {link.trouble}" for link in lost]
        return "; ".join(filter(None, [*found, self._left_out.trouble()]))

    def _take_some(self) -> bool:
        before, published = self._take.next_index, self._counts["features"]
        stored = False
        for out in self._take.pull(_PULL_S):
            self._send(out)
            if not stored and self._take.next_index != before:
                # At once: what is told must not count as missed if this process falls now.
                stored = self._store(published)
        self._store(published)
        for out in self._take.shown(self._onlookers.watch(self.out, self._context.clock.now())):
            self._send(out)
        if self._take.next_index == before:
            return False
        self._give_credit(force=self._lossless)
        return True

    def _store(self, published: int) -> bool:
        """Keep how far this process has come; return True."""
        now = self._context.clock.now()
        if self._counts["features"] != published:
            self._features_progress.store(self._take.next_feature, now)
        if self._take.next_index != self._progress.count:
            self._progress.store(self._take.next_index, now)
        return True

    def _send(self, out: Out) -> None:
        """Publish and record, as it says."""
        message = self._context.message(
            out.kind,
            t_acquired=out.t_acquired,
            arrays=out.arrays,
            dims=out.dims,
            units=out.units,
            **out.fields,
        )
        if out.to != "recorder":
            self.out.send(message)
        if out.kind is Features:
            self._counts["features"] += 1
            self._window.sent(message.header.seq + 1)
            if not self._lossless:
                time.sleep(_ASIDE_S)
        if out.to != "listeners":
            self._record(message)

    def _record(self, message: Message) -> None:
        if self._records is None:
            return
        if self._brain_allowed or isinstance(message.header, Event):
            self._records.send(message)
        elif isinstance(message.header, Quality):
            self._records.send(_without_regions(message))

    # ---- markers -------------------------------------------------------------------------------

    def _hear_markers(self) -> None:
        heard = []
        for number, inlet in enumerate(self._markers):
            stream = inlet.link.wanted.source_ids[0]
            for marker in inlet.pull(0.0):
                # Pulses come first: they tell the data time of the markers of others.
                if number > 0 and marker.label == self._trigger:
                    self._take.pulse(marker.stamp_s)
                else:
                    heard.append((marker, stream, number == 0))
        for marker, stream, ours in heard:
            self._hear(marker, stream, ours=ours)

    def _hear(self, marker: Marker, stream: str, *, ours: bool) -> None:
        number = marker.more.get("n") if ours else None
        if isinstance(number, int):
            if number < self._next_marker:
                self._counts["duplicates"] += 1
                return
            self._next_marker = number + 1
            self._give_credit(force=self._lossless)
        if marker.more.get("end"):
            self._end = int(marker.more.get("next", 0))
            return
        t_s = self._take.data_time_s(marker)
        if t_s is None:
            self._counts["markers_late"] += 1
            _LOG.warning("marker %r came before any data; it has no time", marker.label)
            return
        labels = self._context.plan.session.source.labels
        label = labels.get(marker.label, marker.label)
        length_s = marker.more.get("duration")
        known_s = float(length_s) if isinstance(length_s, int | float) and length_s >= 0 else None
        event = self._context.message(
            Event,
            t_acquired=marker.stamp_s,
            t_data=t_s,
            label=label,
            stream=stream,
            detail=marker.detail,
            duration_s=known_s,
        )
        self.out.send(event)
        self._record(event)
        self._counts["events"] += 1
        for out in self._take.marker(t_s, label, marker.stamp_s, known_s):
            self._send(out)

    # ---- flow control --------------------------------------------------------------------------

    def _give_credit(self, *, force: bool = False) -> None:
        """Tell the bridge how far this process has come, also again and again for a new bridge."""
        now = self._context.clock.now()
        if self._credits is None or not (force or now - self._credited_s >= _CREDIT_S):
            return
        self._credited_s = now
        reached = {self._take.stream: self._take.next_index, "markers": self._next_marker}
        for stream, count in reached.items():
            self._credits.send(
                self._context.message(
                    Credit, t_acquired=now, stream=stream, count=count, epoch=str(os.getpid())
                )
            )


def _without_regions(message: Message) -> Message:
    """Leave out of quality what regions of the brain did: that is brain data."""
    values = message.header.values
    told = {name: value for name, value in values.items() if region_name(name) is None}
    return Message(msgspec.structs.replace(message.header, values=told), message.arrays)
