from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gui.replay.rights import Rights
from gui.summary.diary import diary_of
from gui.summary.erasing import goes
from gui.summary.figures import SCHEMA, read_report, tables_html, tables_of
from gui.summary.gather import gather
from gui.summary.keep import choice_of, delete, keep
from gui.summary.words import COUNTS, SCORES, STAGES
from gui.texts import use
from phosphene.cli import main
from phosphene.errors import RecordingError, SealError
from phosphene.marking import LABEL
from phosphene.recorder.writer import RecordingFile
from phosphene.report import summary as report_summary
from phosphene.report import words as report_words
from phosphene.report.accuracy import SCORES as SCORED
from phosphene.report.html import SCORE_NAMES
from phosphene.seal.keys import StewardKey
from phosphene.seal.leftovers import COPIES, MADE, Leftovers
from phosphene.seal.opening import sealed_header
from phosphene.seal.places import LOG, note
from tests.unit.replay_bench import NOW, run_messages, start_of_run, write
from tests.unit.summary_bench import FREE, report


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    use("en")


def cells(tables: list[Any], heading: str) -> list[tuple[str, ...]]:
    (found,) = [t for t in tables if t.heading == heading]
    return list(found.rows)


# ---- figures -------------------------------------------------------------------------------------


def test_the_page_calls_things_as_the_report_does() -> None:
    assert SCORES == SCORE_NAMES
    assert set(SCORES) == set(SCORED)
    assert COUNTS == report_words.COUNTS
    assert STAGES == report_words.STAGES


def test_accuracy_stands_beside_chance_control_and_split() -> None:
    (table,) = [t for t in tables_of(report(), FREE) if t.heading == "Accuracy"]
    assert table.rows == (
        ("2-way identification, embedding", "0.710", "0.620 – 0.800", "0.500", "0.490", "120"),
    )
    assert table.words == ("Split: run 2 held out",)
    assert "chance" in table.head


def test_accuracy_needs_the_right_to_see_results() -> None:
    tables = tables_of(report(), Rights.none("the consent does not include view_operator"))
    (table,) = [t for t in tables if t.heading == "Accuracy"]
    assert table.rows == ()
    assert "view_operator" in table.words[0]
    assert "0.71" not in tables_html(tables, "#fff")


def test_without_truth_the_reason_is_told() -> None:
    accuracy = {"detail": {"two_way": None}, "reasons": {"two_way": "no known picture"}}
    (table,) = [t for t in tables_of(report(accuracy=accuracy), FREE) if t.heading == "Accuracy"]
    assert table.words == ("Not measured: no known picture",)


def test_motion_drops_and_latency() -> None:
    tables = tables_of(report(), FREE)
    motion = dict(cells(tables, "Motion"))  # type: ignore[arg-type]
    assert motion["FD (Power), mean"] == "0.22 mm"
    assert motion["volumes above 0.5 mm"] == "3 of 12 (25 %)"
    counts = dict(cells(tables, "Counts and drops"))  # type: ignore[arg-type]
    assert counts["volumes that did not come"] == "2"
    assert counts["frames drawn late or skipped"] == "0", "drops are told where there are none"
    assert counts["missing in the recording: percept"] == "3"
    assert "samples that did not come" not in counts, "an fMRI run has none"
    assert cells(tables, "Latency, ms") == [("features to percept", "9.0", "20.0", "31.2", "12")]


def test_what_was_not_realigned_says_so() -> None:
    scan = {"displacement": None, "realigned": "not realigned: fewer than 8 slices"}
    (table,) = [t for t in tables_of(report(scan=scan), FREE) if t.heading == "Motion"]
    assert table.words == ("not realigned: fewer than 8 slices",)


def test_html_escapes_what_comes_from_files() -> None:
    html = tables_html(tables_of(report(reason="<b>x</b>"), FREE), "#fff")
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x" in html


