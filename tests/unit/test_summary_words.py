"""In Japanese nothing of the page after a run stays English: figures, reasons, events, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gui.summary.diary import diary_of
from gui.summary.events import TOPICS, VALUES, event_in_words, facts_in_words
from gui.summary.export import why_no_export
from gui.summary.figures import tables_of
from gui.summary.gather import gather
from gui.texts import told, use
from phosphene.commands.replay import split_of as split_of_replay
from phosphene.consent import Consent, Scope
from phosphene.gate.diary import GateDiary
from phosphene.gate.policy import Verdict
from phosphene.gate.roles import ACTIONS, ROLES
from phosphene.quality import FIGURES
from phosphene.recorder.documents import audit_facts
from phosphene.release import RELEASE_FILE, release
from phosphene.report.load import RunData
from phosphene.report.scan import why_not_realigned
from phosphene.report.summary import split_of
from phosphene.report.words import figure_words
from phosphene.run_end import end_of
from phosphene.seal.places import LOG, note
from phosphene.seal.runs import audit_begin, audit_end
from phosphene.session import Session
from tests.unit.replay_bench import NOW, run_messages, write
from tests.unit.summary_bench import FREE, SCORE, report

NAMES = frozenset({
    "DVARS", "Power", "Jenkinson", "RMS", "ROC", "tSNR", "deg", "ffa", "run", "recording", "mcap",
    "abc", "UTC", "ASR", "phosphene", "release", "INITIALS", "Ctrl", "EEG",
})  # fmt: skip
"""What is written alike in both languages: methods, units, commands, names of these tests."""


DEMO = (
    "calibration and session are of the same synthetic person, with other clips and other noise; "
    "everything shown in the session counts"
)


@pytest.fixture(autouse=True)
def japanese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    use("ja")
    yield
    use("en")


def english(text: str) -> set[str]:
    """Return the English words of a text, which Japanese letters may touch."""
    text = re.sub(r"\b[0-9a-f]{32}\b", "", text)  # identities
    return set(re.findall(r"[A-Za-z]{3,}", text)) - NAMES


def rows_of(**more: Any) -> str:
    scores = {"accuracy": {"detail": {"two_way": SCORE | {"split": DEMO}}}}
    tables = tables_of(report(**(scores | more)), FREE)
    return "\n".join(
        " ".join(
            (table.heading, *table.head, *table.words, *(c for row in table.rows for c in row))
        )
        for table in tables
    )


@pytest.mark.parametrize(
    "name",
    [
        *FIGURES,
        "roi_ffa_psc",
        "rms_uv",
        "bad_channels",
        "rejected",
        "ptp_Cz_uv",
        "rms_Cz_uv",
        "filter_delay_ms",
        "filter_delay_max_ms",
    ],
)
def test_every_figure_of_quality(name: str) -> None:
    named = figure_words(name)
    if named is not None:
        assert english(told(named[0])) == set()
        assert english(told(named[1])) == set()


def test_a_whole_report(tmp_path: Path) -> None:
    figures = {n: figure_words(n) for n in FIGURES}
    quality = {n: {"words": w[0], "unit": w[1], "mean": 1.0, "p95": 1.0, "max": 1.0}
               for n, w in figures.items() if w is not None}  # fmt: skip
    text = rows_of(quality=quality, missing=dict.fromkeys(TOPICS, 3), interrupted=True,
                   damage=["recording.mcap: record at byte 7: its end marker is missing"],
                   )  # fmt: skip
    assert english(text) == set()
    write(tmp_path / "o", run_messages())
    assert english(gather(tmp_path / "o", NOW).title) == set()


def test_the_demos_split_is_the_one_that_is_translated() -> None:
    source = Path(__file__).parents[2] / "phosphene" / "commands" / "demo.py"
    joined = re.sub(r'"\s*\n\s*"', "", source.read_text(encoding="utf-8"))
    assert DEMO in joined


def bundle_of(*groups: str) -> Any:
    training = SimpleNamespace(groups=groups, data_sha256=())
    return SimpleNamespace(manifest=SimpleNamespace(training=training))


@pytest.mark.parametrize("run", ["1", "4", None])
def test_splits_of_replays(tmp_path: Path, run: str | None) -> None:
    (tmp_path / "x.mcap").write_bytes(b"")
    for where in (tmp_path, tmp_path / "x.mcap"):
        split = split_of_replay(bundle_of("1", "2"), where, run)
        assert told(split) != split
        assert english(told(split)) == set()


def test_the_split_of_any_run_and_why_nothing_moved() -> None:
    data = RunData(parts=[Path("recording.mcap")])
    for words in (split_of(data), why_not_realigned(data)):
        assert english(told(words)) == set()


@pytest.mark.parametrize("reason", [
    "the recording has ended", "the simulated hardware has ended", "stopped by the operator",
    "stopped by Ctrl-C", "stopped by gui", "interrupted while starting",
    "the recorder did not end regularly",
])  # fmt: skip
def test_reasons_of_an_end(reason: str) -> None:
    assert english(rows_of(reason=reason)) == set()


def test_the_reason_of_a_run_that_was_to_last_so_long() -> None:
    reason = end_of(seconds=3.0)(SimpleNamespace(elapsed_s=4.0))  # type: ignore[arg-type]
    assert reason is not None
    assert english(told(reason)) == set()


def test_every_order_and_role_of_the_gate_has_its_word() -> None:
    assert set(ACTIONS) - {"status"} <= set(VALUES)
    for word in (*ROLES, *ACTIONS.keys() - {"status"}):
        assert english(facts_in_words({"action": word})) == set()
        assert english(event_in_words(word) if word in ROLES else "") == set()


def test_what_is_written_during_a_run(tmp_path: Path) -> None:
    state = tmp_path / "state"
    session = Session.model_validate(
        {"person": "p1", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    )
    consent = Consent(person="p1", scopes=frozenset(Scope), expires=NOW + timedelta(days=1))
    audit_begin("r", "pilot", session, consent)
    gate = GateDiary(state, "r")
    gate.view("self", Verdict.blank("x"))
    gate.view("operator", Verdict(passing=True, reason="", level=4))
    gate.grant([scope.value for scope in Scope], decode=True)
    gate.order("blank")
    gate.refused("observer", "unblank")
    gate.stop("tested", "device")
    gate.stop("stopped", "participant", 3)
    gate.fell("gate")
    gate.close()
    note("recording begun", state, run="r", **audit_facts(None, 1))
    for how in ("finished", "cut off"):
        note(f"recording {how}", state, run="r", messages="3040")
    for what in ("kept", "exported", "released for export", "held for export", "window pictured"):
        note(what, state, run="r", why="time is over")
    audit_end(state, "r", "success", interrupted=False)
    found = diary_of("r", state)
    assert len(found.lines) == 19
    for line in found.lines:
        assert english(line.what) == set(), line
        assert english(line.facts) <= {"gate"}, line
    assert english(found.verdict) == set()


@pytest.mark.parametrize("damage", ["alter", "junk", "move"])
def test_what_is_wrong_with_the_log(tmp_path: Path, damage: str) -> None:
    state = tmp_path / "state"
    for _ in range(2):
        note("operator", state, run="r", action="blank")
    log = state / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    changed = {"alter": [lines[0].replace(b'"n":1', b'"n": 1'), *lines[1:]],
               "junk": [b"junk\n", *lines], "move": [lines[2], *lines]}[damage]  # fmt: skip
    log.write_bytes(b"".join(changed))
    found = diary_of("r", state)
    assert not found.whole
    assert english(found.verdict) == set()


def test_every_refusal_of_an_export(tmp_path: Path) -> None:
    def why() -> str:
        return why_no_export(tmp_path, FREE, "run-1", NOW).replace(str(tmp_path), "")

    told_so = [why()]
    for run, seconds in (("run-1", 0), ("run-1", -9), ("run-2", 60)):
        release(tmp_path, run, "AB", NOW - timedelta(seconds=seconds), lambda *_a, **_k: "")
        told_so.append(why())
    (tmp_path / RELEASE_FILE).write_bytes(b"?")
    told_so.append(why())
    assert len(set(told_so)) == 5
    for words in told_so:
        assert english(words) == set(), words
