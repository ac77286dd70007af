"""Which picture stands below which caption; and volumes, epochs and seconds told apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from gui.palette import apply
from gui.replay.board import facts_html
from gui.replay.keyring import Keyring
from gui.replay.lanes import graphs_of
from gui.replay.load import load
from gui.replay.opened import place_words
from gui.replay.page import ReplayPage
from gui.replay.recording import Recording
from gui.replay.rights import Rights
from gui.replay.way import Way
from phosphene.messages import Frame, Message, Painting, Quality
from tests.unit.gui_bench import standing
from tests.unit.replay_bench import (
    LABELS,
    NOW,
    STEPS,
    TR_S,
    flat,
    frame,
    grey_of,
    run_messages,
    stamped,
    start_of_run,
    view,
    write,
)

SMOOTH = {"path": "smooth", "smoothing_s": "0.5"}
LATE_S = (0.0, 0.2, 0.6, 1.2)
"""When the frames of a percept follow its first; half of the way is gone after 0.35 s."""
PARTS = (0.0, 0.3, 0.7, 1.0)


def mixed(step: int, k: int) -> int:
    """Return the grey of the k-th frame of a percept, on its way from the one before."""
    before = grey_of(max(0, step - 1))
    return round(before + PARTS[k] * (grey_of(step) - before))


def smooth_run(*, settings: dict[str, str] = SMOOTH, **facts: str) -> list[Message]:
    """Return the run of the bench with four frames for each percept, the first still the old."""
    made: list[Message] = []
    for message in run_messages(**facts):
        if not isinstance(message.header, Frame):
            made.append(message)
            continue
        step = message.header.percept_seq
        for k, late_s in enumerate(LATE_S):
            one = frame(step, flat(mixed(step, k)))
            later = {"t_rendered": one.header.t_rendered + late_s,
                     "t_sent": one.header.t_sent + late_s, "seq": 10 * step + k}  # fmt: skip
            made.append(Message(msgspec.structs.replace(one.header, **later), one.arrays))
    painting = stamped(Painting, 0.0, 0, "renderer", model="m", weights="w", engine="e", size_px=64,
                       settings=settings)  # fmt: skip
    return [made[0], Message(painting), *made[1:]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("smooth"), smooth_run())


@pytest.fixture
def page(qtbot: QtBot, qapp: QApplication, run: Path) -> Iterator[ReplayPage]:
    apply(qapp)
    with standing(ReplayPage(now=lambda: NOW)) as made:
        made.open(run)
        qtbot.waitUntil(lambda: made.going.isHidden(), timeout=5000)
        yield made


def wait_for(qtbot: QtBot, page: ReplayPage, grey: int) -> str:
    """Wait until a picture is on show; return its caption."""
    side = page.board.sides[0]

    def shown() -> bool:
        picture = side.panel.shown
        return picture is not None and abs(float(np.median(picture)) - grey) <= 2

    qtbot.waitUntil(shown, timeout=5000)
    return side.facts.text()


def test_where_it_stands_the_picture_is_that_of_the_percept_in_the_caption(
    page: ReplayPage, qtbot: QtBot
) -> None:
    for step in (6, 7, 8):
        page._go_to(TR_S * step)
        page.step(1)
        assert page.player.t_s == TR_S * (step + 1)
        assert LABELS[step % 2] in wait_for(qtbot, page, grey_of(step))
        # Between two volumes as well.
        page._go_to(TR_S * (step + 1) + 0.5)
        assert LABELS[step % 2] in wait_for(qtbot, page, grey_of(step))


def test_while_it_plays_frames_run_as_recorded_and_the_caption_is_of_the_picture(
    page: ReplayPage, qtbot: QtBot
) -> None:
    step, begin_s = 7, TR_S * 8
    page.player.play()  # without its timer: the test says where it is
    for k, label in enumerate((LABELS[0], LABELS[0], LABELS[1], LABELS[1])):
        page._go_to(begin_s + LATE_S[k] + 0.01)
        assert label in wait_for(qtbot, page, mixed(step, k)), k
    page.toggle()
    assert LABELS[1] in wait_for(qtbot, page, grey_of(step))


def test_the_caption_waits_for_its_picture(page: ReplayPage, qtbot: QtBot) -> None:
    page._go_to(TR_S * 8)
    before = wait_for(qtbot, page, grey_of(7))
    page._go_to(TR_S * 9)
    side = page.board.sides[0]
    assert side.facts.text() == before, "the old picture still stands"
    wait_for(qtbot, page, grey_of(8))
    assert LABELS[0] in side.facts.text()


def test_no_frame_of_a_blank_stands_for_a_percept(tmp_path: Path) -> None:
    # The operator's view was blank from half a second after the eighth volume on.
    made = [*smooth_run(), view(TR_S * 8 + 0.5, 8, "operator", "the operator's blank"),
            view(TR_S * 9, 9, "operator")]  # fmt: skip
    recording = load(write(tmp_path, made), Keyring().open)
    painted = recording.painted_at(TR_S * 8)
    assert painted is not None
    last = recording.settled(painted)
    assert recording.blank_at("operator", last.t_s) is None
    assert recording.blank_at("operator", TR_S * 8 + 0.7) is not None
    assert last.t_s == pytest.approx(TR_S * 8 + 0.2)


@pytest.mark.parametrize(
    ("speed", "settings", "nearer"),
    [("1", SMOOTH, 2), ("1", {"path": "slerp"}, 3), ("1", {"path": "hold"}, 0), ("1", {}, 0),
     ("max", SMOOTH, 0), ("1", {"path": "smooth", "smoothing_s": "0"}, 0)],
)  # fmt: skip
def test_a_frame_is_nearest_to_the_percept_before_for_half_of_the_way(
    speed: str, settings: dict[str, str], nearer: int
) -> None:
    way = Way(even=speed == "max")
    found = []
    for message in smooth_run(settings=settings):
        if isinstance(message.header, Painting):
            way.settings = message.header.settings
        elif isinstance(message.header, Frame):
            found.append((message.header, way.take(message.header)))
    third = found[8:12]
    before_s = found[4][0].t_percept
    own_s = third[0][0].t_percept
    assert [near for _, near in third] == [before_s] * nearer + [own_s] * (4 - nearer)


def test_at_full_speed_each_frame_is_its_own_percepts(tmp_path: Path) -> None:
    for speed, own in (("max", True), ("1", False)):
        found = load(write(tmp_path / speed, smooth_run(speed=speed)), Keyring().open)
        painted = found.painted_at(TR_S * 8)
        assert painted is not None
        assert (painted.nearest_sent_s == painted.percept_sent_s) is own


def test_after_a_neutral_frame_a_picture_is_its_own_percepts() -> None:
    way = Way(SMOOTH)
    first, neutral, third = (frame(k, flat(9)).header for k in range(3))
    assert way.take(first) == first.t_percept
    dull = msgspec.structs.replace(neutral, state="neutral")
    assert way.take(dull) == neutral.t_percept
    assert way.take(third) == third.t_percept
    assert way.take(msgspec.structs.replace(third, percept_seq=-1, state="neutral")) == -1.0


@pytest.mark.parametrize(
    ("least", "words"),
    [("0.6", "too low for a picture: neutral"), ("0.1", "neutral: no picture")],
)
def test_a_neutral_frame_says_why_by_the_runs_own_threshold(
    tmp_path: Path, qtbot: QtBot, qapp: QApplication, least: str, words: str
) -> None:
    made = smooth_run(settings=SMOOTH | {"min_confidence": least})
    at = next(k for k, m in enumerate(made)
              if isinstance(m.header, Frame) and m.header.percept_seq == 7)  # fmt: skip
    for k in range(at, at + 4):
        made[k] = Message(msgspec.structs.replace(made[k].header, state="neutral"), made[k].arrays)
    with standing(ReplayPage(now=lambda: NOW)) as page:
        page.open(write(tmp_path, made))
        qtbot.waitUntil(lambda: page.going.isHidden(), timeout=5000)
        page._go_to(TR_S * 8)
        assert f"0.40</b> · {words}" in wait_for(qtbot, page, mixed(7, 0))


# ---- volumes, epochs, seconds --------------------------------------------------------------------

EPOCHS, SECONDS = 13, 20


def eeg_run(epochs: int) -> list[Message]:
    """Return figures of `epochs` epochs and of each second, both counted from 0."""
    start = msgspec.structs.replace(start_of_run().header, modality="eeg")
    figures = []
    for k in range(SECONDS):
        values = {"rms_uv": 10.0 + k, "rms_Cz_uv": 1.0}
        figures.append((k + 1.0, k, values))
    for k in range(epochs):
        figures.append((1.4 * (k + 1), k, {"rejected": 0.0, "bad_channels": float(k)}))
    figures.sort(key=lambda one: one[0])
    return [Message(start)] + [
        Message(stamped(Quality, t, seq, "acquisition", index=k, t_data=t, values=values))
        for seq, (t, k, values) in enumerate(figures)
    ]


def read(folder: Path, messages: list[Message]) -> Recording:
    return load(write(folder, messages), Keyring().open)


def test_epochs_and_seconds_do_not_overwrite_each_other(tmp_path: Path) -> None:
    found = read(tmp_path, eeg_run(EPOCHS))
    assert found.unit == "epoch"
    assert [step.t_s for step in found.steps] == pytest.approx(
        [1.4 * (k + 1) for k in range(EPOCHS)])  # fmt: skip
    assert place_words(found, found.end_s) == "20.0 of 20.0 s · epoch 13 of 13"
    assert place_words(found, 2.9) == "2.9 of 20.0 s · epoch 2 of 13"
    assert found.step_of(2.9, 1) == pytest.approx(4.2)
    # At 3.5 s: the second epoch, and the third second.
    assert found.values_at(3.5)["bad_channels"] == 1.0
    assert found.values_at(3.5)["rms_uv"] == 12.0
    words = facts_html(found, 3.5)
    assert "1.00" in words
    assert "12.00" in words
    assert [len(g.y) for g in graphs_of(found, Rights("", "", "", 4))] == [EPOCHS]
    assert len(found.series("rms_uv")[0]) == SECONDS


def test_without_epochs_the_steps_are_seconds_and_are_called_so(tmp_path: Path) -> None:
    found = read(tmp_path, eeg_run(0))
    assert (found.unit, len(found.steps), found.seconds) == ("second", SECONDS, [])
    assert place_words(found, 4.0) == "4.0 of 20.0 s · second 4 of 20"


def test_the_buttons_say_what_a_step_is(page: ReplayPage, tmp_path: Path, qtbot: QtBot) -> None:
    row = page.transport
    assert (row.back.text(), row.forward.accessibleName()) == ("◀ Volume", "One volume forward")
    page.open(write(tmp_path, eeg_run(EPOCHS)))
    qtbot.waitUntil(lambda: page.going.isHidden(), timeout=5000)
    assert (row.back.text(), row.forward.text()) == ("◀ Epoch", "Epoch ▶")
    assert (row.back.accessibleName(), row.back.toolTip()) == ("One epoch back", "One epoch back")
    assert "one epoch" in row.scrubber.accessibleDescription()


def test_the_bench_still_counts_volumes(run: Path) -> None:
    found = load(run, Keyring().open)
    assert (found.unit, len(found.steps), found.seconds) == ("volume", STEPS, [])
