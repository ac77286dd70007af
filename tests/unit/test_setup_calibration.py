# ruff: noqa: I001 (the bench asks for its screens before Qt is imported)
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gui_bench as bench
import pytest
from msgspec import structs
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from test_phosphene_bundle import make_draft, make_graph, make_mask

import numpy as np

from gui.palette import apply
from gui.setup.calibration import Calibration, Point
from gui.setup.calibration_view import CalibrationView
from phosphene.bundle import Bundle, pack_bundle
from phosphene.errors import BundleError, InputError
from phosphene.manifest import Score
from phosphene.progress import VARIABLE, Step, newest_step, tell_step

# Stands in for `phosphene fit`: tells steps, makes a bundle whose score grows with the runs.
FIT = """
import json, os, shutil, sys, time
arguments = sys.argv[1:]
out = arguments[arguments.index("--out") + 1]
runs = arguments.index("--out") - 1
with open(os.environ["PHOSPHENE_PROGRESS"], "a") as file:
    for k in range(runs):
        file.write(json.dumps({"what": "held-out folds", "done": k + 1, "total": runs}) + "\\n")
if "--fail" in arguments:
    print("phosphene: no events in the recording", file=sys.stderr)
    raise SystemExit(1)
if "--hang" in arguments:
    time.sleep(60)
if "--nothing" in arguments:
    raise SystemExit(0)
shutil.copytree(f"{FOLDER}/{runs}", out)
"""


def bundle(folder: Path, runs: int) -> Path:
    value = 0.2 + 0.1 * runs
    score = Score(
        name="category_4_way", value=value, chance=0.25, shuffled=0.26, low=value - 0.2,
        high=value + 0.1, n=40, split="leave one run out",
    )  # fmt: skip
    draft = structs.replace(make_draft(), metrics=(score,))
    statistics = {"prior_mean": np.zeros(draft.features, np.float32)}
    made = pack_bundle(draft, make_graph(), statistics, make_mask(), np.eye(4))
    return made.write(folder / str(runs))


