"""How a scan went, as the report tells it: figures, limits, counters, regions and maps."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from phosphene import quality as names
from phosphene.messages import (
    Beat,
    Event,
    Message,
    Quality,
    Regions,
    RunStart,
    RunStop,
    StatMap,
    View,
    Volume,
    describe,
    encode,
)
from phosphene.recorder.info import info
from phosphene.recorder.writer import RecordingFile
from phosphene.report import build, figures
from phosphene.report.load import load
from phosphene.report.volumes import rows_of
from phosphene.report.words import counter_words, figure_words

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
    assert scan["spikes"] == [5], "volumes are counted from 1"
    assert scan["motion_range"] == {"motion_x_mm": pytest.approx(0.5)}
    assert (scan["tsnr"], scan["drift_psc_per_min"]) == (65.0, -0.5)
    assert scan["tr_s"] == {
        "announced": 2.0, "measured": 2.01, "scanner": None, "triggers": None,
    }  # fmt: skip
    assert scan["arrivals"] == {
        "volumes": 6, "volumes_lost": 2, "volumes_late": 1, "repeated": 3,
    }  # fmt: skip
    assert scan["source"] == {"duplicates": 4, "gaps": 2, "second_series": 1}


def test_the_newest_map_of_a_contrast_is_written_where_it_lies(
    whole: tuple[Path, dict[str, Any], str],
) -> None:
    out, found, _ = whole
    (told,) = found["scan"]["maps"]
    assert (told["contrast"], told["formula"]) == ("face > house", "face - house")
    assert (told["largest_t"], told["volumes_until"]) == (7.5, 6)
    image = nib.load(out / told["file"])
    np.testing.assert_allclose(image.affine, AFFINE)
    assert np.asarray(image.dataobj)[4, 4, 4] == 7.5
    assert image.header.get_intent()[:2] == ("t test", (31.0,))
    assert sorted(p.name for p in out.glob(".half*")) == []


def test_the_page_shows_it_and_needs_nothing_else(whole: tuple[Path, dict[str, Any], str]) -> None:
    page = whole[2]
    told = ("2 / 1 of 6 volumes", "2.0000 s announced, 2.0100 s by arrival", "did not come",
            "of another series", "1 (volume 5)")  # fmt: skip
    for words in (
        *told,
        "Where the regions lie",
        "face &gt; house",
        "tmap-01-face-over-house.nii.gz",
    ):
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


# ---- a scan with gaps, refused regions and a blank view ----------------------------------------


def beat(script: Script, producer: str, at_s: float, note: str) -> Message:
    fields = {"pid": 1, "state": "running", "counts": {}, "note": note}
    made = script.make(Beat, at_s, **fields)
    stamp = {n: getattr(made.header, n) for n in ("run", "seq", "t_acquired", "t_sent")}
    return Message(Beat(**stamp, producer=producer, **fields))


def view(script: Script, at_s: float, sink: str, reason: str) -> Message:
    return script.make(View, at_s, sink=sink, passing=not reason, reason=reason, passed=0)


REFUSED = "region 'v2' lies within the volumes by 75 % only, 80 % are wanted (roi_inside)"
GONE = "volume 3 did not come in time, the run goes on without"
LOGGED = "file left out: a.dcm: cut off"


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """Volumes 3 and 6 to 8 (counted from 1) missing, 5 late; one slice; no consent."""
    out, script = tmp_path_factory.mktemp("gaps"), Script()
    (out / "logs").mkdir()
    (out / "logs" / "bridge.log").write_text(f"bridge: {GONE}\nbridge: {LOGGED}\n")
    facts = {"consent_scopes": "", "bundle": "", "speed": "max"}
    start = script.make(RunStart, 0.0, person="p", mode="replay", modality="fmri", t_wall=0.0,
                        facts=facts)  # fmt: skip
    came = [
        script.make(Quality, 0.1 * k, index=k, t_data=2.0 * (k + 1), values={
            "dvars_psc": 1.0 + k, "header_s": 2.008 * k, "volumes": k, "fd_high_mm": 0.5,
            "volumes_late": float(k >= 4), "roi_v1_psc": 0.5 * k, "drift_psc_per_min": 0.1,
        })
        for k in (0, 1, 3, 4, 8, 9)
    ]  # fmt: skip
    told = [
        beat(script, "bridge", 0.2, "waiting for acquisition to listen to the data"),
        beat(script, "bridge", 0.3, "the folder is on ext4, a local disk"),
        beat(script, "bridge", 0.4, GONE),
        beat(script, "acquisition", 0.2, "waiting for the first volume"),
        beat(script, "acquisition", 0.4, REFUSED),
        *(beat(script, "acquisition", 0.5 + s, f"{REFUSED}; no data for {s} s") for s in range(3)),
    ]
    ends = ("decoder: not ready yet; supervisor: starting", "bridge: stopped")
    views = [
        view(script, 0.1 * k, sink, reason)
        for sink in ("self", "operator")
        for k, reason in enumerate((ends[0], "no consent file was given", ends[1]))
    ]
    stop = script.stop(acquisition={"volumes": 6, "volumes_lost": 4}, bridge={"gaps": 4})
    return out, *reported(out, [start, *came, *told, *views, stop])


def test_missing_volumes_are_named_from_one_with_the_sources_sentences(
    gaps: tuple[Path, dict[str, Any], str],
) -> None:
    _, found, page = gaps
    assert found["scan"]["volumes"] == {"lost": [3, 6, 7, 8], "refused": [], "late": [5]}
    assert found["notes"][0] == "volumes 3, 6 to 8: did not come, or left out by the source"
    assert f"bridge: {GONE}" in found["notes"]
    assert f"bridge: {LOGGED}" in found["notes"], "beats hold only the newest sentence"
    assert found["notes"].index(f"bridge: {GONE}") < found["notes"].index(
        "bridge: the folder is on ext4, a local disk"
    )
    assert sum(REFUSED in note for note in found["notes"]) == 1
    assert not any(
        "waiting for the first" in note or "no data for" in note or "waiting" in note
        for note in found["notes"]
    )
    assert "volumes 3, 6 to 8" in page


def test_a_run_without_a_decoder_says_so_once(gaps: tuple[Path, dict[str, Any], str]) -> None:
    _, found, page = gaps
    said = [note for note in found["notes"] if "nothing was decoded" in note]
    assert len(said) == 1
    assert not any(name.startswith("accuracy.") for name in found["reasons"])
    blank = [note for note in found["notes"] if note.startswith("blank")]
    assert blank == ["blank, operator view, self view: no consent file was given"]
    assert "not ready yet" not in page


def test_what_is_missing_of_regions_and_motion_has_a_reason(
    gaps: tuple[Path, dict[str, Any], str],
) -> None:
    _, found, page = gaps
    assert found["scan"]["regions_refused"] == [REFUSED]
    assert "region &#x27;v2&#x27; lies" in page
    assert "the consent does not include record_brain" in found["reasons"]["where the regions lie"]
    assert found["reasons"]["motion"].startswith("not realigned: fewer than 8 slices")
    assert "no regions were given" not in page


def test_without_any_region_shown_the_refusal_stands_for_the_curve(tmp_path: Path) -> None:
    script = Script()
    came = [script.quality(k, dvars_psc=1.0) for k in range(3)]
    told = beat(script, "acquisition", 1.0, "no region is shown: brains that overlap by 0.40")
    found, page = reported(tmp_path, [script.start(), *came, told, script.stop()])
    assert found["reasons"]["regions"] == "no region is shown: brains that overlap by 0.40"
    assert "no regions were given" not in page


def test_the_slices_of_recorded_volumes_say_why_nothing_was_realigned(tmp_path: Path) -> None:
    script, arrays = Script(), {"volume": np.zeros((8, 9, 1), np.float32)}
    specs = describe(arrays, {"volume": ("x", "y", "z")}, {})
    raw = Message(
        Volume(run="r1", seq=0, t_acquired=0.0, t_sent=0.0, producer="acquisition", arrays=specs,
               index=0, t_data=2.0, tr_s=2.0, affine=tuple(AFFINE.ravel().tolist())),
        arrays,
    )  # fmt: skip
    came = [script.quality(k, dvars_psc=1.0) for k in range(2)]
    _, page = reported(tmp_path, [script.start(), raw, *came, script.stop()])
    assert "not realigned: fewer than 8 slices (1)" in page


def test_every_clock_of_the_repetition_time_is_told(
    gaps: tuple[Path, dict[str, Any], str],
) -> None:
    out, found, page = gaps
    tr = found["scan"]["tr_s"]
    assert (tr["announced"], tr["measured"]) == (2.0, None)
    assert tr["scanner"] == pytest.approx(2.008)
    words = "2.0000 s announced, 2.0080 s by the scanner's clock"
    assert words in page
    told = info(out)
    assert words in told
    assert "20.0 s of data in" in told


def test_the_length_of_the_data_is_not_the_time_it_took(
    gaps: tuple[Path, dict[str, Any], str],
) -> None:
    _, found, page = gaps
    assert (found["data_s"], found["wall_s"]) == (20.0, 99.0)
    assert "20.0 s of data, 99.0 s by the clock" in page


def test_the_table_has_every_volume_and_no_region_without_consent(
    gaps: tuple[Path, dict[str, Any], str], whole: tuple[Path, dict[str, Any], str]
) -> None:
    with (gaps[0] / "volumes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["volume"] for row in rows] == [str(k) for k in range(1, 11)]
    assert [row["flag"] for row in rows] == ["", "", "lost", "", "late", "lost", "lost", "lost",
                                             "", ""]  # fmt: skip
    assert [row["t_s"] for row in rows[1:4]] == ["4", "6", "8"]
    assert (rows[2]["dvars_psc"], rows[3]["dvars_psc"]) == ("", "4")
    assert not any(name.startswith("roi_") for name in rows[0])
    with (whole[0] / "volumes.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert {*names.MOTION, "fd_mm", "fd_jenkinson_mm", "spike", "roi_v1_psc"} <= set(first)
    assert 'href="volumes.csv"' in gaps[2]


def test_curves_are_not_drawn_through_gaps(gaps: tuple[Path, dict[str, Any], str]) -> None:
    data = load(gaps[0])
    figure = figures.motion(data)
    assert figure is not None
    (line,) = [one for one in figure.axes[0].lines if len(one.get_xdata()) > 2]
    times, values = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    assert times[np.isnan(values)].tolist() == [6.0, 14.0]
    assert values[~np.isnan(values)].tolist() == [1.0, 2.0, 4.0, 5.0, 9.0, 10.0]
    assert len(rows_of(data)) == 10


def test_only_measurements_are_summed_up_each_with_words_and_unit(
    gaps: tuple[Path, dict[str, Any], str],
) -> None:
    quality = gaps[1]["quality"]
    assert set(quality) == {"dvars_psc", "roi_v1_psc"}
    assert (quality["dvars_psc"]["words"], quality["dvars_psc"]["unit"]) == ("DVARS", "%")
    assert figure_words("fd_high_mm") is None
    assert figure_words("ptp_Cz_uv") == (
        "peak to peak of an epoch, after the decoder's filters, channel Cz",
        "µV",
    )
    assert figure_words("lag_ms") == ("behind the punctual volumes", "ms")


def test_each_counter_is_told_once_and_in_words(gaps: tuple[Path, dict[str, Any], str]) -> None:
    told = counter_words({"volumes": 6, "volumes_lost": 4}, {"gaps": 4, "damaged": 0, "new": 1})
    assert told == [("volumes taken", 6), ("volumes that did not come", 4), ("source: new", 1)]
    assert gaps[2].count("volumes that did not come") == 1
    assert gaps[2].count("drift over the run") == gaps[2].lower().count("drift") == 1
