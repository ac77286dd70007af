from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from gui.alarms import Alarm
from gui.eeg.panel import EegPanel
from gui.eeg.stream import stream_facts
from gui.eeg.stream_line import stream_html, stream_tallies_html
from gui.eeg_views import traces_hint
from gui.model import RunModel
from gui.peers import Peers
from gui.window import OperatorWindow
from phosphene.clock import FakeClock
from phosphene.consent import Consent
from phosphene.eeg_flags import ChannelFlag
from phosphene.messages import Beat, Event, Message, Percept, Signal
from phosphene.plan import Plan
from phosphene.session import Session

FS_HZ = 100.0
FOCUS_BY_CLICK = Qt.FocusPolicy.ClickFocus
PLAN = Plan(
    run="r1", mode="replay", nodes=("acquisition", "gui"), folder=Path("/"),
    session=Session.model_validate(
        {"person": "p01", "modality": "eeg", "source": {"kind": "recording", "path": "x"}}
    ),
)  # fmt: skip


def stamped(kind: type, seq: int, **fields: Any) -> Any:
    return kind(
        run="r1", seq=seq, t_acquired=0.0, t_sent=100.0, producer="acquisition", **fields
    )  # fmt: skip


def beat(*sentences: str, note: str = "", **counts: int) -> tuple[str, Message]:
    header = stamped(
        Beat, 0, pid=1, state="running", counts=counts, note=note, sentences=sentences
    )  # fmt: skip
    return "grants", Message(header)


class Bench:
    """A window with an EEG model and a clock that stands still."""

    def __init__(self, n: int) -> None:
        self.names = tuple(f"E{k + 1}" for k in range(n))
        self.clock, self.model, self.at = FakeClock(100.0), RunModel(PLAN), 0
        self.window = OperatorWindow(PLAN, self.model, self.clock, print, lambda: None)
        self.window.tell_phase(going=True, ended=False)
        assert self.window.side.eeg is not None
        self.panel: EegPanel = self.window.side.eeg.eeg
        self.panel.timer.stop()

    def feed(self, seconds: float, flags: tuple[int, ...] = ()) -> None:
        rng = np.random.default_rng(self.at)
        rows = rng.normal(0, 10, (round(seconds * FS_HZ), len(self.names))).astype(np.float32)
        header = stamped(
            Signal, self.at, stream="amp", first_index=self.at, fs_hz=FS_HZ,
            t_data=self.at / FS_HZ, channels=self.names, flags=flags, notch_hz=(20.0,), step_s=0.6,
        )  # fmt: skip
        now_s = self.clock.now()
        self.model.take([("acquisition", Message(header, {"signal": rows}))], now_s)
        self.at += len(rows)

    def mark(self, t_s: float, label: str, seq: int) -> None:
        header = stamped(Event, seq, t_data=t_s, label=label, stream="phosphene-r1-markers")
        self.model.take([("acquisition", Message(header))], 100.0)

    def tick(self, later_s: float = 1.0) -> None:
        self.clock.advance(later_s)
        self.panel.tick()
        QApplication.processEvents()


