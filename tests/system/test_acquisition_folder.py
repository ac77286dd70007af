"""A folder in every state that scanners and networks leave it in, with real processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from acquisition.simulate.head import slice_times_s
from acquisition.simulate.mosaic import file_name, make_series, mosaic_bytes
from phosphene.messages import Message
from tests.system.acquisition_rig import Rig

pytestmark = pytest.mark.timing

TR_S = 0.5
SHAPE = (24, 24, 9)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
SERIES = make_series(1, AFFINE, TR_S, slice_times_s(SHAPE[2], TR_S))
PICTURE = np.random.default_rng(0).integers(100, 900, SHAPE).astype(np.int16)


def raw_of(index: int, seed: int = 1) -> bytes:
    series = SERIES if seed == 1 else make_series(seed, AFFINE, TR_S, slice_times_s(9, TR_S))
    return mosaic_bytes(PICTURE + index, series, index)


def session_of(folder: Path, **source: object) -> dict[str, object]:
    where = {"kind": "dicom-folder", "path": str(folder), **source}
    return {"person": "t", "modality": "fmri", "source": where}


def brightness(rig: Rig) -> dict[int, float]:
    """Return what each recorded volume holds, by its index."""
    return {m.header.index: float(m.arrays["volume"].mean()) for m in rig.of("volume")}


def values(rig: Rig) -> dict[int, dict[str, float]]:
    return {m.header.index: m.header.values for m in rig.of("quality")}


@pytest.mark.parametrize("poll_s", [None, 0.05])
def test_files_in_pieces_renamed_shuffled_copied_and_one_missing(
    tmp_path: Path, poll_s: float | None
) -> None:
    (tmp_path / "old.dcm").write_bytes(raw_of(3, seed=2))
    closed_s: dict[int, float] = {}
    with Rig(session_of(tmp_path, poll_s=poll_s), mode="live") as rig:

        def write(index: int, how: str = "whole") -> None:
            path, raw = tmp_path / file_name(7, index), raw_of(index)
            if how == "rename":
                hidden = tmp_path / f"{index}.part"
                hidden.write_bytes(raw)
                hidden.rename(path)
            elif how == "pieces":
                with path.open("wb") as file:
                    for begin in range(0, len(raw), 3000):
                        file.write(raw[begin : begin + 3000])
                        file.flush()
                        rig.tick()
            else:
                path.write_bytes(raw)
            closed_s[index] = rig.clock.now()

        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        rig.until(lambda: "the folder is" in rig.note("bridge"))
        for index, how in ((0, "whole"), (2, "pieces"), (1, "rename"), (3, "pieces")):
            write(index, how)
        rig.until(lambda: len(rig.features()) == 4)
        kill(rig)
        for index in (5, 4):  # nobody is there to see these come
            write(index)
        (tmp_path / "copy.dcm").write_bytes(raw_of(5))
        rig.start("bridge")
        rig.go("bridge")
        rig.until(lambda: len(rig.features()) == 6)
        (tmp_path / "second").mkdir()
        (tmp_path / "second" / "s2.dcm").write_bytes(raw_of(0, seed=2))
        for index in (6, 8, 9):
            write(index, "rename" if index == 8 else "whole")
        rig.until(lambda: len(rig.features()) == 9)
        rig.until(lambda: len(rig.of("volume")) == 9)
        told = {"duplicates": 1, "gaps": 1, "second_series": 1, "truncated": 0, "late": 0}
        rig.until(lambda: all(rig.count("bridge", k) == n for k, n in told.items()))
        assert [m.header.index for m in rig.features()] == [0, 1, 2, 3, 4, 5, 6, 8, 9]
        base = float(PICTURE.mean())
        for index, mean in brightness(rig).items():
            assert mean == pytest.approx(base + index, abs=1e-2), "a volume under a wrong number"
        check_stamps(rig.features(), closed_s, 0.25 if poll_s is None else 0.6)


def check_stamps(features: list[Message], closed_s: dict[int, float], slack_s: float) -> None:
    """A volume is acquired when its file was closed; what came unseen, when it was seen."""
    for message in features:
        index, at_s = message.header.index, message.header.t_acquired
        if index not in (4, 5):
            assert at_s == pytest.approx(closed_s[index], abs=slack_s)
        assert message.header.t_sent > at_s


def kill(rig: Rig) -> None:
    process = rig.processes.pop("bridge")
    process.kill()
    process.wait()


def test_pulses_mark_onsets_and_give_the_markers_of_others_their_time(tmp_path: Path) -> None:
    names = {"5": f"pulses-{tmp_path.name}", "f": f"task-{tmp_path.name}"}
    session = session_of(tmp_path, source_ids=list(names.values()))
    with Rig(session, mode="live") as rig:
        boxes = {
            key: subprocess.Popen(
                [sys.executable, "-m", "acquisition.trigger", "--keys", key, "--source-id", name,
                 "--label", "trigger" if key == "5" else "face", "--session", rig.plan.lsl_session],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for key, name in names.items()
        }  # fmt: skip
        try:
            for box in boxes.values():
                assert box.stdout is not None
                assert b"go out" in box.stdout.readline()
            rig.start("acquisition", "bridge")
            rig.go("acquisition", "bridge")
            # Then the markers have been found.
            rig.until(lambda: "first volume" in rig.note("acquisition"))
            begin_s = rig.clock.now() + 1.0
            script = [(begin_s + k * TR_S, "5", k) for k in range(11) if k != 4]
            script += [(begin_s + 6 * TR_S + 0.05, "5", 6), (begin_s + 5.5 * TR_S, "f", 5)]
            script += [(begin_s + (k + 1) * TR_S + 0.1, "file", k) for k in range(10)]
            for due_s, what, index in sorted(script):
                rig.until(lambda s=due_s: rig.clock.now() >= s)
                if what == "file":
                    (tmp_path / file_name(7, index)).write_bytes(raw_of(index))
                else:
                    pipe = boxes[what].stdin
                    assert pipe is not None
                    pipe.write(what.encode())
                    pipe.flush()
            rig.until(lambda: len(rig.of("quality")) == 10)
            told = {"triggers": 10, "triggers_missing": 1, "triggers_extra": 1, "events": 1}
            rig.until(lambda: all(rig.count("acquisition", k) == n for k, n in told.items()))
        finally:
            for box in boxes.values():
                box.communicate(timeout=20)
        found = values(rig)
        delays_ms = {k: v.get("trigger_to_arrival_ms") for k, v in found.items()}
        assert delays_ms.pop(4) is None, "its pulse was lost"
        assert all(d is not None and 550 < d < 1050 for d in delays_ms.values()), delays_ms
        assert found[9]["tr_trigger_s"] == pytest.approx(TR_S, abs=0.1)
        (event,) = rig.events()
        assert event.header.label == "face"
        assert event.header.t_data == pytest.approx(5.5 * TR_S, abs=0.1)


def test_a_scan_started_anew_is_told_and_its_volumes_are_left_out(tmp_path: Path) -> None:
    with Rig(session_of(tmp_path), mode="live") as rig:
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        for index in range(3):
            (tmp_path / file_name(7, index)).write_bytes(raw_of(index))
        rig.until(lambda: len(rig.features()) == 3)
        silent_s = time.monotonic() + 3.2
        rig.until(lambda: time.monotonic() > silent_s)
        for index in range(2):
            (tmp_path / file_name(8, index)).write_bytes(raw_of(index, seed=2))
        rig.until(lambda: rig.count("bridge", "restarts") == 1)
        rig.until(lambda: "STARTED ANEW" in rig.note("bridge"))
        rig.until(lambda: rig.count("bridge", "second_series") == 2)
        assert len(rig.features()) == 3
