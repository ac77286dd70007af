"""What the node makes of volumes: in which order, for whom, and how often."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from acquisition import fmri_take
from acquisition.fmri.volume import Volume as BrainVolume
from acquisition.fmri_take import FmriTake
from acquisition.lsl.formats import VolumeFormat
from acquisition.lsl.inlet import VolumeSample
from acquisition.lsl.place import PLACE_FIGURES, place_figures
from acquisition.regions import RegionFinder
from acquisition.take import Out
from phosphene import quality as names
from phosphene.clock import FakeClock
from phosphene.errors import InputError
from phosphene.messages import Features, Quality, Regions, StatMap, Volume
from phosphene.plan import Plan

TR_S = 2.0
SHAPE = (10, 10, 4)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
BRAIN = np.full(SHAPE, 20.0, np.float32)
BRAIN[2:8, 2:8] = 900.0
SLICES_S = (0.0, 0.5, 1.0, 1.5)
N = 40


class Volumes:
    """An inlet that brings what a test puts into it."""

    layout = VolumeFormat(SHAPE, AFFINE, TR_S, slice_times_s=SLICES_S)

    def __init__(self, *_: object, **__: object) -> None:
        self.waiting: deque[VolumeSample] = deque()
        self.link = SimpleNamespace(connected=True, trouble="", n_reconnects=0)

    def pull(self, timeout_s: float) -> VolumeSample | None:
        return self.waiting.popleft() if self.waiting else None


class Bench:
    """A take and the hands of its node."""

    def __init__(
        self, folder: Path, speed: float | None, fmri: dict[str, Any], first: int = 0
    ) -> None:
        session = {
            "person": "p", "modality": "fmri", "source": {"kind": "recording", "path": "x"},
            "acquisition": {"fmri": fmri},
        }  # fmt: skip
        plan = Plan.model_validate(
            {"run": "r", "folder": folder, "mode": "replay", "speed": speed, "session": session}
        )
        self.clock = FakeClock(100.0)
        self.take = FmriTake(plan, None, first, first, ("v",), self.clock.now)
        self.inlet: Volumes = self.take.inlet  # type: ignore[assignment]

    def volume(self, index: int, extra: np.ndarray | float = 0.0, **figures: float) -> list[Out]:
        """Bring one volume and return what comes of it."""
        noise = np.random.default_rng(index).normal(0, 5, SHAPE).astype(np.float32)
        data = (BRAIN + noise + extra).astype(np.float32)
        stamp_s = 50.0 + TR_S * index
        self.inlet.waiting.append(VolumeSample(data, index, stamp_s, False, figures))
        return list(self.take.pull(0.01))

    def run(self) -> list[Out]:
        """Bring a run with two kinds of blocks, one of which does something."""
        made = []
        for k in range(N):
            if k % 10 in (0, 5):
                label = "face" if k % 10 else "house"
                list(self.take.marker(k * TR_S, label, 0.0, 4.0))
            after = (k % 10) in (7, 8)
            made += self.volume(k, np.where(BRAIN > 100, 30.0 * after, 0.0))
        return made


Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    monkeypatch.setattr(fmri_take, "VolumeInlet", Volumes)
    return lambda speed=1.0, first=0, **fmri: Bench(tmp_path, speed, fmri, first)


def kinds(made: list[Out]) -> list[tuple[type, str]]:
    return [(out.kind, out.to) for out in made]


def test_features_come_first_and_raw_data_goes_to_the_recorder_alone(make: Make) -> None:
    bench = make()
    made = bench.volume(0)
    assert kinds(made) == [(Features, "all"), (Quality, "all"), (Volume, "recorder")]
    assert made[2].fields["slice_times_s"] == SLICES_S
    assert made[2].fields["slice_axis"] == 2
    bench.inlet.waiting.append(VolumeSample(np.full(SHAPE, np.nan, np.float32), 1, 52.0, False))
    assert kinds(list(bench.take.pull(0.0))) == [(Volume, "recorder")]
    assert bench.take.counts()["volumes_refused"] == 1
    assert "not finite" in bench.take.trouble(ended=False)


def test_a_volume_takes_its_own_place_along(make: Make) -> None:
    bench = make()  # four slices: nothing is realigned, so a volume from elsewhere is refused
    near, far = AFFINE.copy(), AFFINE.copy()
    near[1, 3] += 0.05
    far[1, 3] += 2.5
    bench.volume(0)
    made = bench.volume(1, **place_figures(near, AFFINE))
    assert kinds(made) == [(Features, "all"), (Quality, "all"), (Volume, "recorder")]
    assert not set(made[1].fields["values"]) & set(PLACE_FIGURES)
    assert made[2].fields["affine"] == pytest.approx(tuple(near.flat))
    assert kinds(bench.volume(2, **place_figures(far, AFFINE))) == [(Volume, "recorder")]
    assert "2.50 mm" in bench.take.trouble(ended=False)


def test_quality_says_how_volumes_come(make: Make) -> None:
    bench = make()
    for k in (0, 1, 2, 3, 5):
        made = bench.volume(k, trigger_to_arrival_ms=12.5)
    values = made[1].fields["values"]
    assert values[names.TR_ANNOUNCED] == TR_S
    assert values[names.TR_MEASURED] == pytest.approx(TR_S)
    assert (values[names.VOLUMES], values[names.LOST], values[names.LATE]) == (5, 1, 0)
    assert values[names.TRIGGER] == 12.5
    assert set(values) <= set(names.FIGURES)
    fast = make(speed=None)
    for k in range(6):
        made = fast.volume(k)
    assert names.TR_MEASURED not in made[1].fields["values"], "at full speed it says nothing"


def test_maps_are_shown_once_a_second_while_nothing_waits_and_told_at_the_end(make: Make) -> None:
    bench = make()
    assert list(bench.take.finish()) == []
    bench.run()
    (shown,) = list(bench.take.pull(0.0))
    assert (shown.kind, shown.to) == (StatMap, "listeners")
    assert shown.fields["contrast"] == "face - house"
    assert set(shown.arrays) == {"t", "underlay"}
    bench.volume(N)
    assert list(bench.take.pull(0.0)) == [], "not so soon again"
    bench.clock.advance(1.1)
    (again,) = list(bench.take.pull(0.0))
    assert again.fields["index"] == N
    bench.clock.advance(1.1)
    assert list(bench.take.pull(0.0)) == [], "nothing new"
    told = list(bench.take.finish())
    assert {(out.kind, out.to) for out in told} == {(StatMap, "all")}
    assert [out.fields["contrast"] for out in told] == [
        "face - house", "0.5000 * face + 0.5000 * house", "face", "house",
    ]  # fmt: skip
    assert all(out.fields["final"] for out in told)
    assert float(np.median(told[0].arrays["t"][BRAIN > 100])) > 3


def test_at_full_speed_only_the_end_is_told(make: Make) -> None:
    bench = make(speed=None)
    bench.run()
    assert list(bench.take.pull(0.0)) == []
    assert list(bench.take.finish())


def test_a_volume_waits_until_the_regions_are_placed(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "roi.nii"
    fine = np.zeros((20, 20, 8), np.float32)
    fine[8:12, 8:12, 2:6] = 1.0
    half = np.diag([1.5, 1.5, 1.5, 1.0])
    half[:3, 3] = -0.75
    nib.save(nib.Nifti1Image(fine, half), path)
    bench = make(rois={"v1": path})
    ready = [False, False]
    waiting = RegionFinder.wait
    monkeypatch.setattr(
        RegionFinder, "wait", lambda self, s: waiting(self, 10) and ready.pop() if ready else True
    )
    assert bench.volume(0) == []
    assert bench.take.next_index == 0, "it counts as taken only when it is processed"
    assert "laying the regions" in bench.take.trouble(ended=False)
    assert bench.volume(1) == []
    made = list(bench.take.pull(0.0))
    assert kinds(made)[-1] == (Regions, "all")
    assert made[-1].fields["names"] == ("v1",)
    labels = made[-1].arrays["labels"]
    np.testing.assert_array_equal(np.argwhere(labels).min(0), [4, 4, 1])
    assert labels.sum() == 2 * 2 * 2
    made = list(bench.take.pull(0.0))
    assert kinds(made) == [(Features, "all"), (Quality, "all"), (Volume, "recorder")]
    assert names.region_key("v1") in made[1].fields["values"]
    bench.take.close()


def test_a_region_elsewhere_is_told_and_the_run_goes_on(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "roi.nii"
    away = AFFINE.copy()
    away[:3, 3] = 500.0
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.float32), away), path)
    bench = make(rois={"v1": path}, mask=path)
    bench.take.prepare(lambda: None)
    bench.take._finder.begin(BrainVolume(BRAIN, AFFINE, 0, TR_S))
    bench.take._finder.close()
    assert kinds(bench.volume(0))[0] == (Features, "all")
    assert "the brain is found instead" in bench.take.trouble(ended=False)


def test_a_contrast_that_cannot_be_read_is_refused_at_the_start(make: Make) -> None:
    with pytest.raises(InputError, match=r"contrasts: contrast: got 'face - face'"):
        make(contrasts=("face - house", "face - face"))


def test_betas_are_features_of_their_events(make: Make) -> None:
    found = {}
    for speed in (1.0, None):
        bench = make(speed=speed, features="beta", beta_delay_s=6.0)
        made = [out for out in bench.run() if out.kind is Features]
        assert [out.fields["index"] for out in made] == list(range(len(made)))
        assert [out.fields["t_event"] for out in made] == [10.0 * k for k in range(len(made))]
        assert {out.fields["kind"] for out in made} == {"fmri-beta"}
        assert bench.take.next_feature == len(made) >= 7
        for out in made:
            since_s = out.fields["t_data"] - TR_S / 2 - out.fields["t_event"]
            assert 6.0 <= since_s < 6.0 + TR_S, "as soon as the delay has passed"
        ready = [out for out in made if out.fields["ready"]]
        mean = {
            label: np.mean([out.arrays["x"].mean() for out in ready if out.fields["note"] == label])
            for label in ("face", "house")
        }
        assert mean["face"] > mean["house"]
        found[speed] = [out.arrays["x"].tobytes() for out in made]
    assert found[1.0] == found[None]


def test_after_a_restart_reference_and_mask_stay_and_it_is_told(make: Make) -> None:
    bench = make()
    before = [bench.volume(k)[0].fields["mask_hash"] for k in range(3)]
    assert bench.take.trouble(ended=False) == ""
    again = make(first=6)
    # A brain of another size, as after a movement: found anew, its mask would be another one.
    smaller = np.where(np.arange(10)[:, None, None] < 4, 20.0 - BRAIN, 0.0)
    made = again.volume(6, smaller)
    assert made[0].fields["mask_hash"] == before[0]
    assert again.take._chain is not None
    reference = again.take._chain.core.reference
    assert reference is not None
    assert bench.take._chain is not None
    assert bench.take._chain.core.reference is not None
    np.testing.assert_array_equal(reference.data, bench.take._chain.core.reference.data)
    told = again.take.trouble(ended=False)
    assert "started again at volume 7" in told
    assert "reference and mask stay" in told


def test_the_session_may_name_the_reference(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "earlier.nii"
    noise = np.random.default_rng(77).normal(0, 5, SHAPE)
    earlier = (BRAIN + noise).astype(np.float32)
    nib.save(nib.Nifti1Image(earlier, AFFINE), path)
    bench = make(reference=path)
    assert kinds(bench.volume(0))[0] == (Features, "all")
    assert bench.take._chain is not None
    reference = bench.take._chain.core.reference
    assert reference is not None
    np.testing.assert_array_equal(reference.data, earlier)
    assert bench.take.trouble(ended=False) == ""
    bench.take.close()


def test_heart_and_breathing_are_in_the_model(make: Make, tmp_path: Path) -> None:
    times_s = np.arange(0, N * TR_S, 0.02)
    wave = 1000 * np.exp(8 * (np.cos(2 * np.pi * times_s / 0.9) - 1))
    path = tmp_path / "x_physio.tsv"
    path.write_text("".join(f"{v:.2f}\n" for v in wave))
    told = {"Columns": ["cardiac"], "SamplingFrequency": 50.0, "StartTime": 0.0}
    (tmp_path / "x_physio.json").write_text(json.dumps(told))
    found = {}
    for name, more in {"with": {"physio": path}, "without": {}}.items():
        bench = make(speed=None, **more)
        bench.run()
        found[name] = next(iter(bench.take.finish())).fields["dof"]
    assert found["with"] == found["without"] - 6
