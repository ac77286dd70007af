"""Acquisition begins when the decoder itself listens: what it misses at the start is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from acquisition import start
from phosphene.bus import RunFolder
from phosphene.clock import FakeClock
from phosphene.node import NodeContext
from phosphene.plan import Plan

SOURCE = {"kind": "recording", "path": "x"}


def context_of(folder: Path, *more: str) -> NodeContext:
    session = {"person": "p", "modality": "fmri", "source": SOURCE}
    nodes = ("recorder", "decoder", "acquisition", *more)
    facts = {"run": "r", "folder": RunFolder.create("t", folder).path, "mode": "replay"}
    plan = Plan.model_validate({**facts, "nodes": nodes, "session": session})
    return NodeContext("acquisition", plan, FakeClock(100.0))


def listening(counts: Iterator[int]) -> Any:
    """Return a node whose socket finds so many listeners at each look."""
    out = SimpleNamespace(subscribers=lambda _topic: next(counts), socket=SimpleNamespace())
    out.socket.poll = lambda _ms: 0
    return SimpleNamespace(out=out, prepare=lambda: None, counts=dict, close=lambda: None)


@pytest.mark.parametrize(
    ("more", "left"),
    [((), [1, 2]), (("gate", "sink"), [1, 2]), (("gate", "gui"), [])],
)
def test_the_gate_that_listens_for_a_window_is_not_taken_for_the_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], left: list[int]
) -> None:
    counts = iter([0, 1, 1, 2])
    monkeypatch.setattr(start, "AcquisitionNode", lambda *_: listening(counts))
    monkeypatch.setattr(start, "configure_lsl", lambda _config: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    context = context_of(tmp_path, *more)
    try:
        start.build(context)
    finally:
        context.close()
    assert list(counts) == left