@pytest.fixture
def view(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[CalibrationView]:
    apply(qapp)
    for runs in (1, 2, 3):
        bundle(tmp_path, runs)
    script = tmp_path / "fit.py"
    script.write_text(FIT.replace("{FOLDER}", str(tmp_path)))
    made = CalibrationView(lambda: tmp_path, (sys.executable, str(script)))
    made.resize(900, 600)
    made.show()
    yield made
    made.shut()
    assert bench.left_running(made) == []
    assert not made.calibration.folder.exists(), "decoders that nobody keeps are gone"
    bench.drop(made)


def fit(view: CalibrationView, qtbot: QtBot, points: int) -> None:
    view.fit.click()
    qtbot.waitUntil(lambda: not view.fitting and len(view.calibration.points) == points,
                    timeout=20_000)  # fmt: skip


def test_one_fit_for_each_number_of_runs(tmp_path: Path) -> None:
    calibration = Calibration(tmp_path)
    assert calibration.next_runs is None
    runs = [Path(f"/r{k}.mcap") for k in range(4)]
    calibration.take(runs[:1])
    assert calibration.next_runs == 1, "a recording that may hold several runs"
    calibration.take(runs[:3])
    assert calibration.next_runs == 2
    first = calibration.command(2, "p01", ["--window", "3"])
    assert first == ["fit", "/r0.mcap", "/r1.mcap", "--out", str(tmp_path / "fit-1"), "--person",
                     "p01", "--window", "3"]  # fmt: skip
    with pytest.raises(BundleError):
        calibration.fitted(2)
    calibration.command(2, "", [])
    bundle(tmp_path, 2).rename(tmp_path / "fit-2")
    assert calibration.fitted(2).runs == 2
    assert calibration.next_runs == 3
    calibration.take(runs)
    assert calibration.next_runs == 3, "points stay as runs come on"
    calibration.take([runs[1], runs[0], runs[2]])
    assert calibration.points == (), "other runs, another curve"
    assert calibration.next_runs == 2


def test_a_score_never_stands_alone() -> None:
    held = Score(
        name="category_4_way", value=0.61, chance=0.25, shuffled=0.26, low=0.5, high=0.7, n=40,
        split="leave one run out",
    )  # fmt: skip
    words = Point(3, Path("/b"), held).words
    for part in ("3 runs", "0.61", "0.50 to 0.70", "chance 0.25", "shuffled 0.26", held.split):
        assert part in words
    assert Point(3, Path("/b"), held).above_chance
    assert not Point(3, Path("/b"), structs.replace(held, low=0.2)).above_chance
    assert not Point(3, Path("/b"), None).above_chance


def test_the_operator_goes_on_or_stops_after_each_fit(
    view: CalibrationView, qtbot: QtBot, tmp_path: Path
) -> None:
    assert not view.fit.isEnabled()
    for k in range(3):
        view.add(tmp_path / f"run{k}.mcap")
    view.take_person("p01", tmp_path / "bundles")
    assert view.fit.text() == "Fit on 2 runs"
    assert not view.use.isEnabled()
    fit(view, qtbot, 1)
    assert "Not above chance" in view.words.text()
    assert view.fit.text() == "Continue with 3 runs"
    fit(view, qtbot, 2)
    assert "0.50 (0.30 to 0.60); chance 0.25" in view.words.text()
    assert not view.fit.isEnabled(), "another run has to be measured first"
    QApplication.processEvents()
    bench.screenshot(view, "setup-calibration")
    assert bench.faults_of_reach(view) == []
    wanted: list[Any] = []
    view.wanted.connect(wanted.append)
    view.use.click()
    assert wanted == [tmp_path / "bundles" / "p01"]
    assert Bundle.load(wanted[0]).manifest.metrics[0].value == pytest.approx(0.5)
    view.use.click()
    assert len(wanted) == 1
    assert "■" in view.words.text(), "nothing is overwritten"
    view.take_person("p01", tmp_path / "bundles")
    assert view.goal.text() == str(tmp_path / "bundles" / "p01-2")


def test_it_goes_on_by_itself_where_that_is_wanted(
    view: CalibrationView, qtbot: QtBot, tmp_path: Path
) -> None:
    for k in range(3):
        view.add(tmp_path / f"run{k}.mcap")
    view.on.setChecked(True)
    fit(view, qtbot, 2)
    assert [point.runs for point in view.calibration.points] == [2, 3]


def test_it_goes_on_from_nothing_but_a_decoder(
    view: CalibrationView, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(3):
        view.add(tmp_path / f"run{k}.mcap")
    view.on.setChecked(True)
    view.options.setText("--nothing")
    view.fit.click()
    qtbot.waitUntil(lambda: not view.fitting, timeout=20_000)
    assert view.calibration.points == ()
    assert "■" in view.words.text(), "what is wrong stays on show"
    monkeypatch.setattr(view, "_program", (str(tmp_path / "not-there"),))
    view.fit.click()
    qtbot.waitUntil(lambda: "The fit has failed" in view.words.text(), timeout=20_000)
    assert not view.fitting
    assert view.fit.isEnabled()


def test_progress_is_shown_and_a_fit_is_stopped(
    view: CalibrationView, qtbot: QtBot, tmp_path: Path
) -> None:
    for k in range(2):
        view.add(tmp_path / f"run{k}.mcap")
    view.options.setText("--hang")
    view.fit.click()
    qtbot.waitUntil(lambda: view.bar.text() == "held-out folds: 2 of 2", timeout=20_000)
    assert not view.add_file.isEnabled(), "runs are not exchanged below a fit"
    assert not view.fit.isEnabled()
    view.stop.click()
    assert not view.fitting
    assert view.calibration.points == ()
    assert view.fit.isEnabled()
    view.options.setText("--fail")
    view.fit.click()
    qtbot.waitUntil(lambda: "no events in the recording" in view.words.text(), timeout=20_000)
    view.options.setText("'")
    view.fit.click()
    assert not view.fitting
    assert "options" in view.words.text()


def test_steps_are_told_where_somebody_wants_to_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "steps"
    monkeypatch.delenv(VARIABLE, raising=False)
    tell_step("held-out folds", 1, 4)
    assert newest_step(file) is None
    monkeypatch.setenv(VARIABLE, str(file))
    for done in range(100):
        tell_step("held-out folds", done, 100)
    assert newest_step(file) == Step("held-out folds", 99, 100)
    with file.open("a") as more:
        more.write('{"what": "half a li')
    assert newest_step(file) == Step("held-out folds", 99, 100)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none" / "steps"))
    with pytest.raises(InputError, match="cannot be written"):
        tell_step("x", 0, 1)
