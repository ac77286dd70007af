"""Several echoes of each volume in one folder: one is taken, the others are told and counted."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest

from acquisition.simulate.mosaic import file_name, mosaic_bytes
from acquisition.simulate.series import make_series
from acquisition.sources.any_reader import AnyReader
from acquisition.sources.folder import FolderScan
from acquisition.sources.recording import FmriRecording, OpenOptions, open_recording
from acquisition.sources.reorder import Reorderer
from phosphene.session import SourceSettings

SHAPE = (6, 5, 4)


def raw_of(index: int, echo: int) -> bytes:
    series = make_series(1, np.diag([3.0, 3.0, 3.0, 1.0]), 1.0, [0.0, 0.5, 0.25, 0.75])
    picture = np.full(SHAPE, 100 * echo + index, np.int16)
    dataset = pydicom.dcmread(io.BytesIO(mosaic_bytes(picture, series, index)))
    dataset.EchoNumbers = echo
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for index in range(3):
        for echo in (1, 2, 3):
            (tmp_path / f"e{echo}_{file_name(7, index)}").write_bytes(raw_of(index, echo))
    return tmp_path


@pytest.mark.parametrize("echo", [1, 2])
def test_live(folder: Path, echo: int) -> None:
    reader = AnyReader(echo=SourceSettings(kind="folder", path=folder, echo=echo).echo)
    scan = FolderScan(folder, reader, Reorderer(2.0))
    volumes = scan.poll(0.0)
    assert [float(v.data.max()) for v in volumes] == [100.0 * echo + k for k in range(3)]
    assert scan.counts["echo"] == 6
    assert scan.counts["other_series"] == scan.counts["restarts"] == 0
    (told,) = scan.refusals
    assert "other echoes are left out" in told


@pytest.mark.parametrize("echo", [1, 2])
def test_replayed(folder: Path, echo: int) -> None:
    recording = open_recording(folder, options=OpenOptions(echo=echo))
    assert isinstance(recording, FmriRecording)
    assert recording.n_volumes == 3
    found = [float(v.data.max()) for v in recording.volumes(lambda _error: None)]
    assert found == [100.0 * echo + k for k in range(3)]
