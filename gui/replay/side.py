"""One run at a time of its axis: the recorded picture or words in its place, and what is known."""

from __future__ import annotations

from html import escape

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from gui.palette import DIM
from gui.pictures import PicturePanel
from gui.replay.keyring import Keyring
from gui.replay.recording import Decoded, Painted, Recording
from gui.replay.rights import Rights
from gui.replay.worker import PictureReader
from gui.texts import told, tr
from gui.words import neutral_word
from phosphene.recorder.access import Place

__all__ = ["Side", "named_at"]

SIDE_PX = 256


class Side(QWidget):
    """The picture of one recording, with a caption.

    Parameters
    ----------
    heading : str
        What the picture is.
    """

    def __init__(self, heading: str) -> None:
        super().__init__()
        self._recording: Recording | None = None
        self._rights = Rights.none("")
        self._reader: PictureReader | None = None
        self._wanted: Place | None = None
        self._due = ""
        self.panel = PicturePanel(heading, SIDE_PX, caption_lines=0)
        # A long name of what is compared must not push the picture wider.
        self.panel.heading.setMinimumWidth(1)
        self.facts = QLabel("")
        self.facts.setTextFormat(Qt.TextFormat.RichText)
        self.facts.setWordWrap(True)
        self.facts.setStyleSheet(f"color: {DIM};")
        self.facts.setFixedHeight(46)
        self.facts.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.facts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.panel)
        column.addWidget(self.facts)
        column.addStretch(1)

    @property
    def rights(self) -> Rights:
        """What of the recording may be shown."""
        return self._rights

    def show_recording(
        self, heading: str, recording: Recording, rights: Rights, keyring: Keyring
    ) -> None:
        """Take another recording."""
        self.clear()
        self.panel.heading.setText(heading)
        self.panel.heading.setToolTip(heading)
        self._recording, self._rights = recording, rights
        if not rights.pictures and recording.painted:
            self._reader = PictureReader(keyring.open, recording.parts, rights.level, self)
            self._reader.ready.connect(self._take)

    def clear(self) -> None:
        """Forget the recording, its pictures and its key."""
        if self._reader is not None:
            self._reader.ready.disconnect(self._take)
            self._reader.close()
            self._reader.deleteLater()
        self._reader, self._recording, self._wanted, self._due = None, None, None, ""
        self.panel.show_card("")
        self.facts.setText("")

    def show_at(self, t_s: float, *, playing: bool = False) -> None:
        """Show what was on show at `t_s` seconds.

        While it plays these are the frames as recorded; where it stands still it is the last frame
        of the percept, which earlier ones are on the way to. The caption comes with its picture.
        """
        recording = self._recording
        if recording is None:
            return
        painted = recording.painted_at(t_s)
        words = self._words_in_place(recording, painted, t_s)
        if words or painted is None or self._reader is None:
            self._wanted, self._due = None, ""
            self.panel.show_card(words)
            self._tell(self._facts_of(recording, None, t_s, playing=playing))
            return
        facts = self._facts_of(recording, painted, t_s, playing=playing)
        wanted = painted if playing else recording.settled(painted)
        if wanted.place != self._wanted:
            self._wanted, self._due = wanted.place, facts
            self._reader.ask(wanted.part, wanted.place, wanted.level)
        elif self._due:
            self._due = facts
        else:
            self._tell(facts)

    def _words_in_place(self, recording: Recording, painted: Painted | None, t_s: float) -> str:
        """Say why there is no picture; empty where there is one."""
        if self._rights.pictures:
            return tr("No picture: {why}", why=self._rights.pictures)
        if not recording.painted:
            return tr("No pictures were recorded.")
        spell = recording.blank_at("operator", t_s)
        if spell is not None:
            return tr("Blank: {why}", why=told(spell.reason))
        return tr("No picture was recorded yet.") if painted is None else ""

    def _facts_of(
        self, recording: Recording, painted: Painted | None, t_s: float, *, playing: bool
    ) -> str:
        if self._rights.results:
            return tr("Nothing decoded is shown: {why}", why=self._rights.results)
        percept = named_at(recording, painted, t_s, playing=playing)
        if percept is None:
            return tr("nothing decoded yet") if recording.decoded else tr("nothing decoded")
        name = f"<b>{escape(percept.label)}</b> · " if percept.label else ""
        line = tr("confidence {value}", value=f"<b>{percept.confidence:.2f}</b>")
        if painted is not None and painted.neutral and painted.percept_sent_s >= 0:
            line += " · " + neutral_word(percept.confidence, recording.least)
        times = {"t": f"{percept.t_s:.1f}", "seen": f"{percept.seen_s:.1f}"}
        return f"{name}{line}<br>{tr('from data until {t} s, seen at {seen} s', **times)}"

    def _tell(self, html: str) -> None:
        if self.facts.text() != html:
            self.facts.setText(html)

    def _take(self, place: Place, found: object) -> None:
        if place != self._wanted:
            return
        due, self._due = self._due, ""
        if due:
            self._tell(due)
        if isinstance(found, str):
            self.panel.show_card(tr("This picture cannot be read: {why}", why=told(found)))
        elif isinstance(found, np.ndarray):
            self.panel.show_picture(found)


def named_at(
    recording: Recording, painted: Painted | None, t_s: float, *, playing: bool
) -> Decoded | None:
    """Return the percept that is named below a picture: its own, else the newest at `t_s`."""
    found = None if painted is None else recording.percept_of(painted, playing=playing)
    return recording.decoded_at(t_s) if found is None else found
