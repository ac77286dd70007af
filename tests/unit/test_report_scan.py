"""How a scan went, as the report tells it: figures, limits, counters, regions and maps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from phosphene import quality as names
from phosphene.messages import (
    Event,
    Message,
    Quality,
    Regions,
    RunStart,
    RunStop,
    StatMap,
    describe,
    encode,
)
from phosphene.recorder.writer import RecordingFile
from phosphene.report import build
from phosphene.report.scan import arrival_words

SHAPE = (12, 14, 9)
AFFINE = np.diag([3.0, 3.0, 4.0, 1.0])
DIMS = dict.fromkeys(("t", "underlay", "labels"), ("x", "y", "z"))


class Script:
    """Messages of a short scan."""

    def __init__(self) -> None:
        self.seq: dict[str, int] = {}

    def make(
        self, kind: type, at_s: float, arrays: dict[str, np.ndarray] | None = None, **fields: Any
    ) -> Message:
        self.seq[kind.__name__] = self.seq.get(kind.__name__, -1) + 1
        held = arrays or {}
        stamp = {"run": "r1", "seq": self.seq[kind.__name__], "t_acquired": at_s, "t_sent": at_s}
        specs = describe(held, DIMS, {})
        return Message(kind(**stamp, producer="acquisition", arrays=specs, **fields), held)

    def start(self, modality: str = "fmri") -> Message:
        facts = {"consent_scopes": "record_brain", "bundle": ""}
        return self.make(RunStart, 0.0, person="p", mode="live", modality=modality, t_wall=0.0,
                         facts=facts)  # fmt: skip

    def quality(self, index: int, **values: float) -> Message:
        return self.make(Quality, 2.0 * index, index=index, t_data=2.0 * index, values=values)

    def stop(self, **counts: dict[str, int]) -> Message:
        return self.make(RunStop, 99.0, exit_status="success", reason="the end",
                         interrupted=False, counts=counts)  # fmt: skip

    def statmap(self, t: np.ndarray, contrast: str, index: int) -> Message:
        arrays = {"t": t, "underlay": np.full(SHAPE, 90, np.uint8)}
        return self.make(StatMap, 90.0, arrays, index=index, t_data=90.0, contrast=contrast,
                         dof=31.0, affine=tuple(AFFINE.ravel().tolist()), final=True)  # fmt: skip

    def regions(self) -> Message:
        labels = np.zeros(SHAPE, np.uint8)
        labels[3:6, 3:6, 4], labels[7:9, 7:9, 5] = 1, 2
        arrays = {"underlay": np.full(SHAPE, 90, np.uint8), "labels": labels}
        return self.make(Regions, 1.0, arrays, names=("v1", "<b>"), how="the same head",
                         affine=tuple(AFFINE.ravel().tolist()))  # fmt: skip


def reported(out: Path, messages: list[Message]) -> tuple[dict[str, Any], str]:
    file = RecordingFile(out / "recording.mcap.part")
    for message in messages:
        file.add(message, encode(message))
    file.finish()
    build(out)
    return json.loads((out / "report.json").read_text()), (out / "report.html").read_text()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    out, script = tmp_path_factory.mktemp("scan"), Script()
    fd = [0.05, 0.1, 0.3, 0.05, 0.9, 0.05]
    qualities = [
        script.quality(
            k, fd_mm=v, fd_jenkinson_mm=v / 2, dvars_psc=1.0 + k, tsnr=60.0 + k,
            spike=float(k == 4), drift_psc_per_min=-0.5,
            motion_x_mm=0.1 * k, fd_low_mm=0.25, fd_high_mm=0.6,
            tr_announced_s=2.0, tr_measured_s=2.01, roi_v1_psc=0.1 * k, step_ms=10.0,
        )
        for k, v in enumerate(fd)
    ]  # fmt: skip
    t = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    t[4:6, 4:6, 4] = 7.5
    event = script.make(Event, 3.0, t_data=3.0, label="face", stream="s", duration_s=4.0)
    maps = [script.statmap(0 * t, "face - house", 2), script.statmap(t, "face - house", 5)]
    stop = script.stop(
        acquisition={"volumes": 6, "volumes_lost": 2, "volumes_late": 1, "repeated": 3},
        bridge={"duplicates": 4, "gaps": 2, "second_series": 1, "volumes_pushed": 6},
    )
    found = reported(out, [script.start(), script.regions(), event, *qualities, *maps, stop])
    return out, *found


def test_displacement_is_counted_against_the_limits_of_the_session(
    whole: tuple[Path, dict[str, Any], str],
) -> None:
    scan = whole[1]["scan"]
    moved = scan["displacement"]
    assert (moved["low_mm"], moved["high_mm"]) == (0.25, 0.6)
    assert (moved["above_low"], moved["above_high"], moved["volumes"]) == (2, 1, 6)
    assert moved["power_mm"]["max"] == 0.9
    assert moved["jenkinson_mm"]["max"] == 0.45
    assert scan["spikes"] == [4]
    assert scan["motion_range"] == {"motion_x_mm": pytest.approx(0.5)}
    assert (scan["tsnr"], scan["drift_psc_per_min"]) == (65.0, -0.5)
    assert scan["tr_s"] == {"announced": 2.0, "measured": 2.01, "triggers": None}
    assert scan["arrivals"] == {
        "volumes": 6, "volumes_lost": 2, "volumes_late": 1, "repeated": 3,
    }  # fmt: skip
    assert scan["source"] == {"duplicates": 4, "gaps": 2, "second_series": 1}
    assert all(arrival_words(name) for name in scan["arrivals"])


def test_the_newest_map_of_a_contrast_is_written_where_it_lies(
    whole: tuple[Path, dict[str, Any], str],
) -> None:
    out, found, _ = whole
    (told,) = found["scan"]["maps"]
    assert (told["contrast"], told["largest_t"], told["volumes_until"]) == ("face - house", 7.5, 5)
    image = nib.load(out / told["file"])
    np.testing.assert_allclose(image.affine, AFFINE)
    assert np.asarray(image.dataobj)[4, 4, 4] == 7.5
    assert image.header.get_intent()[:2] == ("t test", (31.0,))
    assert sorted(p.name for p in out.glob(".half*")) == []


def test_the_page_shows_it_and_needs_nothing_else(whole: tuple[Path, dict[str, Any], str]) -> None:
    page = whole[2]
    told = ("2 / 1 of 6 volumes", "2.000 / 2.010 s", "never came", "second series")
    for words in (*told, "Where the regions lie", "face - house", "tmap-01-face-house.nii.gz"):
        assert words in page, words
    for picture in ("movement and change", "signal of regions", "regions", "statistical map"):
        assert f'alt="{picture}" src="data:image/png' in page, picture
    assert '<b>"' not in page


def test_without_recorded_brain_data_there_is_neither_map_nor_region(tmp_path: Path) -> None:
    script = Script()
    quality = [script.quality(k, dvars_psc=1.0) for k in range(3)]
    found, page = reported(tmp_path, [script.start(), *quality, script.stop()])
    scan = found["scan"]
    assert (scan["displacement"], scan["regions"], scan["maps"]) == (None, None, [])
    assert "Maps" not in page
    assert list(tmp_path.glob("*.nii.gz")) == []


def test_a_run_of_eeg_is_no_scan(tmp_path: Path) -> None:
    script = Script()
    quality = [script.quality(k, rms_uv=1.0) for k in range(3)]
    found, _ = reported(tmp_path, [script.start("eeg"), *quality, script.stop()])
    assert found["scan"] is None


def test_every_figure_has_words_and_regions_are_found_again() -> None:
    assert names.region_name(names.region_key("left V1")) == "left V1"
    assert names.region_name("roi__psc") is None
    assert names.region_name("fd_mm") is None
    for key, figure in names.FIGURES.items():
        assert figure.words, key
        assert figure.meaning.endswith("."), key
    assert set(names.MOTION) | {names.FD, names.SPIKE, names.TR_MEASURED} <= set(names.FIGURES)
