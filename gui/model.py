"""Everything the window shows, fed by the receiving thread and read by the window. No Qt.

One lock guards it; both sides hold it only for copying, never while they draw or wait.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from gui.answers import Answers, Painted
from gui.block_begin import BlockBegin
from gui.curves import Curves, Plotted
from gui.eeg.stream import StreamFacts, stream_facts
from gui.facts import BLANKED_HERE, Board, Flow, Pictures
from gui.known import Known
from gui.notes import why_words
from gui.pace import PaceWatch
from gui.peers import Peers
from gui.plan_facts import is_blind, is_recorded, source_name, viewer_of
from gui.recording_lamp import DiskWatch, Recorded
from gui.scanner import Scan, scan_facts
from gui.seen import Seen, Timeline
from gui.texts import mark, told, tr
from gui.viewers.state import ViewerState
from phosphene.consent import Scope
from phosphene.messages import (
    Beat,
    Event,
    Features,
    Feedback,
    Frame,
    Grant,
    Message,
    Percept,
    Quality,
    Signal,
    View,
    topic_of,
)
from phosphene.plan import Plan
from phosphene.sink import Showing, SinkState
from phosphene.sink.node import total_counts
from phosphene.sink.state import FRESH_S

if TYPE_CHECKING:
    from gui.eeg.board import EegBoard

__all__ = ["MOST_LOG_LINES", "RunModel"]

GRANT_FRESH_S = 1.0
MOST_LOG_LINES = 500
FORGET_S = 10.0
"""What the newest seconds have shown is forgotten when the participant stops."""
FEEDBACK_FRESH_S = 3.0
MARKERS = "gate"
"""Events of this producer are the operator's markers: nothing that was shown."""
_VIEWS = {"operator": mark("operator's"), "self": mark("participant's")}
_T = TypeVar("_T")


