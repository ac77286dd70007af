"""What the page after a run has going on: one task or one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QWidget

from gui.replay.keyring import Keyring
from gui.replay.runs import Child, Children
from gui.replay.worker import Task
from gui.summary.frame import SummaryFrame
from gui.texts import told

__all__ = ["SummaryWork"]


class SummaryWork(SummaryFrame):
    """The page's widgets, and what runs beside them.

    Parameters
    ----------
    parent : QWidget or None
        Where it stands.
    do : mapping of str to Callable
        What the buttons do, by their names.
    """

    def __init__(self, parent: QWidget | None, do: Mapping[str, Callable[[], object]]) -> None:
        super().__init__(parent, do)
        self._task: Task | None = None
        self._children: Children | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing goes on."""
        return self._task is None and self._children is None

    def _enable(self) -> None:
        """Enable the buttons that can do something now."""
        raise NotImplementedError

    def show_again(self) -> None:
        """Read the run once more, keeping what was told."""
        raise NotImplementedError

    def _tell(self, words: str) -> None:
        self.told.setText(words)
        self.told.setVisible(bool(words))

    def _work(self, work: Callable[..., object], take: Callable[..., object]) -> None:
        self._idle()
        task = Task(work, self)
        task.progressed.connect(lambda share: self.bar.setValue(round(1000 * share)))
        task.succeeded.connect(take)
        task.failed.connect(self._failed)
        self._task = task
        self.bar.setRange(0, 1000)
        self.bar.setValue(0)
        self.bar.show()
        self._enable()
        task.start()

    def _run(self, words: str, command: list[str]) -> None:
        self._idle()
        self._children = Children([Child(words, command)], Keyring().lend([]), self)
        self._children.succeeded.connect(self._ran)
        self._children.failed.connect(self._failed)
        self.bar.setRange(0, 0)
        self.bar.show()
        self._tell(words)
        self._enable()
        self._children.start()

    def _ran(self, said: str) -> None:
        self._idle()
        self._tell(told(said))
        self.show_again()

    def _failed(self, words: str) -> None:
        self._idle()
        self._tell(told(words))

    def _idle(self) -> None:
        """Forget the task or the process, whether or not it has ended."""
        if self._task is not None:
            self._task.drop()
        if self._children is not None:
            self._children.stop()
        self._task, self._children = None, None
        self.bar.hide()
        self._enable()