@pytest.fixture
def bench(qtbot: QtBot, request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(getattr(request, "param", 4))
    made.window.show()
    QApplication.processEvents()
    yield made
    made.window.shut()
    assert not [t for t in made.window.findChildren(QTimer) if t.isActive()]
    made.window.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_traces_are_repainted_at_most_twenty_times_a_second(bench: Bench) -> None:
    bench.feed(1.0)
    bench.tick()
    before = bench.panel.view.repaints
    for _ in range(200):
        bench.feed(0.01)
        bench.tick(0.005)
    assert 15 <= bench.panel.view.repaints - before <= 20, "one second went by"
    bench.tick(0.1)
    still = bench.panel.view.repaints
    for _ in range(20):
        bench.tick(0.1)
    assert bench.panel.view.repaints == still, "nothing new, nothing drawn"


def test_traces_epochs_markers_and_quality_are_shown(bench: Bench) -> None:
    bench.feed(1.0)
    for k in range(6):
        bench.mark(1.0 + k, ("face", "house")[k % 2], k)
    bench.feed(7.0, (0, int(ChannelFlag.FLAT), 0, 0))
    bench.tick()
    bench.window.refresh_board()
    panel = bench.panel
    assert "face&nbsp;3" in panel.average.counts.text()
    assert "house&nbsp;3" in panel.average.counts.text()
    assert "E1" in panel.average.heading.text()
    assert panel.markers.list.toPlainText().splitlines()[:2] == [
        "from markers",
        "    6.000 s  house",
    ]
    assert panel.quality.text() == "● 3 good   ▬ flat: E2"
    assert panel.view.uv_per_row > 0
    line, _ = panel.spectrum._notches[0]
    assert line.value() == 20.0
    assert bench.window.side.eeg is not None
    assert "100 Hz" in bench.window.side.eeg.line.facts.text()
    image = panel.view.grab().toImage()
    area = panel.view.area()
    colours = {
        image.pixelColor(x, area.top() + area.height() // 8).name()
        for x in range(area.right() - 100, area.right() - 20)
    }
    assert "#ffffff" in colours, "the chosen channel is drawn bright"


@pytest.mark.parametrize("bench", [64], indirect=True)
def test_many_channels_come_in_pages_or_all_at_once(bench: Bench, qtbot: QtBot) -> None:
    bench.feed(3.0)
    bench.tick()
    panel, view = bench.panel, bench.panel.view
    first = len(view._page)
    assert 8 <= first < 64
    assert view.area().height() / first >= 14, "rows that can be read"
    buttons = {b.toolTip(): b for b in panel.tools.findChildren(QToolButton)}
    qtbot.mouseClick(buttons["Channels after these"], Qt.MouseButton.LeftButton)
    bench.tick()
    assert view._page[0] == first
    place = view.area().topLeft() + QPoint(20, round(2.5 * view.area().height() / first))
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place)
    bench.tick()
    assert f"E{first + 3}" in panel.average.heading.text()
    qtbot.mouseClick(panel.tools.all, Qt.MouseButton.LeftButton)
    bench.tick()
    assert len(view._page) == 64
    held = view.uv_per_row
    qtbot.mouseClick(buttons["Lower traces"], Qt.MouseButton.LeftButton)
    assert view.uv_per_row > held
    qtbot.mouseClick(panel.tools.look, Qt.MouseButton.LeftButton)
    bench.tick()
    assert "decoder" in panel.tools.look.text()
    assert (bench.window.width(), bench.window.height()) <= (1264, 684)


def test_nothing_takes_the_focus_and_repaints_do_no_harm(bench: Bench) -> None:
    views = bench.window.side.eeg
    assert views is not None
    found = views.panel.findChildren(QWidget)
    taking = [w for w in found if w.focusPolicy() & FOCUS_BY_CLICK and w.focusProxy() is None]
    assert taking == []
    for _ in range(200):
        bench.feed(0.05)
        bench.tick(0.06)
    assert bench.panel.view.repaints >= 200


def test_the_lamp_of_the_stream_has_a_symbol_and_a_word_for_each_state() -> None:
    told = {}
    for name, counts, ended in (
        ("waiting", {"stale": 0, "samples": 0}, False),
        ("fresh", {"stale": 0, "samples": 5}, False),
        ("amber", {"stale": 1, "samples": 5}, False),
        ("red", {"stale": 2, "samples": 5, "samples_lost": 3}, False),
        ("ended", {"stale": 2, "samples": 5}, True),
    ):
        peers = Peers(["acquisition"])
        peers.on_beat(beat(**counts)[1].header)
        facts = stream_facts(peers, ended=ended)
        assert facts.state == name
        told[name] = stream_html(facts, None, 0)
        if name == "red":
            assert "▲ lost 3" in stream_tallies_html(facts)
    assert all(
        symbol in told[name]
        for name, symbol in {"fresh": "● fresh", "amber": "▲ late", "red": "■ no data"}.items()
    )


def test_a_window_without_data_does_not_say_running(bench: Bench) -> None:
    bench.model.blank()
    bench.feed(1.0)
    bench.window.refresh_board()
    strip, line = bench.window.strip, bench.window.alarm_line.label
    assert "No data" not in line.text()
    bench.tick(4.0)
    bench.window.refresh_board()
    assert line.text().startswith("■ ALARM  No data from x for 4 s")
    assert strip.state.text() == "BLANKED ■"
    strip.tell_state("RUNNING", Alarm("high", "No data"))
    assert strip.state.text() == "RUNNING ■ NO DATA"
    strip.tell_state("RUNNING", Alarm("medium", "No data"))
    assert strip.state.text() == "RUNNING ▲ NO DATA"
    bench.feed(0.1)
    bench.tick(0.0)
    strip.tell_state("RUNNING")
    assert strip.state.text() == "RUNNING"


@pytest.mark.parametrize("bench", [8], indirect=True)
def test_it_starts_on_a_good_channel_and_a_gap_leaves_the_spectrum_empty(bench: Bench) -> None:
    flat = (int(ChannelFlag.FLAT), *(0,) * 7)
    bench.feed(3.0, flat)
    bench.tick()
    panel = bench.panel
    assert panel.tools.channel_words.text() == "E2"
    assert not panel.spectrum.hint.isVisible()
    bench.at += 500  # five seconds are missing
    bench.mark(5.0, "face", 0)
    bench.feed(1.5, flat)
    bench.tick()  # warnings are errors
    assert panel.spectrum.hint.isVisible()
    assert "face&nbsp;0&nbsp;(1&nbsp;no&nbsp;data)" in panel.average.counts.text()
    panel._choose(0)
    bench.feed(0.5, flat)
    bench.tick()
    assert panel.tools.channel_words.text() == "E1", "as the operator chose"


def test_traces_and_spectra_have_the_same_colours(bench: Bench) -> None:
    bench.feed(3.0)
    bench.tick()
    panel = bench.panel
    panel.view.uv_per_row = 1.0  # far too high: every row is full
    panel._fixed_scale = True
    bench.feed(0.1)
    bench.tick()
    image, area = panel.view.grab().toImage(), panel.view.area()
    for k, line in enumerate(panel.spectrum.curves[:4]):
        y = [area.top() + round((k + share) * area.height() / 4) for share in (0.1, 0.5, 0.9)]
        shown = {image.pixelColor(area.right() - 5, row).name() for row in y}
        assert shown == {line.opts["pen"].color().name()}, (
            "its row is its own, to the newest second"
        )


def test_without_a_bundle_nothing_is_waited_for_and_old_values_have_their_age(
    bench: Bench,
) -> None:
    confidence = bench.panel.confidence
    assert confidence.hint.text() == "no bundle: nothing is decoded"
    percept = stamped(
        Percept, 0, index=0, t_data=0.0, t_seen=0.0, t_features=99.0, confidence=0.66,
        label="face", probabilities={"face": 0.6, "house": 0.4}, bundle="b",
    )  # fmt: skip
    bench.model.take([("decoder", Message(percept))], 100.0)
    bench.window.refresh_board()
    assert "now 0.66" in confidence.figures.text()
    assert "chance" not in confidence.figures.text()
    bench.clock.advance(100.0)
    bench.window.refresh_board()
    assert "last 0.66, 100 s ago" in confidence.figures.text()


def test_the_log_tells_every_sentence_of_a_beat_once() -> None:
    model = RunModel(PLAN)
    model.take([beat("first thing", "second thing", note="second thing")], 1.0)
    model.take([beat(note="second thing")], 1.1)
    model.take([beat("third thing", note="how it is")], 1.2)
    assert model.log_lines() == [
        "acquisition: first thing",
        "acquisition: second thing",
        "acquisition: third thing",
        "acquisition: how it is",
    ]


def test_without_consent_the_traces_say_why() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert "consent" in traces_hint(PLAN, now)
    allowed = Plan(
        run="r", mode="replay", nodes=("gui",), folder=Path("/"), session=PLAN.session,
        consent=Consent.for_synthetic("p01", now),
    )  # fmt: skip
    assert traces_hint(allowed, now) == "waiting for the first samples"