def test_a_report_is_read_or_said_to_be_none(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(RecordingError, match="cannot be read"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("[1]")
    with pytest.raises(RecordingError, match="no report"):
        read_report(tmp_path)


def test_a_report_of_another_version_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path, run_messages())
    old = report(schema=1, quality={"bad_channels": {"mean": 0.1, "p95": 0.2, "max": 4.0, "n": 9}})
    (tmp_path / "report.json").write_text(json.dumps(old))
    found = gather(tmp_path, NOW, state=tmp_path / "state")
    assert found.can_report
    assert not found.has_report
    assert SCHEMA == report_summary.SCHEMA


# ---- the audit log -------------------------------------------------------------------------------


def test_policy_events_are_those_of_the_run(tmp_path: Path) -> None:
    note("run begun", tmp_path, run="run-1", mode="live")
    note("operator", tmp_path, run="other", action="blank")
    note("operator", tmp_path, run="run-1", action="unblank")
    found = diary_of("run-1", tmp_path)
    assert [(line.what, line.facts) for line in found.lines] == [
        ("run begun", "mode live"), ("operator", "action unblank")]  # fmt: skip
    assert found.whole
    assert "in order" in found.verdict


def test_the_head_shows_later_that_the_end_of_the_log_was_cut_off(tmp_path: Path) -> None:
    note("run begun", tmp_path, run="run-1", mode="live")
    note("run ended", tmp_path, run="run-1", status="success")
    log = tmp_path / LOG
    command = ["audit", "verify", "--log", str(log), "--head", diary_of("run-1", tmp_path).head]
    assert main(command) == 0
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:2]))
    assert diary_of("run-1", tmp_path).whole, "without the head nobody sees it"
    assert main(command) == 1
    assert diary_of("run-1", tmp_path / "none").head == ""


def test_an_altered_log_is_told(tmp_path: Path) -> None:
    note("operator", tmp_path, run="run-1", action="unblank")
    log = tmp_path / LOG
    log.write_bytes(log.read_bytes().replace(b"unblank", b"blank..", 1))
    assert not diary_of("run-1", tmp_path).whole
    assert not diary_of("run-1", tmp_path / "none").whole


# ---- keep or delete ------------------------------------------------------------------------------


def test_deleting_a_sealed_run_erases_its_keys_first(tmp_path: Path) -> None:
    key = StewardKey.new()
    path = write(tmp_path / "out", run_messages(), key)
    copy = tmp_path / "same-blocks"
    copy.hardlink_to(path)
    (path.parent / "report.json").write_text("{}")
    choice = choice_of(path.parent, "run-1")
    assert choice.sealed
    assert "nobody can open it" in choice.question
    told: list[Any] = []
    result = delete(choice, lambda *what, **facts: told.append((*what, facts)) or "")
    assert result.troubles == ()
    assert {p.name for p in result.gone} == {"recording.mcap.sealed", "report.json"}
    assert not path.exists()
    header = sealed_header(copy)
    assert header.erased, "what the disk still keeps cannot be opened"
    with pytest.raises(SealError):
        header.open(key)
    (line,) = told
    assert line[0] == "erased"
    assert line[-1]["run"] == "run-1"
    assert line[-1]["sealed"] == "true"


