"""Every vendor's simulated scanner into our live sources, in real time, with everything wrong.

All scanners run at the same time, each into a folder or connection of its own.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from acquisition.bridge.feed import FolderFeed
from acquisition.fmri.volume import Volume
from acquisition.simulate.disturb import Choice, Disturbance
from acquisition.simulate.files import ScannerFile, write_file
from acquisition.simulate.head import RunConfig, SimulatedVolume, simulate, slice_times_s
from acquisition.simulate.motion import trajectory
from acquisition.simulate.network import NETWORK_VENDORS, network_target
from acquisition.simulate.scanner import Export, run_scanner
from acquisition.simulate.series import make_series
from acquisition.simulate.subject import small_head
from acquisition.simulate.vendors import FOLDER_VENDORS
from acquisition.sources.any_reader import AnyReader
from acquisition.sources.recording import FmriRecording, open_recording
from acquisition.sources.tcp.door import networks_of
from acquisition.sources.tcp.feed import AfniFeed, Listening, TcpFeed, VsendFeed
from acquisition.sources.tcp.vsend import VsendDecoder
from phosphene.clock import MonotonicClock
from phosphene.stimuli import Programme
from tests.system.acquisition_rig import Rig

SHAPE, TR_S, VOLUMES = (32, 32, 8), 0.15, 12
DROPPED, TWICE = 5, 3
FOLDERS = Disturbance(
    jitter_s=0.02, drop=Choice(indices=frozenset({DROPPED})),
    duplicate=Choice(indices=frozenset({TWICE})), shuffle=True, partial=True, seed=1,
)  # fmt: skip
"""Half-written files, wrong order, one volume twice and one never."""
STREAMS = {
    "vsend": Disturbance(drop=FOLDERS.drop, duplicate=FOLDERS.duplicate, partial=True),
    "afni": Disturbance(jitter_s=0.02, partial=True),
}
PATIENCE_S = 30.0
HEAD = small_head(0, SHAPE)
SERIES = make_series(1, HEAD.affine, TR_S, slice_times_s(SHAPE[2], TR_S), n_volumes=VOLUMES)


@dataclass
class Outcome:
    """What came of one scan."""

    volumes: list[Volume]
    counts: dict[str, int]
    complaints: list[str]
    written_s: dict[int, float]
    ended_s: float
    failure: Exception | None


class Scan:
    """One scanner and the source that listens to it."""

    def __init__(self, vendor: str, folder: Path) -> None:
        self.vendor, self.folder, self.clock = vendor, folder, MonotonicClock()
        self.woken = threading.Event()
        self.written_s: dict[int, float] = {}
        self.volumes: list[Volume] = []
        self.complaints: list[str] = []
        disturbance = STREAMS.get(vendor, FOLDERS)
        writer = NETWORK_VENDORS[vendor][0] if vendor in NETWORK_VENDORS else FOLDER_VENDORS[vendor]
        self.export = Export(writer, disturbance=disturbance, told=self._told)
        if vendor in NETWORK_VENDORS:
            where = Listening("127.0.0.1", 0, networks_of(("127.0.0.1",)))
            key = b"k" * 32
            self.feed: TcpFeed | FolderFeed = (
                VsendFeed(where, VsendDecoder(key), 0, self.clock, self.woken.set)
                if vendor == "vsend"
                else AfniFeed(where, key, 0, self.clock, self.woken.set)
            )
        else:
            folder.mkdir()
            tr_s = TR_S if vendor == "nifti" else None
            self.feed = FolderFeed(folder, tr_s, None, (), self.clock, self.woken.set)

    def _told(self, index: int, _late_s: float) -> None:
        if index == TWICE and index in self.written_s:
            return  # what comes again does not make the first one later
        self.written_s[index] = self.clock.now()

    def measure(self, volumes: list[SimulatedVolume]) -> None:
        """Run the scanner to its end."""
        if self.vendor not in NETWORK_VENDORS:
            run_scanner(volumes, self._write, SERIES, self.clock, export=self.export)
            return
        at = f"127.0.0.1:{self.feed.port}"
        with network_target(self.vendor, at, SERIES, SHAPE, in_pieces=True) as put:
            run_scanner(volumes, put, SERIES, self.clock, export=self.export)

    def _write(self, file: ScannerFile) -> None:
        write_file(self.folder, file)

    def listen(self, expected: int) -> Outcome:
        """Take volumes until all have come."""
        failure: Exception | None = None
        until_s = time.monotonic() + PATIENCE_S
        try:
            while len(self.volumes) < expected and time.monotonic() < until_s:
                self.woken.wait(0.2)
                self.woken.clear()
                self.volumes += self.feed.take()
                self.complaints += self.feed.complaints()
        except Exception as error:  # told by the tests of this vendor; the others go on
            failure = error
        return Outcome(
            self.volumes, dict(self.feed.counts()), self.complaints, self.written_s,
            self.clock.now(), failure,
        )  # fmt: skip


@pytest.fixture(scope="module")
def measured() -> list[SimulatedVolume]:
    path = trajectory("walk:1.5", VOLUMES, 1)
    return list(simulate(HEAD, Programme(0, 22.0, ()), VOLUMES, TR_S, RunConfig(seed=1), path))


@pytest.fixture(scope="module")
def outcomes(
    measured: list[SimulatedVolume], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Outcome]]:
    folder = tmp_path_factory.mktemp("scanners")
    vendors = (*FOLDER_VENDORS, *NETWORK_VENDORS)
    with ExitStack() as stack:
        scans = []
        for vendor in vendors:
            scans.append(Scan(vendor, folder / vendor))
            stack.callback(scans[-1].feed.close)
        threads = [threading.Thread(target=scan.measure, args=(measured,)) for scan in scans]
        for thread in threads:
            thread.start()
        expected = {v: VOLUMES - (v != "afni") for v in vendors}
        found = {scan.vendor: scan.listen(expected[scan.vendor]) for scan in scans}
        for thread in threads:
            thread.join()
        yield found


@pytest.mark.parametrize("vendor", [*FOLDER_VENDORS, *NETWORK_VENDORS])
def test_each_volume_comes_once_whole_and_under_its_number(
    vendor: str, outcomes: dict[str, Outcome], measured: list[SimulatedVolume]
) -> None:
    outcome = outcomes[vendor]
    assert outcome.failure is None
    expected = [k for k in range(VOLUMES) if vendor == "afni" or k != DROPPED]
    assert [v.index for v in outcome.volumes] == expected, outcome.complaints
    for volume in outcome.volumes:
        np.testing.assert_array_equal(volume.data, measured[volume.index].data)
        np.testing.assert_allclose(volume.affine, HEAD.affine, atol=1e-3)
        assert volume.tr_s == pytest.approx(TR_S)
    assert len({v.series_hash for v in outcome.volumes}) == 1


@pytest.mark.parametrize("vendor", [*FOLDER_VENDORS, "vsend"])
def test_what_went_wrong_is_counted(vendor: str, outcomes: dict[str, Outcome]) -> None:
    counts = outcomes[vendor].counts
    assert counts["gaps"] == 1
    assert counts["duplicates"] + counts.get("duplicate_slices", 0) >= 1
    assert counts["truncated"] == counts["damaged"] == counts["second_series"] == 0


@pytest.mark.parametrize("vendor", [*FOLDER_VENDORS, *NETWORK_VENDORS])
def test_arrival_is_stamped_when_the_last_byte_is_there(
    vendor: str, outcomes: dict[str, Outcome]
) -> None:
    outcome = outcomes[vendor]
    for volume in outcome.volumes:
        assert volume.arrived_s is not None
        # the writer notes the time just after it has written
        assert volume.arrived_s > outcome.written_s[volume.index] - 0.1 or volume.index == TWICE
        assert volume.arrived_s < outcome.ended_s


@pytest.mark.realdata
@pytest.mark.parametrize(
    "source", ["siemens-xa30/dicom", "three-vendors/Siemens_env/funcData", "three-vendors/GE_env"]
)
def test_a_real_series_is_the_same_after_every_vendor(source: str, realdata: Path) -> None:
    recording = open_recording(realdata / "fmri" / source)
    assert isinstance(recording, FmriRecording)
    real = list(islice(recording.volumes(), 2))
    gain = min(1.0, 4095 / max(float(v.data.max()) for v in real))
    measured = [np.rint(v.data * np.float32(gain)).astype(np.int16) for v in real]
    series = make_series(1, recording.affine, recording.tr_s, (), n_volumes=2)
    for vendor, writer in FOLDER_VENDORS.items():
        reader = AnyReader(recording.tr_s)
        back = [
            volume
            for index, data in enumerate(measured)
            for name, raw in writer(data, series, index)
            for volume in reader.read(raw, name)
        ]
        assert [v.index for v in back] == [0, 1], vendor
        for volume, data in zip(back, measured, strict=True):
            np.testing.assert_array_equal(volume.data, data, vendor)
            np.testing.assert_allclose(volume.affine, recording.affine, atol=1e-3)


def test_philips_slices_through_bridge_and_acquisition(tmp_path: Path) -> None:
    session = {
        "person": "t",
        "modality": "fmri",
        "source": {"kind": "folder", "path": str(tmp_path)},
    }
    with Rig(session, mode="live") as rig:
        rig.start("acquisition", "bridge")
        rig.go("acquisition", "bridge")
        command = [
            sys.executable, "-m", "acquisition.simulate", "scanner", "--vendor", "philips",
            "--to", str(tmp_path), "--volumes", str(VOLUMES), "--tr", "0.3", "--partial",
            "--shuffle", "--matrix", "x".join(map(str, SHAPE)), "--drop", "7",
        ]  # fmt: skip
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rig.until(lambda: rig.count("acquisition", "volumes") == VOLUMES - 1)
        indices = [m.header.index for m in rig.features()]
        assert indices == [k for k in range(VOLUMES) if k != 7]
        rig.until(lambda: rig.count("bridge", "gaps") == 1)
