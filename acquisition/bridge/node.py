"""The bridge node: pushes a source to LSL, paced by the data's own time or by credits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import zmq

from acquisition.bridge.bell import ThreadBell
from acquisition.bridge.ledger import Ledger
from acquisition.bridge.sources import (
    CHUNK_S,
    MAX_SPEED_CHUNK_S,
    LiveVolumes,
    Replay,
    Source,
    mask_hash_of,
    open_feed,
)
from acquisition.bridge.timeline import ChunkItem, Item, MarkerItem, VolumeItem
from acquisition.lsl.config import configure_lsl
from acquisition.lsl.formats import EegFormat, VolumeFormat
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet, VolumeOutlet
from acquisition.lsl.place import PLACE_FIGURES, place_figures
from acquisition.progress import Progress
from acquisition.sources.recording import OpenOptions, Recording, open_recording, runs_of
from acquisition.streams import lsl_config, stream_names
from phosphene.bus import Puller
from phosphene.errors import NodeError
from phosphene.messages import Command, Credit
from phosphene.node import NodeContext
from phosphene.quality import HEADER

__all__ = ["Bridge", "build"]

T = TypeVar("T")
_PATIENCE_S = 5.0
_OUTSTANDING_VOLUMES = 8
_OUTSTANDING_S = 2.0
_BUSY_S = 0.05
_SETTLE_S = 3.0
_EXACT_S = 0.002


class Bridge:
    """Pushes the items of a source.

    Parameters
    ----------
    context : NodeContext
        The shell.
    source : Source
        What to push.
    progress : Progress
        How far an earlier process of this run has come.
    bell : ThreadBell
        Wakes the node when a live source has something.
    mask_hash : str
        Of the person's mask, for the description of volumes; "" where it is not known.
    """

    def __init__(
        self,
        context: NodeContext,
        source: Source,
        progress: Progress,
        bell: ThreadBell,
        mask_hash: str = "",
    ) -> None:
        plan = context.plan
        self._mask_hash = mask_hash
        self._context, self._source, self._progress, self._bell = context, source, progress, bell
        self._lossless, self._speed = plan.lossless, plan.speed or 1.0
        self._asks = "acquisition" in plan.nodes
        self._live = plan.session.source.live_volumes
        self._names = stream_names(plan)
        self._markers = MarkerOutlet(self._names.markers[0][0])
        self._credits = Puller(context.zmq, context.endpoint("credits"))
        self._data: VolumeOutlet | EegOutlet | None = None
        self._ledger = Ledger({})
        self._stream = "volumes"
        self._affine = np.eye(4)
        self._gone = False
        self._flowing = False
        self._waits_s: float | None = None
        self._ended_s: float | None = None
        self._outstanding: deque[Item] = deque()
        names = ("volumes_pushed", "samples_pushed", "markers_pushed", "repeated", "unacknowledged")
        self._counts = dict.fromkeys(names, 0)

    def _open_outlet(self) -> None:
        """Make the data outlet as soon as the layout of the data is known."""
        layout = None if self._data is not None else self._source.layout()
        if layout is None:
            return
        if isinstance(layout, VolumeFormat):
            layout = replace(layout, figures=(HEADER, *PLACE_FIGURES), mask_hash=self._mask_hash)
            self._affine = layout.affine
        if isinstance(layout, EegFormat):
            self._data, self._stream = EegOutlet(self._names.data[0], layout), "samples"
            limit = max(1, round(_OUTSTANDING_S * layout.fs_hz))
        else:
            self._data, limit = VolumeOutlet(self._names.data[0], layout), _OUTSTANDING_VOLUMES
        self._ledger = Ledger({self._stream: limit, "markers": 64})
        self._ledger.start(self._stream, self._progress.count)

    # ---- what the shell asks -------------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return the sockets of credits and of the live source's bell."""
        return (self._credits.socket, self._bell.socket)

    def due_s(self) -> float | None:
        """Return when the next item is due."""
        item = self._source.peek() if self._flowing else None
        if item is None or not self._may_push(item):
            return None
        return self._due_of(item)

    def counts(self) -> Mapping[str, int]:
        """Return what was pushed, refused and lost."""
        return {**self._counts, **self._source.counts()}

    def done(self) -> bool:
        """Return True when everything was pushed and, where credits are given, consumed."""
        if not self._flowing or not self._source.ended():
            return False
        now = self._context.clock.now()
        self._ended_s = now if self._ended_s is None else self._ended_s
        patient = self._lossless or now - self._ended_s < _SETTLE_S
        return not (self._asks and patient) or self._ledger.settled()

    def command(self, command: Command) -> str:
        """Obey ``go``: begin to push."""
        if command.action != "go":
            raise NodeError(f"command {command.action!r} unknown; allowed: go, stop")
        self._gone = True
        return "the source flows as soon as it is listened to"

    def close(self) -> None:
        """Close source, outlets and sockets."""
        self._source.close()
        for outlet in (self._data, self._markers):
            if outlet is not None:
                outlet.close()
        self._progress.close()
        self._credits.close()
        self._bell.close()

    # ---- pushing -------------------------------------------------------------------------------

    def step(self) -> None:
        """Take in credits, then push what is due, for a bounded time."""
        self._hear()
        self._open_outlet()
        self._begin()
        clock = self._context.clock
        until_s = clock.now() + _BUSY_S
        while self._flowing and (item := self._source.peek()) is not None:
            if not self._may_push(item):
                break
            due_s = self._due_of(item)
            if due_s - clock.now() > _EXACT_S or clock.now() > until_s:
                break
            clock.wait_until(due_s)
            self._push(self._source.take())
            self._hear()

    def _hear(self) -> None:
        self._bell.hush()
        for message in self._credits.receive():
            if isinstance(message.header, Credit):
                held = message.header
                self._ledger.credit(held.stream, held.count, held.epoch)
        if self._flowing:
            self._settle()
        for complaint in self._source.complaints():
            self._context.tell(complaint)

    def _settle(self) -> None:
        """Forget what was consumed; what a fallen consumer took with it is pushed again.

        At real time nothing is repeated: what is late helps nobody, so it is only counted.
        """
        changed = self._ledger.changed()
        if not self._lossless:
            if changed:
                self._counts["unacknowledged"] += self._ledger.write_off()
            return
        waiting = self._outstanding
        while waiting and self._reach(waiting[0])[1] <= self._ledger.credited(
            self._reach(waiting[0])[0]
        ):
            waiting.popleft()
        self._keep(self._ledger.credited(self._stream))
        if changed:
            self._counts["repeated"] += len(waiting)
            for item in waiting:
                self._send(item)

    def _reach(self, item: Item) -> tuple[str, int]:
        """Return an item's stream, and the count that a credit for it has at least."""
        if isinstance(item, MarkerItem):
            return "markers", item.number + 1
        if isinstance(item, VolumeItem):
            return self._stream, item.volume.index + 1
        return self._stream, item.first_index + len(item.samples)

    def _begin(self) -> None:
        """Start the clock of the run once somebody listens; nothing pushed before would arrive."""
        if self._flowing or not self._gone or self._data is None:
            return
        heard = {
            "to the data": self._data.has_reader(),
            "to the markers": self._markers.has_reader(),
            "and answer": self._ledger.known or not self._asks,
        }
        missing = [what for what, there in heard.items() if not there]
        if missing:
            now_s = self._context.clock.now()
            self._waits_s = now_s if self._waits_s is None else self._waits_s
            if now_s - self._waits_s < _PATIENCE_S:
                return  # it takes a moment at every start
            self._context.note = f"waiting for acquisition to listen {', '.join(missing)}"
            return
        self._context.note = ""
        self._flowing = True
        if self._progress.t0_s is None:
            self._progress.store(0, self._context.clock.now())

    def _due_of(self, item: Item) -> float:
        if self._lossless or self._live:
            return 0.0
        return (self._progress.t0_s or 0.0) + item.t_s / self._speed

    def _may_push(self, item: Item) -> bool:
        if not (self._lossless and self._asks):
            return True
        if isinstance(item, MarkerItem):
            return self._ledger.room("markers")
        return self._ledger.room(self._stream) and self._ledger.settled("markers")

    def _push(self, item: Item) -> None:
        self._send(item)
        stream, reached = self._reach(item)
        self._ledger.push(stream, reached)
        many = len(item.samples) if isinstance(item, ChunkItem) else 1
        self._counts[f"{stream}_pushed"] += many
        if self._lossless:
            self._outstanding.append(item)
        elif stream == self._stream:
            self._keep(reached)

    def _send(self, item: Item) -> None:
        if isinstance(item, MarkerItem):
            self._markers.push(item.t_s, item.label, n=item.number, **item.more)
        elif isinstance(item, VolumeItem) and isinstance(self._data, VolumeOutlet):
            volume = item.volume
            known = {} if volume.header_s is None else {HEADER: volume.header_s}
            known |= place_figures(volume.affine, self._affine)
            self._data.push(volume.data, volume.index, volume.arrived_s, known)
        elif isinstance(item, ChunkItem) and isinstance(self._data, EegOutlet):
            self._data.push(item.samples, item.first_index)
        else:
            raise NodeError(f"{type(item).__name__} does not fit the stream of {self._stream}")

    def _keep(self, reached: int) -> None:
        if reached != self._progress.count:
            self._progress.store(reached, self._progress.t0_s or 0.0)


