"""The set-up page's own processes: streams looked for, and a decoder fitted, for real."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from pytestqt.qtbot import QtBot

from gui.setup.calibration_view import CalibrationView
from gui.setup.probes import World
from gui.setup.subject import Subject
from phosphene.bundle import Bundle
from phosphene.commands.fit import run_module
from phosphene.doctor import Finding
from tests.system.test_preflight import Senders

PATIENCE_S = 90


@pytest.fixture
def senders() -> Iterator[Senders]:
    made = Senders()
    yield made
    made.stop()


def looked(world: World, subject: Subject) -> list[Finding]:
    deadline = time.monotonic() + PATIENCE_S
    while (found := world.probes().streams(subject)) is None:
        assert time.monotonic() < deadline, "the streams were not looked for in time"
        time.sleep(0.05)
    return list(found)


def test_the_checks_see_the_streams_that_the_session_names(
    tmp_path: Path, senders: Senders
) -> None:
    file = tmp_path / "session.toml"
    file.write_text(
        'person = "p01"\nmodality = "eeg"\n'
        '[source]\nkind = "lsl-eeg"\nsource_ids = ["cap-1", "marks"]\n'
    )
    senders.start("cap-1,the-neighbours-cap")
    world = World()
    try:
        subject = Subject("live", file=file, lsl_session=senders.session)
        found = {f.text.partition(":")[0]: f.level for f in looked(world, subject)}
        assert found["EEG 'cap-1'"] == "ok"
        assert found["markers 'marks'"] == "error"
        assert not any("neighbour" in text for text in found)
    finally:
        world.close()


def test_a_decoder_is_calibrated_by_phosphene_fit(qtbot: QtBot, tmp_path: Path) -> None:
    data = tmp_path / "calibration.npz"
    options = ["calibration", "--modality", "eeg", "--runs", "2", "--blocks", "10"]
    run_module("acquisition.simulate", [*options, "--out", str(data)])
    view = CalibrationView(lambda: tmp_path)
    qtbot.addWidget(view)
    told = set[str]()
    try:
        view.add(data)
        view.goal.setText(str(tmp_path / "bundle"))
        view.begin()

        def ended() -> bool:
            told.add(view.bar.text())
            return not view.fitting

        qtbot.waitUntil(ended, timeout=PATIENCE_S * 1000)
        assert view.calibration.points, view.words.text()
        score = view.calibration.points[0].score
        assert score is not None
        assert 0 < score.chance < 1
        assert any(text.startswith("held-out folds: ") for text in told), told
        kept: list[Path] = []
        view.wanted.connect(kept.append)
        view.use.click()
        assert Bundle.load(kept[0]).manifest.metrics[0] == score
    finally:
        view.shut()
