"""What a run's scores say, and the CRED-nf checklist."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from phosphene.feedback.learning import block_rows, summary_of
from phosphene.feedback.record import About, Row, pack_about, score_file
from phosphene.report.crednf import ITEMS, answers, as_json, of_run, section

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
        rows.append(Row(t, t // 10, float(t), value, value, own, math.nan, own))
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


def test_a_delay_moves_what_a_block_is() -> None:
    rows = [Row(t, 0, float(t), float(5 <= (t - 5) % 20 - 5 < 15), 0.0, 0.5, 0.5, 0.5)
            for t in range(20 * CYCLES)]  # fmt: skip
    assert summary_of(_about(), rows, delay_s=5.0)["regulation"]["value"] == pytest.approx(1.0)
    assert summary_of(_about(), rows, delay_s=15.0)["regulation"]["value"] == pytest.approx(0.0)


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


def test_a_recorded_run_fills_it_in_and_sealed_scores_stay_closed(tmp_path: Path) -> None:
    facts = {"protocol_score": "category"}
    assert of_run({"bundle": "1"}, tmp_path, "r") is None
    score_file(tmp_path, "r", sealed=True).write_bytes(b"sealed")
    closed = of_run(facts, tmp_path, "r")
    assert closed is not None and {a.item.number: a.text for a in closed}["5a"] == ""
    rows = b"".join(row.pack() for row in _rows(1.0, 0.0))
    score_file(tmp_path, "r", sealed=False).write_bytes(pack_about(_about()) + rows)
    told = of_run(facts, tmp_path, "r")
    assert told is not None and "chance 0.5" in {a.item.number: a.text for a in told}["5a"]
