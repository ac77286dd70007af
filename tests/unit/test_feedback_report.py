"""What a run's scores say, and the CRED-nf checklist."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from phosphene.feedback.learning import block_rows, summary_of
from phosphene.feedback.loop import FeedbackLoop
from phosphene.feedback.protocol import Protocol
from phosphene.feedback.record import About, Row, pack_about, score_file
from phosphene.feedback.scores import Sample, open_score
from phosphene.messages import Quality
from phosphene.quality import region_key
from phosphene.report.artefacts import compared
from phosphene.report.crednf import ITEMS, answers, as_json, of_run, section
from phosphene.report.feedback import SEALED, feedback_of
from phosphene.report.load import RunData
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import unlocked
from phosphene.seal.writer import Seal, SealedDisk
from phosphene.session_protocol import BlockSettings, ProtocolSettings, ScoreSettings
from tests.unit.report_bench import PROGRAMME, Script, report, whole_run, write

CYCLES = 6


def _about() -> About:
    blocks = []
    for k in range(CYCLES):
        blocks += [("rest", 20.0 * k, 20.0 * k + 10, ""),
                   ("regulate", 20.0 * k + 10, 20.0 * k + 20, "face")]  # fmt: skip
    return About("r", "p", "category", "1", "", blocks)


def _rows(effect: float, slope: float, seed: int = 0) -> list[Row]:
    draw = np.random.default_rng(seed)
    rows = []
    for t in range(20 * CYCLES):
        tries = t % 20 >= 10
        value = float(draw.normal(0, 0.1)) + tries * (effect + slope * (t // 20))
        own = 0.5 if tries else math.nan
        rows.append(Row(t, t // 10, t // 10, float(t), value, value, own, math.nan, own))
    return rows


def test_regulation_and_learning_stand_beside_chance_and_control() -> None:
    found = summary_of(_about(), _rows(1.0, 0.5))
    for name, chance in (("regulation", 0.5), ("learning", 0.0)):
        assert found[name]["value"] == pytest.approx(1.0)
        assert found[name]["chance"] == chance
        assert found[name]["shuffled"] == pytest.approx(chance, abs=0.05)
        assert found[name]["p"] < 0.02 and found[name]["n"] == CYCLES


def test_noise_is_at_chance() -> None:
    p = [summary_of(_about(), _rows(0.0, 0.0, seed))["regulation"]["p"] for seed in range(4)]
    assert np.mean(np.array(p) < 0.05) <= 0.25
    assert 0.2 < float(np.mean(p)) < 0.9


@pytest.mark.parametrize("delay_s", [0.0, 5.0, 8.0])
def test_blocks_are_what_was_measured_of_them_whatever_the_delay(delay_s: float) -> None:
    settings = ProtocolSettings(
        blocks=(BlockSettings(kind="rest", duration_s=10),
                BlockSettings(kind="regulate", duration_s=10)),
        cycles=CYCLES,
        score=ScoreSettings(kind="region", region="FFA", delay_s=delay_s),
    )  # fmt: skip
    protocol = Protocol.of(settings)
    loop = FeedbackLoop(protocol, open_score(settings.score), settings.shape)
    about = About("r", "p", "region", "%", "", About.laid_out(protocol.blocks))
    rows = []
    for t in range(20 * CYCLES):
        signal = float((t - delay_s) % 20 >= 10 and t >= delay_s)
        given = loop.take(Sample(t, float(t), float(t), values={region_key("FFA"): signal}))
        assert given is not None
        own = given.score
        rows.append(Row(t, given.block, given.seen_block, float(t), given.measured, given.value,
                        own, math.nan, own))  # fmt: skip
    assert summary_of(about, rows)["regulation"]["value"] == pytest.approx(1.0)
    told = block_rows(about, rows)
    assert [b["value"] for b in told if b["kind"] == "regulate" and b["n"]] == pytest.approx(
        [1.0] * CYCLES)  # fmt: skip


def test_too_few_blocks_give_a_reason_and_no_figure() -> None:
    about = About("r", "p", "category", "1", "", _about().blocks[:4])
    found = summary_of(about, _rows(1.0, 0.0))
    assert "2 blocks of regulation and 2 of rest" in found["regulation"]["reason"]
    assert "value" not in found["learning"]


def test_each_block_is_summed_up() -> None:
    found = block_rows(_about(), _rows(1.0, 0.0))
    assert len(found) == 2 * CYCLES
    assert found[0]["shown"] is None and found[1]["shown"] == 0.5
    assert found[1]["value"] == pytest.approx(1.0, abs=0.15) and found[1]["n"] == 10


def test_checklist_has_every_item_and_names_what_is_missing() -> None:
    assert len(ITEMS) == 24 and len({item.number for item in ITEMS}) == 24
    facts = {
        "protocol_score": "category probability", "protocol_display": "thermometer",
        "protocol_control": "double-blind, assignment 12", "bundle": "0123456789abcdef",
        "protocol_crednf": json.dumps({"1a": "registered at <osf>", "2a": "yoked group."}),
    }  # fmt: skip
    found = {a.item.number: a for a in answers(facts)}
    assert found["1a"].origin == "people" and found["4a"].origin == "run"
    assert found["2a"].text == "yoked group. double-blind, assignment 12"
    assert "0123456789ab" in found["4e"].text and found["5a"].origin == "missing"
    told = as_json(list(found.values()))
    assert "awaa009" in told["source"]
    assert set(told["missing"]) == {n for n, a in found.items() if not a.text}
    page = section(told)
    assert "registered at &lt;osf&gt;" in page
    assert page.count('class="bad"') == len(told["missing"])
    assert f"{len(told['missing'])} of 24 items are missing: 1b" in page


def test_success_goes_into_the_checklist_with_chance() -> None:
    summary = summary_of(_about(), _rows(1.0, 0.5))
    text = {a.item.number: a.text for a in answers({}, summary)}["5a"]
    assert "regulation: 1.000, chance 0.5" in text and "learning" in text
    few = {"regulation": {"reason": "too few"}}
    assert "not computed, too few" in {a.item.number: a.text for a in answers({}, few)}["5a"]
    assert {a.item.number: a.text for a in answers({"protocol_crednf": "no json"})}["1a"] == ""


def _told(folder: Path, **facts: str) -> dict[str, str] | None:
    found = of_run(RunData([], start=Script(PROGRAMME).start(**facts).header), folder)
    return None if found is None else {a.item.number: a.text for a in found}


def test_a_recorded_run_fills_it_in_and_sealed_scores_stay_closed(tmp_path: Path) -> None:
    assert _told(tmp_path, bundle="1") is None
    score_file(tmp_path, "r1", sealed=True).write_bytes(b"sealed")
    closed = _told(tmp_path, protocol_score="category")
    assert closed is not None and closed["5a"] == "" and closed["5b"] == ""
    assert feedback_of(tmp_path, "r1") == {"reason": SEALED}
    rows = [row.pack() for row in _rows(1.0, 0.0)]
    first, second = b"".join(rows[:50]), b"".join(rows[50:])
    score_file(tmp_path, "r1", sealed=False).write_bytes(pack_about(_about()) + first)
    # What a gate wrote that was started again.
    (tmp_path / "r1-2.scores").write_bytes(pack_about(_about()) + second)
    told = _told(tmp_path, protocol_score="category")
    assert told is not None and "chance 0.5" in told["5a"] and "every block" in told["5b"]
    found = feedback_of(tmp_path, "r1")
    assert found is not None and [b["n"] for b in found["blocks"]] == [10] * 2 * CYCLES


@pytest.mark.parametrize("assignment", ["", "12"])
def test_the_stewards_key_opens_scores_for_the_report_but_never_those_of_a_blind_run(
    tmp_path: Path, assignment: str
) -> None:
    key = StewardKey.new()
    about = structs.replace(_about(), run="r1", assignment=assignment)
    path = score_file(tmp_path, "r1", sealed=True)
    with path.open("wb") as file:
        disk = SealedDisk(file, Seal((key.public,), "r1", 0, datetime(2026, 5, 1, tzinfo=UTC)))
        disk.write(pack_about(about) + b"".join(row.pack() for row in _rows(1.0, 0.0)))
        disk.finish()
    assert feedback_of(tmp_path, "r1") == {"reason": SEALED}
    with unlocked([path], key):
        found = feedback_of(tmp_path, "r1")
    assert found is not None
    if assignment:
        assert found == {"reason": SEALED}
    else:
        assert found["summary"]["regulation"]["value"] == pytest.approx(1.0)


def test_the_report_shows_every_block_and_what_was_done_against_artefacts(tmp_path: Path) -> None:
    rows = b"".join(row.pack() for row in _rows(1.0, 0.0))
    messages = [Script(PROGRAMME).start(protocol_score="category"), *whole_run()[1:]]
    write(tmp_path, messages)
    score_file(tmp_path, "r1", sealed=False).write_bytes(pack_about(_about()) + rows)
    told = report(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "<h2>Feedback</h2>" in page and page.count("<td>regulate</td>") == CYCLES
    assert 'alt="blocks" src="data:image/png' in page
    assert told["feedback"]["summary"]["regulation"]["value"] == pytest.approx(1.0)
    answered = {item["item"]: item["answer"] for item in told["crednf"]["items"]}
    assert "displacement mean 0.1" in answered["3d"]
    assert answered["3e"].startswith("head displacement: not compared, 2 blocks of regulation")


def test_artefacts_of_regulation_stand_beside_those_of_rest() -> None:
    head = Script(PROGRAMME)
    qualities = [
        Quality(**head.head("acquisition", "quality", t, t), index=t, t_data=float(t),
                values={"fd_mm": 0.3 if t % 20 >= 10 else 0.1})
        for t in range(20 * CYCLES)
    ]  # fmt: skip
    words = compared(_about(), qualities)
    assert words.startswith("head displacement") and " 1.000, chance 0.5" in words
    assert {a.item.number: a.text for a in answers({}, artefacts=words)}["3e"] == words.rstrip(". ")
    assert compared(_about(), []) == ""
