"""After a pause, and outside of blocks: no percept holds anything of what might not be decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decoder.permission import Permission
from phosphene.feedback.protocol import Block, Protocol
from phosphene.messages import Features, Grant
from tests.unit.test_decoder_node import Bench, bench


def tell(b: Bench, phase: str, *, decode: bool) -> None:
    """Let the gate say how far the run is, and the node hear it."""
    told: dict[str, Any] = {"person": "p", "scopes": (), "decode": decode, "reason": ""}
    b.grants.send(b.gate.message(Grant, t_acquired=b.clock.now(), phase=phase, **told))
    assert b.node.grants.socket.poll(5000)
    b.node.step()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def run(b: Bench, paused: range, volumes: int = 14) -> list[list[float]]:
    """Let a run pass in which the operator pauses; return the volumes of each window decoded."""
    for index in range(volumes):
        phase = "paused" if index in paused else "running"
        tell(b, phase, decode=phase == "running")
        b.clock.advance(2.0)  # while the volume is acquired
        tell(b, phase, decode=phase == "running")
        b.volumes(index)
    return [window[0, ::2].tolist() for window in b.engine.given]


@pytest.mark.parametrize("lossless", [False, True])
def test_no_window_reaches_back_into_a_pause_or_across_it(tmp_path: Path, lossless: bool) -> None:
    with bench(tmp_path, length=3, lossless=lossless) as b:
        given = run(b, range(4, 7))
        assert given[:2] == [[0, 1, 2], [1, 2, 3]]
        assert given[2] == [7, 8, 9]
        assert given[-1] == [11, 12, 13]
        assert b["gaps"] == 0, "a pause is no gap in the data"


def test_a_run_without_a_pause_is_decoded_as_before_at_any_pace(tmp_path: Path) -> None:
    given = []
    for lossless in (False, True):
        with bench(made(tmp_path / f"{lossless:d}"), length=3, lossless=lossless) as b:
            given.append(run(b, range(0)))
    assert given[0] == given[1] == [[k, k + 1, k + 2] for k in range(12)]


@pytest.mark.parametrize("length", [1, 3])
def test_the_same_pause_gives_the_same_percepts_at_any_pace(tmp_path: Path, length: int) -> None:
    found = []
    for lossless in (False, True):
        with bench(made(tmp_path / f"{lossless:d}"), length=length, lossless=lossless) as b:
            run(b, range(4, 7))
            told = [(p.index, p.t_seen, p.confidence) for p in b.seen()]
            found.append((told, np.concatenate(b.engine.given).tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize("lossless", [False, True])
def test_what_was_seen_in_a_pause_is_not_decoded_after_it(tmp_path: Path, lossless: bool) -> None:
    with bench(tmp_path, length=1, lossless=lossless) as b:
        run(b, range(4, 7))
        # Volume 6 of the pause ends at 14 s, and a percept tells what was seen 4.5 s ago.
        assert [p.index for p in b.seen()] == [0, 1, 2, 3, 9, 10, 11, 12, 13]
        assert b["not_allowed"] == 5


def test_a_volume_that_was_acquired_in_a_pause_and_comes_after_it_is_left_out(
    tmp_path: Path,
) -> None:
    with bench(tmp_path, length=2) as b:
        tell(b, "paused", decode=False)
        b.clock.advance(3.0)
        tell(b, "running", decode=True)
        b.volumes(0, 1, 2, 3)  # of 100 to 102 s, 102 to 104 s, 104 to 106 s ...
        assert b.engine.given[0][0, ::2].tolist() == [2, 3]
        assert b["not_allowed"] == 2


def test_a_pause_between_two_volumes_empties_the_window_at_once(tmp_path: Path) -> None:
    with bench(tmp_path, length=3) as b:
        tell(b, "running", decode=True)
        b.volumes(0, 1)
        tell(b, "paused", decode=False)
        assert not b.node._window._held
        assert b["gaps"] == 0


def test_volumes_without_a_grant_are_in_no_later_window(tmp_path: Path) -> None:
    with bench(tmp_path, length=3) as b:
        b.volumes(0, 1, 2)
        b.grant()
        b.volumes(3, 4)
        assert (b["not_allowed"], b["percepts"]) == (3, 0)
        b.volumes(5)
        assert b.engine.given[0][0, ::2].tolist() == [3, 4, 5]


@pytest.mark.parametrize("lossless", [False, True])
def test_between_blocks_that_events_begin_the_window_is_left_empty(
    tmp_path: Path, lossless: bool
) -> None:
    with bench(tmp_path, length=2, lossless=lossless) as b:
        for index in range(8):
            inside = index not in range(2, 5)
            tell(b, "running", decode=inside)
            b.clock.advance(2.0)
            tell(b, "running", decode=inside)
            b.volumes(index)
        assert [w[0, ::2].tolist() for w in b.engine.given] == [[0, 1], [5, 6], [6, 7]]


def features(t_data: float, t_acquired: float, t_event: float | None = None) -> Features:
    return Features(
        run="r", seq=0, t_acquired=t_acquired, t_sent=t_acquired, producer="acquisition",
        kind="fmri", index=0, t_data=t_data, mask_hash="m", ready=True, t_event=t_event,
    )  # fmt: skip


def said(now_s: float, *, decode: bool, phase: Any = "running") -> Grant:
    return Grant(run="r", seq=0, t_acquired=now_s, t_sent=now_s, producer="gate", person="p",
                 scopes=(), decode=decode, reason="", phase=phase)  # fmt: skip


@pytest.mark.parametrize("pace", [1.0, None])
def test_the_blocks_of_a_protocol_tell_what_belongs_to_them_by_the_time_of_the_data(
    pace: float | None,
) -> None:
    blocks = [Block(k, "regulate", on, on + 6.0) for k, on in enumerate((0.0, 10.0))]
    permission = Permission(Protocol(blocks, "picture", continuous=True), pace, 2.0)
    admitted = []
    for t_data in range(1, 16):
        now_s = 100.0 + t_data
        # Live, the gate refuses between blocks, and is heard a moment later.
        inside = pace is None or t_data % 10 < 6
        permission.hear(said(now_s + 0.1, decode=inside))
        if permission.admits(features(float(t_data), now_s), now_s + 0.2):
            admitted.append(t_data)
    assert admitted == [1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("pace", [2.0, None])
def test_an_epoch_that_began_in_a_pause_is_left_out(pace: float | None) -> None:
    permission = Permission(None, pace, 0.5)

    def admits(t_data: float, t_event: float) -> bool:
        now_s = 100.0 + t_data / 2.0
        return permission.admits(features(t_data, now_s, t_event), now_s)

    permission.hear(said(100.0, decode=False, phase="paused"))
    assert not admits(8.0, 7.0)
    permission.hear(said(104.0, decode=True))
    assert not admits(8.6, 7.6)
    assert admits(9.2, 8.2)
    assert permission.shows(8.2)
    assert not permission.shows(7.9)


def test_the_epoch_of_the_event_that_begins_a_block_is_decoded() -> None:
    permission = Permission(None, 1.0, 0.5)
    permission.hear(said(107.0, decode=False))
    assert not permission.admits(features(7.5, 107.5, 6.9), 107.5)
    permission.hear(said(108.03, decode=True))  # the event of 108.0 s, heard a moment later
    assert not permission.admits(features(7.9, 107.9, 7.3), 108.1), "it is of before"
    assert permission.admits(features(8.6, 108.6, 8.0), 108.7)
    assert permission.shows(8.0)
