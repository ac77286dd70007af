"""What went wrong is told in the report, with time, stream and length, and the true cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phosphene.messages import (
    Beat,
    Event,
    Message,
    Quality,
    RunStart,
    RunStop,
    Samples,
    Volume,
    describe,
    encode,
)
from phosphene.recorder.writer import RecordingFile
from phosphene.report import build
from phosphene.report import figures as drawing
from phosphene.report.causes import why_no_latency
from phosphene.report.html import _merged
from phosphene.report.interruptions import interruptions_of, quiet_end_s
from phosphene.report.load import RunData, load
from phosphene.report.summary import channels_bad
from phosphene.report.words import figure_words

FS_HZ = 100.0
SCOPES = "record_brain record_images"


def head(t_s: float, producer: str = "acquisition") -> dict[str, Any]:
    return {"run": "r", "seq": 0, "t_acquired": t_s, "t_sent": t_s, "producer": producer}


def start(**facts: str) -> Message:
    known = {"consent_scopes": SCOPES, "bundle": "abc", "speed": "1"} | facts
    return Message(
        RunStart(**head(99.0, "recorder"), person="p", mode="live", modality="eeg", t_wall=0.0,
                 facts=known)
    )  # fmt: skip


def stop(**acquisition: int) -> Message:
    counts = {"acquisition": {"samples": 500, "features": 0, "events": 0} | acquisition}
    return Message(RunStop(**head(130.0, "recorder"), exit_status="success", reason="the end",
                           counts=counts, interrupted=False))  # fmt: skip


def samples(first: int, t_s: float, lost: int = 0) -> Message:
    block = {"samples": np.ones((50, 2), np.float32)}
    block["samples"][:lost] = np.nan
    specs = describe(block, {"samples": ("time", "channel")}, {"samples": "uV"})
    header = Samples(**head(t_s) | {"arrays": specs}, stream="amp", first_index=first,
                     fs_hz=FS_HZ, t_data=first / FS_HZ, channels=("Oz", "Pz"))  # fmt: skip
    return Message(header, block)


def beat(t_s: float, note: str, pid: int = 1) -> Message:
    return Message(Beat(**head(t_s), pid=pid, state="running", counts={}, note=note))


def told(path: Path, messages: list[Message]) -> RunData:
    file = RecordingFile(path / "recording.mcap.part")
    for message in messages:
        file.add(message, encode(message))
    file.finish()
    return load(path)


def rows_of(data: RunData) -> list[tuple[Any, ...]]:
    return [
        (None if row["t_s"] is None else round(row["t_s"], 2), row["stream"],
         None if row["length_s"] is None else round(row["length_s"], 2))
        for row in interruptions_of(data)
    ]  # fmt: skip


def test_gaps_lost_markers_restarts_and_an_end_without_data_are_listed(tmp_path: Path) -> None:
    messages = [start(without="m2"), samples(0, 100.0), samples(50, 100.5)]
    # 9 s missing between two messages and 0.2 s within one are one gap.
    notes = [beat(102.0 + k, f"no data for {k + 2} s; markers: the source went away")
             for k in range(8)]  # fmt: skip
    messages += [*notes, samples(1000, 110.0, lost=20), beat(110.5, ""), samples(1050, 110.5)]
    messages += [samples(1105, 111.05), beat(112.0, "", pid=2)]
    messages += [beat(113.0 + k, f"no data for {k + 2} s") for k in range(6)]
    assert rows_of(told(tmp_path, [*messages, stop()])) == [
        (None, "m2", None),
        (None, "amp", 0.05),
        (1.0, "amp", 9.2),
        (2.0, "markers", 8.5),
        (12.0, "acquisition", None),
        (13.0, "data", 5.0),
    ]


def scanned(
    path: Path,
    last: list[Message],
    *,
    reason: str = "stopped by Ctrl-C",
    modality: str = "fmri",
    announced: int = 0,
    brain: bool = True,
    **facts: str,
) -> RunData:
    """Ten volumes, one in a second, then nothing for 19 s until the run is ended."""
    known = {"consent_scopes": SCOPES, "bundle": "abc", "speed": "1"} | facts
    begun = RunStart(
        **head(99.0, "recorder"),
        person="p",
        mode="live",
        modality=modality,
        t_wall=0.0,
        facts=known,
    )
    messages = [Message(begun)]
    block = {"volume": np.ones((2, 2, 2), np.float32)}
    specs = describe(block, {"volume": ("x", "y", "z")}, {"volume": "1"})
    for k in range(10):
        t_s = 100.0 + k
        volume = Volume(
            **head(t_s, "bridge") | {"arrays": specs},
            index=k,
            t_data=float(k),
            tr_s=1.0,
            affine=tuple(np.eye(4).ravel().tolist()),
        )
        messages += [Message(volume, block)] if brain else []
        messages += [Message(Quality(**head(t_s), index=k, t_data=float(k), values={}))]
    messages += [beat(112.0 + k, f"no data for {k + 3} s") for k in range(19)]
    stopped = RunStop(
        **head(132.0, "recorder"),
        exit_status="success",
        reason=reason,
        counts={"bridge": {"volumes_planned": announced}},
        interrupted=False,
    )
    return told(path, [*messages, *last, Message(stopped)])


def test_a_silence_until_the_operators_stop_is_the_end_of_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "png", lambda _figure: b"")
    data = scanned(tmp_path, [], announced=10, protocol_length="10 s")
    assert rows_of(data) == []
    assert rows_of(scanned(tmp_path, [], brain=False)) == [], "nor where no volume is recorded"
    build(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert '<span class="ok">success</span>' in page
    notes = json.loads((tmp_path / "report.json").read_text())["notes"]
    assert "no data for the last 18.0 s before the end" in notes


@pytest.mark.parametrize(
    ("more", "last"),
    [
        ({"reason": "the gate fell"}, []),
        ({"modality": "eeg"}, []),
        ({"announced": 200}, []),
        ({"protocol_length": "60 s"}, []),
        ({}, [Message(Event(**head(125.0), t_data=25.0, label="face", stream="m"))]),
    ],
)
def test_a_silence_that_was_not_to_be_stays_an_interruption(
    tmp_path: Path, more: dict[str, Any], last: list[Message]
) -> None:
    data = scanned(tmp_path, last, **more)
    assert [row["what"] for row in interruptions_of(data)] == ["no data, and none came back"]
    assert quiet_end_s(data) is None


def test_a_run_without_interruption_says_so_and_stays_green(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "png", lambda _figure: b"")
    messages = [start(), samples(0, 100.0), beat(100.2, ""), samples(50, 100.5)]
    told(tmp_path, [*messages, stop()])
    build(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "none was recorded" in page
    assert '<span class="ok">success</span>' in page
    told(tmp_path, [*messages, samples(500, 105.0), stop()])
    build(tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["interruptions"][0]["length_s"] == 4.0
    assert (
        '<span class="bad">success, with interruptions (1' in (tmp_path / "report.html").read_text()
    )


EVENT = Message(Event(**head(101.0), t_data=1.0, label="face", stream="m"))


@pytest.mark.parametrize(
    ("facts", "counts", "more", "cause"),
    [
        ({"consent_scopes": ""}, {}, (), "needs the consent scope record_brain"),
        ({}, {}, (), "no marker came"),
        ({"without": "m2"}, {}, (), "the run went on without m2"),
        ({}, {"events": 1}, (EVENT,), "settings of [acquisition.eeg]"),
        ({}, {"events": 1, "epochs_rejected": 7}, (EVENT,), "all of 7 epochs were rejected"),
        ({}, {"samples": 0}, (), "no marker came"),
    ],
)
def test_the_true_cause_is_told(
    tmp_path: Path,
    facts: dict[str, str],
    counts: dict[str, int],
    more: tuple[Message, ...],
    cause: str,
) -> None:
    data = told(tmp_path, [start(**facts), samples(0, 100.0), *more, stop(**counts)])
    why = why_no_latency("acquired_to_features", data)
    assert cause in why
    assert ("consent" in why) == ("consent" in cause)
    assert cause in why_no_latency("features_to_percept", data)


def test_equal_accuracies_are_one_row_and_bad_channels_have_their_share() -> None:
    same = ["0.800", "0.500", "0.510", "0.70 to 0.90", "20"]
    merged = _merged([["a", *same], ["b", *same], ["c", "0.700", *same[1:]]])
    assert [row[0] for row in merged] == ["a<br>b", "c"]
    values = [{"flags_Oz": 1.0, "flags_Pz": 16.0}, {"flags_Oz": 0.0, "flags_Pz": 0.0}]
    assert channels_bad(values) == {"Oz": 0.5, "Pz": 0.0}, "large is no fault of a channel"
    assert "unfiltered" in (figure_words("rms_Oz_uv") or ("",))[0]
    assert "after the decoder's filters" in (figure_words("ptp_Oz_uv") or ("",))[0]