# ---- building ----------------------------------------------------------------------------------


def _while_beating(context: NodeContext, work: Callable[[], T]) -> T:
    """Do slow work (reading a large file) in a thread while the node goes on beating."""
    result: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, name="loading")
    thread.start()
    while thread.is_alive():
        context.beat({})
        thread.join(0.05)
    if failure:
        raise failure[0]
    return result[0]


def _load(context: NodeContext) -> Recording:
    plan = context.plan
    source = plan.session.source
    options = OpenOptions(
        labels=source.labels,
        tr_s=plan.session.acquisition.fmri.tr_s,
        events=source.events,
        echo=source.echo,
    )
    path = source.path or Path()
    run = source.run
    if run is None and plan.session.decoder.bundle is None:
        # Without a decoder nothing depends on which run it is; with one, it has to be chosen.
        runs = runs_of(path)
        if len(runs) > 1:
            run = runs[0]
            context.tell(f"the first of {len(runs)} runs is replayed; --run chooses another one")
    recording = open_recording(path, run, options)
    if recording.modality != plan.session.modality:
        raise NodeError(
            f"{source.path} holds {recording.modality}, the session is {plan.session.modality}"
        )
    return recording


def build(context: NodeContext) -> Bridge:
    """Open the source and offer its streams.

    Raises
    ------
    InputError
        If the source cannot be opened.
    NodeError
        If it does not fit the session.
    """
    configure_lsl(lsl_config(context.plan, sends=True))
    with ExitStack() as undo:
        progress = undo.enter_context(Progress(context.folder.path / "bridge.progress"))
        bell = undo.enter_context(closing(ThreadBell(context.zmq)))
        source = undo.enter_context(closing(_source(context, progress, bell)))
        mask_hash = _while_beating(context, lambda: mask_hash_of(context.plan))
        bridge = Bridge(context, source, progress, bell, mask_hash)
        undo.pop_all()  # from here on the bridge closes them
    return bridge


def _source(context: NodeContext, progress: Progress, bell: ThreadBell) -> Source:
    plan = context.plan
    if plan.session.source.live_volumes:
        run_folder = context.folder.path
        feed = open_feed(plan, progress.count, run_folder, context.clock, bell.ring)
        return LiveVolumes(plan, progress.count, feed, run_folder / "bridge.layout")
    recording = _while_beating(context, lambda: _load(context))
    chunk_s = MAX_SPEED_CHUNK_S if plan.lossless else CHUNK_S
    return Replay(recording, progress.count, chunk_s)
