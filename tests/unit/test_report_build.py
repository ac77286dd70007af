from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import av
import msgspec
import numpy as np
import pytest

from phosphene.errors import RecordingError
from phosphene.marking import LABEL
from phosphene.messages import (
    Beat,
    Event,
    Features,
    Frame,
    FrameInfo,
    Message,
    Percept,
    Quality,
    RunStart,
    View,
)
from phosphene.report import Shown, build
from phosphene.report.accuracy import Joined
from phosphene.report.pictures import Pair, pairs_of
from phosphene.report.preview import PreviewFilm, said_of
from phosphene.report.strip import full_size, strip
from phosphene.stimuli import draw, make_programme
from tests.unit.report_bench import DELAY_S, PROGRAMME, Script, report, whole_run, without, write


@pytest.fixture
def figureless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots out where only the numbers are looked at: they take most of the time."""
    for name in ("confidence", "regions", "motion", "latency"):
        monkeypatch.setattr(f"phosphene.report.figures.{name}", lambda *_: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("whole")
    write(out, whole_run())
    return out, report(out)


def test_a_strip_of_one_picture_says_in_full_what_it_is() -> None:
    shown = np.zeros((64, 64, 3), np.uint8)
    pair = Pair(8.0, shown, shown, "cat", "cat", 0.5)
    one, many = strip([pair]), strip([pair] * 8)
    assert one is not None and many is not None
    foot = many[-15:]
    ink = np.flatnonzero((foot < 200).any(axis=(0, 2)))
    assert one.shape[1] > ink.max(), "the label's last letter is on it"
    assert np.array_equal(one[-15:, : ink.max() + 1], foot[:, : ink.max() + 1])


def test_the_report_of_a_whole_run_has_every_part(whole: tuple[Path, dict[str, Any]]) -> None:
    out, found = whole
    assert (found["run"], found["person"], found["exit_status"]) == ("r1", "p01", "success")
    assert found["interrupted"] is False
    assert found["counts"]["percepts"] == 36
    assert found["counts"]["frames"] == found["counts"]["frames_recorded"] == 36 * 4
    assert found["quality"]["fd_mm"]["max"] == pytest.approx(0.14)
    assert found["reasons"] == {
        "accuracy.auc": found["accuracy"]["reasons"]["auc"],
        "where the regions lie": "no picture of them was recorded",
    }
    page = (out / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    assert "AI-generated from brain data" in page
    assert "record_brain, record_images" in page
    assert not re.search(r'(src|href)="(?!data:|volumes.csv")', page), "the page needs nothing else"


def test_latencies_are_those_of_the_stamps(whole: tuple[Path, dict[str, Any]]) -> None:
    latency = whole[1]["latency_ms"]
    expected = {
        "acquired_to_features": 20, "features_to_percept": 30, "percept_to_frame": 11,
        "acquired_to_frame": 61, "acquired_to_passed": 62, "frame_interval": 250,
        "frame_interval_deviation": 0,
    }  # fmt: skip
    for stage, ms in expected.items():
        assert latency[stage]["p50"] == pytest.approx(ms, abs=0.01), stage
    assert latency["percept_to_frame"]["n"] == 36


def test_a_good_decoder_scores_high_and_its_shuffled_control_at_chance(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    scores = whole[1]["accuracy"]["detail"]
    for name in ("two_way", "two_way_per_clip", "two_way_picture", "two_way_picture_per_clip"):
        score = scores[name]
        assert score["value"] > 0.8, name
        assert score["chance"] == 0.5
        assert abs(score["shuffled"] - 0.5) < 0.12, name
        assert "b" * 12 in score["split"]
        assert "2-way identification" in score["rule"]
    assert scores["two_way"]["n"] == 24
    assert scores["two_way_per_clip"]["n"] == 6
    assert scores["n_way"]["ways"] == 6
    assert scores["n_way"]["chance"] == pytest.approx(1 / 6)
    assert scores["label_per_block"]["value"] == 1.0
    # Six of the eight categories are shown, each as often.
    assert scores["label"]["chance"] == pytest.approx(1 / 6)


def test_each_score_stands_flat_beside_its_chance_and_control(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    scores = whole[1]["accuracy"]
    for name in ("two_way", "n_way", "n_way_label"):
        detail = scores["detail"][name]
        assert scores[name] == detail["value"]
        assert scores["chance"][name] == detail["chance"]
        assert scores["shuffled"][name] == detail["shuffled"]
    assert scores["auc"] is None
    assert "auc" not in scores["chance"]


def test_the_report_says_what_painted_and_each_change(whole: tuple[Path, dict[str, Any]]) -> None:
    painting = whole[1]["painting"]
    assert (painting["model"], painting["weights"]) == ("world-64", "ab" * 8)
    assert (painting["engine"], painting["size_px"]) == ("ONNX Runtime 1", 64)
    assert painting["settings"]["path"] == "smooth"
    (change,) = painting["changes"]
    assert change["changed"] == {"path": ["smooth", "hold"]}
    assert change["t_s"] == pytest.approx(10.5, abs=0.1)
    page = (whole[0] / "report.html").read_text()
    assert "<h2>Painting</h2>" in page
    assert "path: smooth to hold" in page


def test_captions_tell_a_neutral_frame_and_the_confidence() -> None:
    headers = [m.header for m in whole_run() if isinstance(m.header, Frame)]
    shown = msgspec.structs.replace(headers[0], confidence=0.625)
    assert said_of(shown) == f"{LABEL}, confidence 0.62"
    unsure = msgspec.structs.replace(shown, state="neutral", confidence=0.05)
    assert said_of(unsure, 0.1) == "confidence 0.05, too low for a picture: neutral"
    assert said_of(unsure, 0.05) == "confidence 0.05, neutral: no picture", "for another reason"
    assert said_of(msgspec.structs.replace(unsure, percept_seq=-1)) == "neutral: nothing decoded"


def test_what_was_seen_is_drawn_at_the_size_of_what_was_decoded() -> None:
    block = PROGRAMME.blocks[0]
    shown = Shown(block.onset_s, block.duration_s, "x", block.clip)
    percept = next(m for m in whole_run() if isinstance(m.header, Percept)
                   and m.header.t_seen > block.onset_s)  # fmt: skip
    decoded = np.zeros((256, 256, 3), np.uint8)
    key = percept.header.t_sent
    (pair,) = pairs_of([Joined(percept, 0, shown)], {key: decoded})
    assert pair.seen is not None
    assert pair.seen.shape == decoded.shape
    ((words, both),) = full_size([pair])
    assert both.shape == (256, 512, 3)
    assert "x 2 s" in words


def test_the_preview_shows_seen_beside_decoded(whole: tuple[Path, dict[str, Any]]) -> None:
    with av.open(str(whole[0] / "preview.mp4")) as film:
        stream = film.streams.video[0]
        frames = [f.to_ndarray(format="rgb24") for f in film.decode(stream)]
        assert stream.average_rate == 4
        assert film.metadata["comment"] == "AI-generated from brain data"
    assert len(frames) == 36 * 4
    assert frames[0].shape == (256 + 24, 512, 3)
    scene = PROGRAMME.scene_at(8.0 - DELAY_S)
    assert scene is not None
    left, right = frames[8 * 4 + 3][:256, :256], frames[8 * 4 + 3][:256, 256:]
    truth = np.repeat(np.repeat(draw(scene), 4, axis=0), 4, axis=1).astype(float)
    assert np.abs(left - truth).mean() < 12
    assert np.corrcoef(right.ravel(), truth.ravel())[0, 1] > 0.7


def test_a_decoder_of_noise_scores_at_chance(tmp_path: Path, figureless: None) -> None:
    programme = make_programme(5, 16, clip_s=4.0, rest_s=1.0, lead_in_s=1.0)
    messages = Script(programme, noise=1000.0, fps=1.0).all()
    write(tmp_path, filter(without((Frame,)), messages))
    scores = report(tmp_path)["accuracy"]["detail"]
    assert abs(scores["two_way"]["value"] - 0.5) < 0.1
    assert scores["two_way"]["low"] < 0.5 < scores["two_way"]["high"]
    assert scores["label"]["value"] < 0.3


def test_without_recorded_pictures_none_appears_anywhere(tmp_path: Path, figureless: None) -> None:
    start = Script(PROGRAMME).start(consent_scopes="record_brain")
    messages = [start, *whole_run()[1:]]
    (tmp_path / "preview.mp4").write_bytes(b"of an earlier report")
    write(tmp_path, filter(without((Frame,)), messages))
    found = report(tmp_path)
    assert not (tmp_path / "preview.mp4").exists()
    page = (tmp_path / "report.html").read_text()
    assert 'alt="seen above decoded' not in page
    assert "the consent does not include record_images" in page
    assert found["accuracy"]["two_way_picture"] is None
    assert found["latency_ms"]["acquired_to_passed"] is None
    assert found["accuracy"]["two_way"] > 0.8


def test_without_any_consent_quality_is_still_reported(tmp_path: Path, figureless: None) -> None:
    brain = (Features, Percept, Frame, FrameInfo, Event)
    script = Script(PROGRAMME)
    messages = [script.start(consent_scopes=""), *list(filter(without(brain), whole_run()))[1:]]
    view = View(
        **script.head("gate", "view", 100.0, 100.0), sink="self", passing=False,
        reason="no consent file was given", passed=0,
    )  # fmt: skip
    write(tmp_path, [*messages, Message(view)])
    found = report(tmp_path)
    assert found["counts"]["percepts"] == 0
    assert set(found["latency_ms"].values()) == {None}
    assert found["quality"]["dvars_psc"]["n"] == 36
    assert found["views"]["self"]["blank_because"] == ["no consent file was given"]
    assert (
        "needs the consent scope record_brain" in found["reasons"]["latency_ms.features_to_percept"]
    )


def test_an_interrupted_run_gets_a_report_from_all_its_parts(
    tmp_path: Path, figureless: None
) -> None:
    # One frame of eight: the film of them is looked at elsewhere.
    kept = itertools.cycle([True] + 7 * [False])
    messages = [m for m in whole_run() if not isinstance(m.header, Frame) or next(kept)]
    script = Script(PROGRAMME)
    beats = [
        Message(Beat(**script.head("renderer", "beat", 101.0 + pid, 101.0), pid=pid,
                     state="running", counts={"frames": 10 * pid}))
        for pid in (1, 2)
    ]  # fmt: skip
    first = write(tmp_path, messages[:200])
    data = first.read_bytes()
    first.unlink()
    (tmp_path / "recording.mcap.part").write_bytes(data[: len(data) * 9 // 10])
    write(tmp_path, [messages[0], *messages[200:-1], *beats], "recording-002.mcap.part")
    found = report(tmp_path)
    assert found["interrupted"] is True
    assert found["exit_status"] == "fail"
    assert found["counts"]["frames"] == 30, "summed over the renderer's two lives"
    assert found["files"] == ["recording.mcap.part", "recording-002.mcap"]
    assert found["accuracy"]["two_way"] > 0.8


@pytest.mark.parametrize(
    "keep", [(RunStart,), (Quality,), (RunStart, Percept), (FrameInfo, RunStart)]
)
def test_any_part_of_a_recording_gives_a_report(tmp_path: Path, keep: tuple[type, ...]) -> None:
    messages = [m for m in whole_run() if isinstance(m.header, (*keep, RunStart))]
    write(tmp_path, messages)
    found = report(tmp_path)
    assert found["exit_status"] == "fail"
    assert (found["accuracy"]["two_way"] is None) == (keep != (Event, Percept))
    for name, score in found["accuracy"]["detail"].items():
        assert score is not None or found["accuracy"]["reasons"][name]


def test_labels_alone_give_accuracy_and_auc(tmp_path: Path, figureless: None) -> None:
    programme = make_programme(2, 8, 4.0, 1.0, 1.0, categories=("face", "house"))
    script = Script(programme, fps=1.0)
    messages = list(filter(without((Event, Frame)), script.all()))
    events = [
        Message(
            Event(
                **script.head("a", "e", 100.0, 100.0), t_data=b.onset_s,
                label=b.clip.start.category, stream="s", detail='{"duration_s": 4.0}',
            )
        )
        for b in programme.blocks
    ]  # fmt: skip
    write(tmp_path, [messages[0], *events, *messages[1:]])
    scores = report(tmp_path)["accuracy"]["detail"]
    assert scores["auc"]["value"] > 0.9
    assert abs(scores["auc"]["shuffled"] - 0.5) < 0.1
    assert scores["label"]["n"] == 32
    assert scores["two_way"] is None


def test_truth_can_be_given(tmp_path: Path, figureless: None) -> None:
    write(tmp_path, filter(without((Event, Frame)), whole_run()))
    assert report(tmp_path)["accuracy"]["two_way"] is None
    assert report(tmp_path, PROGRAMME)["accuracy"]["two_way"] > 0.8
    shown = [Shown(b.onset_s, b.duration_s, b.clip.start.category) for b in PROGRAMME.blocks]
    scores = report(tmp_path, shown)["accuracy"]["detail"]
    assert scores["two_way"] is None
    assert scores["label"]["n"] == 24


def test_a_folder_without_a_recording_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no recording"):
        build(tmp_path)


def test_the_left_of_the_film_says_what_was_seen_or_that_nothing_is_decoded_yet(
    tmp_path: Path,
) -> None:
    header = next(m.header for m in whole_run() if isinstance(m.header, Frame))
    block = PROGRAMME.blocks[0]
    shown = [Shown(block.onset_s, block.duration_s, "cat", block.clip)]
    film = PreviewFilm(
        tmp_path / "a.mp4", 1.0, shown, {header.t_percept: block.onset_s}, timed=True
    )
    none = msgspec.structs.replace(header, percept_seq=-1, t_percept=-1.0)
    assert film._seen(none, 64, 64)[1] == "nothing decoded yet"
    assert film._seen(header, 64, 64)[1] == f"seen: cat, {block.onset_s:.1f} s"
    unknown = msgspec.structs.replace(header, t_percept=header.t_percept + 1.0)
    assert film._seen(unknown, 64, 64)[1] == "seen: not known"
