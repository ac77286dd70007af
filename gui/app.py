"""The node's shell inside Qt's event loop.

Beats leave from the window's own thread, so a frozen window stops beating and the gate blanks.
"""

from __future__ import annotations

import sys
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import zmq
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from gui.answers import PAINT
from gui.facts import BLANKED_HERE
from gui.language import speak
from gui.model import RunModel
from gui.palette import apply
from gui.receiver import Receiver
from gui.shot import Shot, noted
from gui.texts import told, tr
from gui.viewers.stop_key import StopKey
from gui.window import OperatorWindow
from phosphene.errors import NodeError
from phosphene.messages import Command, Message
from phosphene.node import NodeContext, farewell, work

__all__ = ["GuiNode", "GuiOptions", "Turns", "run"]

TURN_MS = 50
STOP_NOTE = "stop requested by operator"


@dataclass(frozen=True)
class GuiOptions:
    """Options of the command line.

    Attributes
    ----------
    participant_screen : str or None
        Name of the participant's screen.
    observer_screen : str or None
        Name of the observers' screen; None for an ordinary window.
    screenshot : Path or None
        File for a picture of the window.
    after_s : float
        When it is taken, in seconds after the start.
    after_picture_s : float or None
        When it is taken, in seconds after the first decoded picture; wins over `after_s`.
    """

    participant_screen: str | None = None
    observer_screen: str | None = None
    screenshot: Path | None = None
    after_s: float = 5.0
    after_picture_s: float | None = None


class GuiNode:
    """The operator's window as a node.

    Parameters
    ----------
    context : NodeContext
        Plan, clock and sockets.
    options : GuiOptions
        Options of the command line.
    """

    def __init__(self, context: NodeContext, options: GuiOptions) -> None:
        self._context = context
        self._ended = self._stop_asked = self._closed = False
        self.model = RunModel(context.plan)
        self.receiver = Receiver(context, self.model)
        self._stop_key = StopKey(context)
        self.window = OperatorWindow(
            context.plan,
            self.model,
            context.clock,
            self.ask,
            self._ask_stop,
            options.participant_screen,
            paint=self.paint,
            press=self._stop_key.press,
            observer_screen=options.observer_screen,
        )
        self.receiver.changed.connect(self._changed)
        self.receiver.start()

    def _changed(self) -> None:
        if self._closed:  # a signal that was on its way
            return
        self.receiver.seen()
        self.window.paint_soon()

    def ask(self, action: str, arguments: Mapping[str, str] | None = None) -> None:
        """Send a command to the gate without waiting."""
        given = {"reason": BLANKED_HERE} if action == "blank" else {}
        self.receiver.ask(self._command(action, {**given, **(arguments or {})}))

    def paint(self, settings: Mapping[str, str]) -> None:
        """Ask the renderer to paint otherwise, without waiting."""
        self.receiver.ask(self._command(PAINT, settings))

    def _command(self, action: str, arguments: Mapping[str, str]) -> Message:
        return self._context.message(
            Command,
            t_acquired=self._context.clock.now(),
            id=uuid.uuid4().hex,
            action=action,
            arguments=dict(arguments),
        )

    def _ask_stop(self) -> None:
        self._stop_asked = True

    # ---- what the shell asks for ----------------------------------------------------------------

    def sockets(self) -> Sequence[zmq.Socket[bytes]]:
        """Return nothing: the receiving thread has the sockets."""
        return []

    def due_s(self) -> float | None:
        """Return None: Qt's timers keep the time."""
        return None

    def step(self) -> None:
        """Keep window and beat in step with the run.

        Raises
        ------
        NodeError
            If the receiving thread has failed.
        """
        if fault := self.model.fault:
            raise NodeError(fault)
        context = self._context
        if self._stop_asked:
            context.state, context.note = "done", STOP_NOTE
        going = context.state in ("running", "done")
        self.window.tell_phase(going, self._ended or self._stop_asked)
        self.window.look_again()

    def decoded(self) -> bool:
        """Tell whether the operator's view shows a decoded picture, not a neutral frame."""
        frame = self.model.pictures(self._context.clock.now()).operator.frame
        return frame is not None and frame.state == "picture"

    def counts(self) -> Mapping[str, int]:
        """Return the counters of both sinks."""
        return self.model.counts()

    def done(self) -> bool:
        """Return False: the window watches until it is told to stop."""
        return False

    def command(self, command: Command) -> str:
        """Obey ``go``, ``status`` and ``ended`` (arguments status and reason)."""
        if command.action == "ended":
            self._ended = True
            how = ", ".join(map(told, command.arguments.values()))
            self.model.say(tr("run ended: {how}", how=how))
        elif command.action not in ("go", "status"):
            raise NodeError(
                f"gui: unknown command {command.action!r}; known: go, status, ended, stop"
            )
        return f"window is {self.window.state()}"

    def close(self) -> None:
        """Close window and thread."""
        self._closed = True
        self.receiver.halt()
        self.window.shut()
        self._stop_key.close()


class Turns:
    """Runs the shell's round from a timer and keeps the error that ends it.

    Parameters
    ----------
    context : NodeContext
        The node's shell.
    node : GuiNode
        What works.
    shown : Callable
        Says whether the window is still there; one that is gone ends the node.
    leave : Callable
        Called once, when the node has to end.
    """

    def __init__(
        self,
        context: NodeContext,
        node: GuiNode,
        shown: Callable[[], bool],
        leave: Callable[[], None],
    ) -> None:
        self._context, self._node = context, node
        self._shown, self._leaves = shown, leave
        self.error: Exception | None = None
        self.timer = QTimer()
        self.timer.timeout.connect(self.turn)
        self.timer.start(TURN_MS)

    def turn(self) -> None:
        """Beat and work; leave where that has come to its end."""
        try:
            going = self._context.beat(self._node.counts())
            work(self._context, self._node)
        except Exception as error:
            self.fail(error)
            return
        if not going or not self._shown():
            self.leave()

    def leave(self) -> None:
        """End the node; the second time nothing happens."""
        if self.timer.isActive():
            self.timer.stop()
            self._leaves()

    def fail(self, error: Exception) -> None:
        """End the node because of an error."""
        self.error = self.error or error
        self.leave()

    def excepthook(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """End the node on an error in any slot: a window that limps on would not be noticed."""
        traceback.print_exception(kind, error, trace)
        self.fail(error if isinstance(error, Exception) else NodeError(repr(error)))


def run(context: NodeContext, options: GuiOptions) -> int:
    """Show the window until the run is over.

    Parameters
    ----------
    context : NodeContext
        From `phosphene.node.prepare`.
    options : GuiOptions
        Options of the command line.

    Returns
    -------
    int
        Exit status.
    """
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(["phosphene"])
    app.setQuitOnLastWindowClosed(False)
    apply(app)
    if english := speak(None):
        context.tell(english)
    context.beat({}, force=True)
    node = GuiNode(context, options)
    node.window.show()
    context.state = "ready"
    # Not quit(): that asks the windows first, and ours refuses to close during a run.
    turns = Turns(context, node, node.window.isVisible, app.exit)
    previous, sys.excepthook = sys.excepthook, turns.excepthook
    if options.screenshot is not None:
        shot = Shot(
            node.window, options.screenshot, node.decoded, lambda: noted(context.plan), context.tell
        )
        if options.after_picture_s is None:
            shot.after(options.after_s)
        else:
            shot.after_picture(options.after_picture_s)
    try:
        app.exec()
    finally:
        sys.excepthook = previous
        node.close()
        status = farewell(context, node.counts(), turns.error)
        context.close()
    return status