class RunModel:
    """State of the run as the window knows it.

    Parameters
    ----------
    plan : Plan
        The run.
    """

    def __init__(self, plan: Plan) -> None:
        self._lock = threading.Lock()
        self._sinks = {name: SinkState(name) for name in ("operator", "self")}
        fmri = plan.session.acquisition.fmri
        self._curves = Curves(plan.session.modality, (fmri.fd_low_mm, fmri.fd_high_mm))
        self._peers = Peers([name for name in plan.nodes if name != "gui"])
        self._paced, self._speed = plan.mode == "live" or plan.speed == 1.0, plan.speed or 1.0
        self._begin = BlockBegin(paced=plan.speed is not None)
        self._known = Known()
        self._shown_once = False
        self._recorded = is_recorded(plan)
        self._disk = DiskWatch()
        self._pace = PaceWatch(volumes=plan.session.modality == "fmri")
        self._views: dict[str, View] = {}
        self._feedback: Feedback | None = None
        self._blind, self._viewer = is_blind(plan), viewer_of(plan)
        self._eeg = _eeg_board() if plan.session.modality == "eeg" else None
        self._truth = Timeline()
        self._grant: Grant | None = None
        self._features: Features | None = None
        self._flows: dict[str, Flow] = {}
        self._log: deque[str] = deque(maxlen=MOST_LOG_LINES)
        self._passing: dict[str, bool] = {}
        self._decode_words: str | None = None
        self._answers = Answers()
        self._fault = ""
        self._source = source_name(plan)
        self._samples = 0
        self._since_s: float | None = None
        self._samples_s: float | None = None

    # ---- written by the receiving thread -------------------------------------------------------

    def take(self, messages: Iterable[tuple[str, Message]], now_s: float) -> int:
        """Take in messages with the name of the socket each came from; return how many."""
        count = 0
        with self._lock:
            for source, message in messages:
                self._take_one(source, message, now_s)
                count += 1
        return count

    def _take_one(self, source: str, message: Message, now_s: float) -> None:
        header = message.header
        self._known.take(message)
        if source == "view-self":
            self._viewer.take(message)
        else:
            kind = topic_of(header).decode()
            self._flows[kind] = Flow(self._flows.get(kind, Flow()).messages + 1, header.t_sent)
        if isinstance(header, (Features, Quality)):
            self._peers.begin(header.t_sent)
        if isinstance(header, Frame):
            self._take_frame(source, header, message, now_s)
        elif isinstance(header, View):
            self._take_view(source, header, now_s)
        elif isinstance(header, Features):
            self._features = header
            self._curves.on_features(header, message.arrays.get("x"))
        elif isinstance(header, Quality):
            self._curves.on_quality(header)
            if self._eeg is not None:
                self._eeg.on_quality(header)
        elif isinstance(header, Percept):
            self._curves.on_percept(header)
        elif isinstance(header, Event):
            self._take_event(header)
        elif isinstance(header, Signal):
            self._samples_s = now_s
            if self._eeg is not None:
                self._eeg.on_signal(message)
        elif isinstance(header, Feedback) and source == "view-operator":
            self._feedback = header
        elif isinstance(header, Beat):
            self._take_beat(header)
            self._note_samples(now_s)
        elif isinstance(header, Grant):
            self._take_grant(header)

    def _take_event(self, header: Event) -> None:
        if header.producer == MARKERS:
            words = tr("marker at {time} s: {text}", time=f"{header.t_data:.1f}", text=header.label)
            self._log.append(words)
            return
        self._truth.add(header)
        self._curves.on_event()
        if self._eeg is not None:
            self._eeg.on_event(header)

    def _take_frame(self, source: str, header: Frame, message: Message, now_s: float) -> None:
        sink = self._sinks[source.removeprefix("view-")]
        sink.on_frame(header, message.arrays["picture"], now_s)
        if source == "view-operator" and not self._begin.is_before(header):
            self._curves.on_frame(header, self._known.percepts.get(header.percept_seq))

    def _take_view(self, source: str, header: View, now_s: float) -> None:
        sink = self._sinks[source.removeprefix("view-")]
        # A silence that this view ends is told first.
        self._note_passing(sink, now_s)
        before = self._views.get(sink.name)
        self._views[sink.name] = header
        if header.phase == "stopped" and (before is None or before.phase != "stopped"):
            self._forget()
        sink.on_view(header)
        self._note_passing(sink, now_s)
        if source == "view-operator":
            self._begin.on_view(header)
            self._feedback = self._feedback if header.feedback else None
            if not header.passing:
                self._curves.pause()

    def _forget(self, seconds: float = FORGET_S) -> None:
        """Drop what the newest seconds have told of the person: the participant has stopped."""
        self._known.percepts.clear()
        self._feedback = None
        self._curves.forget(seconds)
        if self._eeg is not None:
            self._eeg = _eeg_board()

    def _forget_all(self) -> None:
        """Drop all that was told of the person's brain: the operator may not know it any more."""
        self._forget(math.inf)
        self._known = Known()

    def _note_passing(self, sink: SinkState, now_s: float) -> None:
        """Log when a view turns blank or comes back, a silent gate included."""
        showing = sink.showing(now_s)
        if showing.passing != self._passing.get(sink.name):
            self._passing[sink.name] = showing.passing
            self._shown_once |= showing.passing and sink.name == "operator"
            words = tr("frames pass")
            if not showing.passing:
                words = tr("blank: {reason}", reason=told(showing.reason))
            self._log.append(tr("{view} view: {words}", view=tr(_VIEWS[sink.name]), words=words))

    def _take_beat(self, header: Beat) -> None:
        if header.producer != "gui":  # a window tells itself nothing
            self._log.extend(self._peers.on_beat(header))

    def _note_samples(self, now_s: float) -> None:
        """Note when the count of samples has grown, whether or not they are shown here."""
        if self._since_s is None and self._peers.works("acquisition"):
            self._since_s = now_s
        samples = self._peers.count("acquisition", "samples")
        if samples > self._samples:
            self._samples, self._samples_s = samples, now_s

    def _take_grant(self, header: Grant) -> None:
        self._grant = header
        if self._known.anything and Scope.VIEW_OPERATOR.value not in header.scopes:
            # Asked at each grant: what was under way on the other socket may have come since.
            self._forget_all()
        words = tr("decoding is allowed")
        if not header.decode:
            words = tr("no decoding: {reason}", reason=why_words(header.reason))
        if words != self._decode_words:
            self._decode_words = words
            self._log.append(words)

    def answered(self, action: str, ok: bool, text: str) -> None:
        """Note an answer to a request."""
        with self._lock:
            self._log.append(self._answers.answered(action, ok, text))

    def unanswered(self, action: str) -> None:
        """Note that a request was not answered in time."""
        with self._lock:
            self._log.append(self._answers.unanswered(action))

    def fail(self, fault: str) -> None:
        """Note what ended the receiving thread."""
        with self._lock:
            self._fault = fault

    # ---- written by the window -----------------------------------------------------------------

    def blank(self) -> None:
        """Take every picture away here at once, whatever the gate does."""
        with self._lock:
            self._answers.blank_here = True

    def acknowledge(self) -> None:
        """Note that the operator has seen what the nodes have to tell."""
        with self._lock:
            self._peers.acknowledge()

    def say(self, line: str) -> None:
        """Add a line to the log."""
        with self._lock:
            self._log.append(line)

    # ---- read by the window --------------------------------------------------------------------

    @property
    def fault(self) -> str:
        """What ended the receiving thread; empty while it runs."""
        with self._lock:
            return self._fault

    def pictures(self, now_s: float) -> Pictures:
        """Return what the picture panels show at `now_s` (LSL clock, seconds)."""
        with self._lock:
            operator, participant = self._showing("operator", now_s), self._showing("self", now_s)
            frame = operator.frame
            percept = None if frame is None else self._known.percepts.get(frame.percept_seq)
            if percept is None and operator.frame is None and self._known.percepts:
                percept = next(reversed(self._known.percepts.values()))
            seen = Seen("unknown") if percept is None else self._truth.at(percept.t_seen)
            viewer = self._viewer.state(participant, now_s)
            if self._answers.blank_here:
                viewer = ViewerState(recording=viewer.recording)
            return Pictures(operator, participant, percept, seen, viewer, self._sealed(now_s))

    def _sealed(self, now_s: float) -> bool:
        """Tell whether the participant gets feedback that the operator may not know."""
        given = {k: v.feedback and not _silent(v, now_s) for k, v in self._views.items()}
        return self._blind or (given.get("self", False) and not given.get("operator", False))

    def board(self, now_s: float) -> Board:
        """Return the facts for strip, alarms and status line at `now_s` (seconds)."""
        with self._lock:
            for sink in self._sinks.values():
                self._note_passing(sink, now_s)
            grant = self._grant
            if grant is not None and now_s - grant.t_sent > GRANT_FRESH_S:
                grant = None
            view, operator = self._views.get("operator"), self._showing("operator", now_s)
            return Board(
                scopes=None if grant is None else grant.scopes,
                decode_reason="" if grant is None or grant.decode else grant.reason,
                operator=operator,
                participant=self._showing("self", now_s),
                features=self._features,
                step_s=None if (step_s := self._curves.step_s()) is None else step_s / self._speed,
                fd_mm=self._curves.fd_mm(),
                flows=dict(self._flows),
                blank_here=self._answers.blank_here,
                trouble=self._answers.trouble,
                fd_limits_mm=self._curves.fd_limits_mm(),
                scan=self._scan(),
                peers=tuple(self._peers.peers(now_s)),
                shown_once=self._shown_once,
                paced=self._paced,
                source=self._source,
                samples_s=self._samples_s,
                since_s=self._since_s,
                phase="" if view is None or _silent(view, now_s) else view.phase,
                recorded=self._disk.of(self._peers, now_s) if self._recorded else Recorded(),
                pace=self._pace.look(
                    self._curves, operator, self._known.percepts, self._truth, now_s
                ),
                feedback=self._fresh_feedback(now_s),
                feedback_passes=any(
                    v.feedback and not _silent(v, now_s) for v in self._views.values()
                ),
                held=self._peers.newest("gate", "frames_held") or 0,
            )

    def _fresh_feedback(self, now_s: float) -> Feedback | None:
        found = self._feedback
        fresh_s = max(FEEDBACK_FRESH_S, 2 * (self._curves.step_s() or 0.0))
        return found if found is not None and now_s - found.t_sent < fresh_s else None

    @property
    def painting(self) -> Painted:
        """The renderer's newest answer."""
        with self._lock:
            return self._answers.painting

    def plotted(self) -> Plotted:
        """Return copies of all curves."""
        with self._lock:
            return self._curves.plotted(self._truth)

    def _scan(self) -> Scan:
        taken = None if self._features is None else self._features.index + 1
        return scan_facts(self._curves.newest, taken, self._peers)

    def newest_map(self) -> Message | None:
        """Return the newest map of where the brain follows the conditions, or None."""
        with self._lock:
            return self._known.map

    def regions(self) -> Message | None:
        """Return where the regions lie, or None."""
        with self._lock:
            return self._known.regions

    def eeg(self, read: Callable[[EegBoard], _T]) -> _T | None:
        """Return what `read` copies from the EEG, None in a run without."""
        with self._lock:
            return None if self._eeg is None else read(self._eeg)

    def stream(self, *, ended: bool) -> StreamFacts:
        """Return how the EEG stream is."""
        with self._lock:
            return stream_facts(self._peers, ended=ended)

    def log_lines(self) -> list[str]:
        """Return the log lines that have come since the last call."""
        with self._lock:
            lines = list(self._log)
            self._log.clear()
            return lines

    def counts(self) -> dict[str, int]:
        """Return the counters of both sinks (see `phosphene.sink`)."""
        with self._lock:
            return total_counts(list(self._sinks.values()))

    def _showing(self, name: str, now_s: float) -> Showing:
        showing = self._sinks[name].showing(now_s)
        if self._answers.blank_here:
            return Showing(None, None, False, BLANKED_HERE, None)
        return self._begin.own(showing) if name == "operator" else showing


def _silent(view: View, now_s: float) -> bool:
    return now_s - view.t_sent > FRESH_S


def _eeg_board() -> EegBoard:
    """Make the board of the EEG views; fMRI runs do without SciPy's slow import."""
    from gui.eeg.board import EegBoard

    return EegBoard()
