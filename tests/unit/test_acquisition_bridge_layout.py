"""What a stream of volumes carries stays the same over a restart, and so does its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition.bridge import node as bridge_node
from acquisition.bridge.bell import ThreadBell
from acquisition.bridge.node import Bridge
from acquisition.bridge.sources import LiveVolumes, Replay, mask_hash_of
from acquisition.bridge.timeline import VolumeItem
from acquisition.fmri.volume import Volume
from acquisition.lsl.formats import VolumeFormat
from acquisition.progress import Progress
from acquisition.sources.dicom import DicomReader
from acquisition.sources.identity import new_key
from acquisition.sources.recording import FmriRecording
from phosphene.bus import RunFolder
from phosphene.clock import FakeClock
from phosphene.errors import InputError
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.session import Session

FORMAT = VolumeFormat((2, 2, 2), np.eye(4), 1.0, slice_times_s=(0.0, 0.5))


def place(z_mm: float) -> np.ndarray:
    affine = np.eye(4)
    affine[2, 3] = z_mm
    return affine


def volume(index: int, z_mm: float = 0.0, late_s: float = 0.0) -> Volume:
    data = np.full((2, 2, 2), index, np.float32)
    return Volume(data, place(z_mm), index, 1.0, slice_times_s=(0.0, 0.5 + late_s))


class Feed:
    """Hands out what it was given."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self.come = list(volumes)

    def take(self) -> Iterator[Volume]:
        while self.come:
            yield self.come.pop(0)

    def counts(self) -> Mapping[str, int]:
        return {"other_matrix": 2}

    def complaints(self) -> Sequence[str]:
        return ("of the feed",)

    def close(self) -> None:
        pass


def live(folder: Path, volumes: Sequence[Volume], first: int = 0) -> LiveVolumes:
    session = {
        "person": "t", "modality": "fmri", "source": {"kind": "folder", "path": folder},
    }  # fmt: skip
    plan = Plan(run="r", folder=folder, mode="live", session=Session.model_validate(session))
    return LiveVolumes(plan, first, Feed(volumes), folder / "bridge.layout")


def taken(source: LiveVolumes | Replay) -> list[int]:
    found = []
    while source.peek() is not None:
        item = source.take()
        if isinstance(item, VolumeItem):
            found.append(item.volume.index)
    return found


def test_a_bridge_that_starts_again_describes_its_stream_as_before(tmp_path: Path) -> None:
    before = live(tmp_path, [volume(0)]).layout()
    again = live(tmp_path, [volume(5, 1e-4, late_s=0.0025)], first=5)
    layout = again.layout()
    assert before is not None
    assert layout is not None
    assert layout.slice_times_s == before.slice_times_s == (0.0, 0.5)
    np.testing.assert_array_equal(layout.affine, before.affine)
    assert (layout.shape, layout.tr_s) == (before.shape, before.tr_s)
    assert taken(again) == [5]


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"slice_times_s": (0.0, 0.5025)}, True),
        ({"slice_times_s": None}, True),
        ({"affine": place(0.001)}, True),
        ({"affine": place(0.5)}, False),
        ({"tr_s": 1.0000004}, True),
        ({"tr_s": 1.01}, False),
        ({"shape": (2, 2, 3)}, False),
        ({"unit": "percent"}, False),
        ({"mask_hash": "m"}, False),
        ({"figures": ("header_s",)}, False),
    ],
)
def test_a_stream_may_come_back_as_far_as_headers_round(
    changed: dict[str, object], same: bool
) -> None:
    other = replace(FORMAT, **changed)  # type: ignore[arg-type]
    assert FORMAT.same_as(other) is same
    assert other.same_as(FORMAT) is same


def test_volumes_measured_elsewhere_go_on_and_are_told_of(tmp_path: Path) -> None:
    source = live(
        tmp_path,
        [volume(0), volume(1, 12.0), volume(2, 12.0), volume(3, 0.01), volume(4, 0.2)],
    )
    assert taken(source) == [0, 1, 2, 3, 4]
    assert source.counts()["moved"] == 3
    told = [line for line in source.complaints() if "was measured" in line]
    assert [line.split(" was measured")[0] for line in told] == ["volume 2", "volume 5"]
    assert "12.00 mm" in told[0]