def test_the_question_says_in_plain_words_what_goes_and_what_stays(tmp_path: Path) -> None:
    write(tmp_path, run_messages())
    for name in ("logs/gate.log", "bundle/manifest.json", "bundle/model.onnx", "consent.toml",
                 "report.html", "report.json", "preview.mp4", "notes.txt"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('scopes = ["record_brain"]')
    asked = choice_of(tmp_path, "run-1").question
    goes, stays = asked.split("This stays:")
    for words in ("the recording: recording.mcap", "the report: report.html, report.json",
                  "the film: preview.mp4", "what the programs wrote down: logs/ (1)",
                  "the copy of the decoder: bundle/ (2)", "the copy of the consent: consent.toml",
                  "may stay readable on the disk"):  # fmt: skip
        assert words in goes
    for words in ("the audit log", "outside of this folder", "not of the run: notes.txt"):
        assert words in stays
    use("ja")
    assert "consent" not in choice_of(tmp_path, "run-1").question.replace("consent.toml", "")


def test_every_file_that_goes_has_a_name_for_people(tmp_path: Path) -> None:
    names = [*MADE, *COPIES, "recording.mcap.part.damaged", "logs/x.log", "bundle/y"]
    files = [tmp_path / name.replace("*", "x") for name in names]
    lines = "\n".join(goes(tmp_path, [], Leftovers(tuple(files), ())))
    for file in files:
        assert (file.name if file.parent == tmp_path else f"{file.parent.name}/ (1)") in lines
    assert "stay until it is deleted" in goes(tmp_path, files, Leftovers((), (), waits=True))[-1]


def test_deleting_takes_the_damaged_original_of_a_repair(tmp_path: Path) -> None:
    path = write(tmp_path, run_messages())
    shutil.copy(path, tmp_path / "recording.mcap.part.damaged")
    (tmp_path / "logs").mkdir()
    assert delete(choice_of(tmp_path, "run-1"), lambda *_a, **_k: "").troubles == ()
    assert list(tmp_path.iterdir()) == []


def test_deleting_takes_this_run_and_leaves_others(tmp_path: Path) -> None:
    write(tmp_path, run_messages())
    other = write(tmp_path / "below", run_messages())
    choice = choice_of(tmp_path, "run-1")
    assert [f.path.parent for f in choice.files] == [tmp_path]
    assert "not sealed" in choice.question
    assert choice_of(tmp_path, "run-2").files == ()
    assert delete(choice, lambda *_a, **_k: "").gone
    assert other.exists()


def test_what_is_being_written_is_not_deleted(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "recording.mcap.part")
    file.flush()
    choice = choice_of(tmp_path, "run-1")
    assert choice.files == ()
    assert delete(choice, lambda *_a, **_k: "").troubles
    assert (tmp_path / "recording.mcap.part").exists()
    file.finish()


def test_both_choices_are_in_the_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    write(tmp_path / "out", run_messages())
    choice = choice_of(tmp_path / "out", "run-1")
    assert keep(choice) == ""
    assert delete(choice).troubles == ()
    found = diary_of("run-1")
    assert [line.what for line in found.lines] == ["kept", "erased"]
    assert "the participant asked" in found.lines[1].facts


# ---- all together --------------------------------------------------------------------------------


def test_a_run_is_gathered_from_recording_and_report(tmp_path: Path) -> None:
    write(tmp_path / "out", run_messages())
    state = tmp_path / "state"
    first = gather(tmp_path / "out", NOW, state=state)
    assert first.can_report
    assert not first.has_report
    (tmp_path / "out" / "report.json").write_text(json.dumps(report()))
    (tmp_path / "out" / "report.html").write_text(LABEL)
    found = gather(tmp_path / "out", NOW, state=state)
    assert (found.run, found.has_report, found.pictured) == ("run-1", True, True)
    assert found.rights == FREE
    assert len(found.choice.files) == 1
    late = gather(tmp_path / "out", NOW + timedelta(days=40), state=state)
    assert "expired" in late.rights.results
    (tmp_path / "out" / "report.json").write_text(json.dumps(report(run="earlier")))
    assert not gather(tmp_path / "out", NOW, state=state).has_report, "of another run"


def test_a_sealed_run_tells_only_what_its_header_does(tmp_path: Path) -> None:
    write(tmp_path, run_messages(), StewardKey.new())
    found = gather(tmp_path, NOW, state=tmp_path / "state")
    told = tables_html(found.tables, "#fff")
    assert found.run == "run-1"
    assert "p01" not in found.title + told
    assert found.rights.export
    assert found.choice.sealed


def test_an_empty_folder_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="neither"):
        gather(tmp_path, NOW, state=tmp_path)
    assert start_of_run().header.run == "run-1"
