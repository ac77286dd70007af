"""What the window knows of a person's brain goes with the consent to the operator's view."""

from __future__ import annotations

from typing import Any

import numpy as np

from gui.model import RunModel
from phosphene.messages import (
    Features,
    Grant,
    Message,
    Percept,
    Quality,
    Regions,
    Signal,
    StatMap,
)
from tests.unit.test_gui_model import frame, made, plan, view

GRID = np.ones((2, 2, 2), np.float32)
FIGURES = {"fd_mm": 0.1, "volumes": 4.0, "roi_V1_psc": 0.7}
AFFINE = tuple(map(float, np.eye(4).flat))


def grant(t: float, *scopes: str) -> tuple[str, Message]:
    return "grants", made(Grant, t, person="p01", scopes=scopes, decode=True, reason="")


def told(t: float) -> list[tuple[str, Message]]:
    at: dict[str, Any] = {"index": 3, "t_data": t}
    stamp: dict[str, Any] = {"run": "r", "seq": 0, "t_acquired": t, "t_sent": t, "producer": "x"}
    features = Features(**stamp, **at, kind="fmri", mask_hash="m", ready=True)
    percept = made(
        Percept, t, 7, **at, t_seen=t - 5, t_features=t, confidence=0.6, label="face",
        probabilities={"face": 0.6}, bundle="b",
    )  # fmt: skip
    statmap = made(StatMap, t, **at, contrast="face", dof=9.0, affine=AFFINE)
    regions = made(Regions, t, names=("V1",), how="", affine=AFFINE)
    parts = [
        Message(features, {"x": np.ones(3, np.float32)}),
        made(Quality, t, **at, values=FIGURES),
        percept,
        Message(statmap.header, {"t": GRID, "underlay": GRID.astype(np.uint8)}),
        Message(regions.header, {"labels": GRID.astype(np.uint8)}),
    ]
    return [("view-operator", part) for part in parts]


def held(model: RunModel) -> list[bool]:
    """Tell of each thing of the brain whether the window has it."""
    plotted = model.plotted()
    return [
        bool(len(plotted.confidence[0])),
        any(len(x) for x, _ in plotted.regions.values()),
        model.newest_map() is not None,
        model.regions() is not None,
        model.pictures(2.0).percept is not None,
    ]


def test_without_the_scope_any_more_all_that_was_told_of_the_brain_is_forgotten() -> None:
    model = RunModel(plan())
    model.take([grant(1.0, "view_self", "view_operator"), view(1.0, "operator"), *told(1.5)], 1.5)
    model.take([frame(1.6, percept_seq=7)], 1.6)
    assert held(model) == [True] * 5
    model.take([grant(1.7, "view_self")], 1.7)
    assert held(model) == [False] * 5
    board = model.board(1.7)
    assert board.fd_mm == 0.1, "motion stays: a scanner is run by it"
    assert "roi_V1_psc" not in model._curves.newest
    # What was under way on another socket than the grant goes at the next one.
    model.take(told(1.75), 1.75)
    assert any(held(model))
    model.take([grant(1.95, "view_self")], 1.95)
    assert held(model) == [False] * 5


def test_with_the_scope_nothing_is_forgotten_and_without_data_nothing_is_drawn_anew() -> None:
    model = RunModel(plan())
    model.take([grant(1.0, "view_operator"), view(1.0, "operator"), *told(1.5)], 1.5)
    model.take([grant(1.7, "view_operator")], 1.7)
    assert held(model)[:4] == [True] * 4
    empty = RunModel(plan())
    before = empty.plotted().version
    empty.take([grant(1.0), grant(1.25)], 1.25)
    assert empty.plotted().version == before


def test_eeg_signals_are_forgotten_too() -> None:
    model = RunModel(plan("eeg"))
    signal = made(Signal, 1.0, stream="s", first_index=0, fs_hz=250.0, t_data=0.0, channels=("Oz",))
    model.take([grant(0.9, "view_operator")], 0.9)
    model.take([("view-operator", Message(signal.header, {"signal": np.ones((4, 1))}))], 1.0)
    assert model.eeg(lambda board: board.header) is not None
    model.take([grant(1.1)], 1.1)
    assert model.eeg(lambda board: board.header) is None
