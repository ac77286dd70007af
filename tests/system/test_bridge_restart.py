"""A bridge that is killed in the middle of a live run and started again, with real processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition.simulate.head import slice_times_s
from acquisition.simulate.mosaic import file_name, make_series, mosaic_bytes
from tests.system.acquisition_rig import Rig

TR_S = 0.5
SHAPE = (24, 24, 9)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
TIMES = slice_times_s(SHAPE[2], TR_S)
PICTURE = np.random.default_rng(0).integers(100, 900, SHAPE).astype(np.int16)


def times_of(kind: str, index: int) -> tuple[float, ...]:
    """Return slice times as a scanner tells them: to some milliseconds, or wrong at first."""
    if kind == "jittering":
        return tuple(t + 0.0025 * (index % 3) * (k == 1) for k, t in enumerate(TIMES))
    return tuple(reversed(TIMES)) if index == 0 else tuple(TIMES)


@pytest.mark.parametrize("kind", ["jittering", "other ones first"])
def test_a_run_goes_on_whatever_slice_times_the_scanner_tells(tmp_path: Path, kind: str) -> None:
    session = {
        "person": "t", "modality": "fmri",
        "source": {"kind": "dicom-folder", "path": str(tmp_path)},
    }  # fmt: skip
    with Rig(session, mode="live") as rig:

        def write(*indices: int) -> None:
            for index in indices:
                series = make_series(1, AFFINE, TR_S, times_of(kind, index))
                hidden = tmp_path / f"{index}.part"
                hidden.write_bytes(mosaic_bytes(PICTURE + index, series, index))
                hidden.rename(tmp_path / file_name(7, index))

        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        write(0, 1, 2, 3)
        rig.until(lambda: len(rig.features()) == 4)
        bridge = rig.processes.pop("bridge")
        bridge.kill()
        bridge.wait()
        write(4)
        rig.start("bridge")
        rig.go("bridge")
        write(5, 6, 7)
        rig.until(lambda: len(rig.features()) == 8, 20)
        assert [m.header.index for m in rig.features()] == list(range(8))
        assert rig.count("acquisition", "volumes_lost") == 0
