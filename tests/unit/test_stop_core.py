from __future__ import annotations

import os
import pty
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError, NodeError
from phosphene.session_gate import StopSettings
from phosphene.stop.core import EVENT_BYTES, PressCounter, keyboard_presses, serial_presses
from phosphene.stop.sources import Keyboard, open_sources

EVENT = struct.Struct("@llHHi")


def event(kind: int, code: int, value: int) -> bytes:
    return EVENT.pack(1, 2, kind, code, value)


def test_only_pressed_keys_that_are_asked_for_count() -> None:
    data = b"".join(
        [event(1, 57, 1), event(0, 0, 0), event(1, 57, 2), event(1, 57, 0), event(1, 30, 1),
         event(4, 4, 1)]
    )  # fmt: skip
    assert keyboard_presses(data, ()) == 2
    assert keyboard_presses(data, (57,)) == 1
    assert keyboard_presses(data, (58,)) == 0
    assert keyboard_presses(event(0, 3, 0), (57,)) == 1, "what was lost may have been the press"
    assert serial_presses(b"abca", ()) == 4
    assert serial_presses(b"abca", (ord("a"),)) == 2


def test_the_bouncing_of_a_contact_is_one_press() -> None:
    counter = PressCounter(dead_s=0.05)
    assert [counter.press(t) for t in (1.0, 1.01, 1.04, 1.06)] == [True, False, False, True]
    assert counter.count == 2


@given(cuts=st.lists(st.integers(1, EVENT_BYTES * 2), max_size=8))
def test_a_device_may_deliver_its_events_in_any_pieces(cuts: list[int]) -> None:
    data = event(1, 57, 1) + event(1, 57, 0) + event(1, 57, 1)
    reading, writing = os.pipe()
    keyboard = Keyboard(Path(f"/proc/self/fd/{reading}"), (57,))
    try:
        found = 0
        for cut in [*cuts, len(data)]:
            piece, data = data[:cut], data[cut:]
            if piece:
                os.write(writing, piece)
            found += keyboard.presses()
        assert found == 2
        assert keyboard.presses() == 0
    finally:
        keyboard.close()
        os.close(reading)
        os.close(writing)


def test_a_device_that_is_gone_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "device"
    os.mkfifo(path)
    writing = os.open(path, os.O_RDWR)
    (keyboard,) = open_sources(StopSettings(keyboard=path))
    os.close(writing)
    with pytest.raises(NodeError, match="gone"):
        keyboard.presses()
    keyboard.close()


def test_a_missing_device_is_named_and_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "device"
    os.mkfifo(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(ConfigError, match=r"stop\.serial line"):
        open_sources(StopSettings(keyboard=path, serial=tmp_path / "none"))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_serial_line_is_read_byte_by_byte() -> None:
    box, line = pty.openpty()
    try:
        settings = StopSettings(serial=Path(os.ttyname(line)), baud=9600, serial_bytes=(3, 4))
        (serial,) = open_sources(settings)
        # 3 and 4 are control characters, which only a raw line lets through.
        os.write(box, bytes([3, 10, 4]))
        found = 0
        for _ in range(1000):
            found += serial.presses()
            if found == 2:
                break
        assert found == 2
        serial.close()
    finally:
        os.close(box)
        os.close(line)
