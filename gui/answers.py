"""What gate and renderer have answered to the window, in words. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from gui.texts import mark, told, tr

__all__ = ["PAINT", "Answers", "Painted"]

PAINT = "set"
"""The one action that goes to the renderer; all others go to the gate."""
_ASKED = {
    "blank": mark("blank"), "unblank": mark("unblank"), "pause": mark("pause"),
    "resume": mark("resume"), "begin": mark("begin"), "confirm": mark("confirm"),
    "release": mark("release"), "withdraw": mark("withdraw"), "marker": mark("marker"),
}  # fmt: skip


@dataclass(frozen=True)
class Painted:
    """What the renderer has answered: in words, how many times by now, and whether it said yes."""

    words: str = ""
    number: int = 0
    ok: bool = True


class Answers:
    """Follows requests from the blank in this window to the word of who was asked.

    Attributes
    ----------
    blank_here : bool
        True after the operator blanked, until the gate has confirmed the opposite.
    trouble : str
        A request that was refused or not answered; empty after one that was done.
    painting : Painted
        The renderer's newest answer.
    """

    def __init__(self) -> None:
        self.blank_here = False
        self.trouble = ""
        self.painting = Painted()

    def answered(self, action: str, ok: bool, text: str) -> str:
        """Note an answer; pictures return only on the gate's confirmation. Return a log line."""
        if action == PAINT:
            words = told(text) if ok else tr("refused: {text}", text=told(text))
            return tr("renderer: {text}", text=self._painted(words, ok=ok))
        if action == "unblank" and ok:
            self.blank_here = False
        asked = tr(_ASKED.get(action, action))
        refused = tr("the gate refused, {action}: {text}", action=asked, text=told(text))
        self.trouble = "" if ok else refused
        # What was done is what the views say next; the answer itself only repeats them.
        return tr("gate, {action}: done", action=asked) if ok else refused

    def _painted(self, words: str, *, ok: bool) -> str:
        self.painting = Painted(words, self.painting.number + 1, ok)
        return words

    def unanswered(self, action: str) -> str:
        """Note that nobody answered in time; return a log line."""
        if action == PAINT:
            return self._painted(tr("the renderer did not answer"), ok=False)
        self.trouble = tr(
            "the gate did not answer: {action}", action=tr(_ASKED.get(action, action))
        )
        if action == "blank":
            self.trouble += " " + tr("(pictures are off in this window)")
        return self.trouble
