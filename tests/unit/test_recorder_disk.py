"""The recorder and its disk: full, slow, waited for; how long the file has become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from phosphene.messages import Features
from phosphene.recorder.reader import RecordingReader
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import unlocked
from tests.unit.test_recorder_node import (
    bench,
    folder,
    make_plan,
    sealed_plan,
    stewards_file,
    topics,
)

__all__ = ["folder"]


def failing_open(after: int) -> Callable[[Path], BinaryIO]:
    def opener(path: Path) -> BinaryIO:
        file = path.open("wb", buffering=0)
        write = file.write

        class Disk:
            def write(self, data: Any) -> int:
                if file.tell() + len(data) > after:
                    raise OSError(28, "No space left on device")
                return write(data)

            def __getattr__(self, name: str) -> Any:
                return getattr(file, name)

        return Disk()  # type: ignore[return-value]

    return opener


@pytest.mark.parametrize("sealed", [False, True])
def test_a_full_disk_ends_the_recording_but_not_the_recorder(folder: Path, sealed: bool) -> None:
    key = StewardKey.new()
    plan = sealed_plan(folder, [stewards_file(folder, key)]) if sealed else make_plan(folder)
    with bench(plan, open_file=failing_open(30_000)) as b:
        scribe = b.node._scribe
        assert scribe is not None
        for _ in range(400):
            noise = np.random.default_rng(b.sent).standard_normal(500).astype(np.float32)
            b.send(
                Features, {"x": noise}, kind="fmri", index=0, t_data=1.0, mask_hash="m",
                ready=True,
            )  # fmt: skip
            if scribe.failure:
                break
        while scribe._backlog._items or not scribe.failure:
            b.node.step()
        b.node.step()
        part = folder / "out" / f"recording.mcap{'.sealed' if sealed else ''}.part"
        assert b.context.note == f"recording {part} ended: No space left on device"
        b.one_of_each()
        assert b.node.counts()["received"] == b.sent
    counts = b.node.counts()
    assert counts["lost"] + counts["written"] == counts["received"]
    left = next((folder / "out").glob("recording.mcap*"))
    with unlocked([left], key):
        reader = RecordingReader(left)
        assert len(list(reader)) == counts["written"] + 1, "and the start document"
    assert reader.ending.complete


def test_a_slow_disk_costs_counted_messages_and_never_holds_up_a_live_run(folder: Path) -> None:
    with bench(make_plan(folder), backlog_bytes=20_000) as b:
        scribe = b.node._scribe
        assert scribe is not None
        with scribe._backlog._changed:  # nothing is taken out while this is held
            for _ in range(30):
                b.send(
                    Features, {"x": np.zeros(500, np.float32)}, kind="fmri", index=0, t_data=1.0,
                    mask_hash="m", ready=True,
                )  # fmt: skip
            dropped = b.node.counts()["dropped"]
    assert dropped > 10
    assert topics(folder).count("features") == 30 - dropped


def test_the_extent_of_the_recording_is_told(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        b.one_of_each()
        scribe = b.node._scribe
        assert scribe is not None
        before = scribe.written
        while scribe.written == before:
            b.context.clock.wait_until(b.context.clock.now() + 0.01)
        counts = b.node.counts()
        (part,) = (folder / "out").glob("recording.mcap*.part")
        assert 0 < counts["bytes"] <= part.stat().st_size
        assert counts["disk_free"] > 0
        assert counts["recording_s"] >= 0
    with bench(make_plan(folder, out=None)) as b:
        assert "bytes" not in b.node.counts(), "nothing is recorded, nothing has a length"


def test_a_lossless_run_waits_for_the_disk(folder: Path) -> None:
    with bench(make_plan(folder, speed=None), backlog_bytes=20_000) as b:
        for _ in range(60):
            b.send(
                Features, {"x": np.zeros(500, np.float32)}, kind="fmri", index=0, t_data=1.0,
                mask_hash="m", ready=True,
            )  # fmt: skip
    assert b.node.counts()["dropped"] == 0
    assert topics(folder).count("features") == 60