def test_after_a_restart_the_run_keeps_its_matrix_and_the_place_it_counts_from(
    tmp_path: Path,
) -> None:
    assert taken(live(tmp_path, [volume(0)])) == [0]
    wide = Volume(np.zeros((2, 2, 3), np.float32), np.eye(4), 2, 1.0)
    source = live(tmp_path, [volume(1, 12.0), wide, volume(3)], first=1)
    assert taken(source) == [1, 3]
    assert (source.counts()["moved"], source.counts()["other_matrix"]) == (1, 2 + 1)


def test_a_replay_tells_of_them_alike() -> None:
    made = FmriRecording(
        run="1", tr_s=1.0, shape=(2, 2, 2), affine=np.eye(4), n_volumes=3,
        events=(), mask=None, sources={},
        read=lambda _: iter([volume(0), volume(1, 3.0), volume(2)]),
    )  # fmt: skip
    source = Replay(made, 0, 1.0)
    assert taken(source) == [0, 1, 2]
    assert source.counts()["moved"] == 1
    assert any("was measured up to 3.00 mm" in line for line in source.complaints())


class Manifest:
    mask_hash = "m" * 64


class Fitted:
    manifest = Manifest()


def test_the_stream_names_the_mask_of_the_persons_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plan(bundle: Path | None) -> Plan:
        session = {
            "person": "t", "modality": "fmri", "source": {"kind": "folder", "path": tmp_path},
            "decoder": {"bundle": bundle},
        }  # fmt: skip
        held = Session.model_validate(session)
        return Plan(run="r", folder=tmp_path, mode="live", session=held)

    assert mask_hash_of(plan(None)) == ""
    assert mask_hash_of(plan(tmp_path / "gone")) == "", "acquisition tells why it is of no use"
    monkeypatch.setattr("acquisition.bridge.sources.Bundle.load", lambda _: Fitted())
    made = mask_hash_of(plan(tmp_path))
    assert made == "m" * 64

    offered: list[VolumeFormat] = []

    class Outlet:
        def __init__(self, *given: object) -> None:
            offered.extend(g for g in given if isinstance(g, VolumeFormat))

        def has_reader(self) -> bool:
            return False

        def close(self) -> None:
            pass

    monkeypatch.setattr(bridge_node, "VolumeOutlet", Outlet)
    monkeypatch.setattr(bridge_node, "MarkerOutlet", Outlet)
    where = RunFolder.create("t", tmp_path).path
    context = NodeContext("bridge", plan(None).model_copy(update={"folder": where}), FakeClock(0.0))
    progress = Progress(where / "bridge.progress")
    bridge = Bridge(context, live(tmp_path, [volume(0)]), progress, ThreadBell(context.zmq), made)
    bridge.step()
    bridge.close()
    context.close()
    assert [layout.mask_hash for layout in offered] == ["m" * 64]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["siemens-xa30", "three-vendors/GE_env"])
def test_a_real_scan_goes_on_from_any_volume(realdata: Path, tmp_path: Path, name: str) -> None:
    reader, volumes = DicomReader(new_key()), []
    for file in sorted(f for f in (realdata / "fmri" / name).rglob("*") if f.is_file()):
        with suppress(InputError):  # notes that lie beside the images
            volumes += reader.read(file.read_bytes(), file.name)
    volumes.sort(key=lambda v: v.index)
    assert len({v.slice_times_s for v in volumes}) > 1
    first = live(tmp_path, volumes[:3]).layout()
    for begin in range(1, len(volumes)):
        again = live(tmp_path, volumes[begin:], begin)
        layout = again.layout()
        assert layout is not None
        assert layout.same_as(first)
        assert layout.slice_times_s == first.slice_times_s  # type: ignore[union-attr]
        assert taken(again) == list(range(begin, len(volumes)))
