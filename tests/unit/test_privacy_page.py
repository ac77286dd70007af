"""The page of privacy controls is complete, and each test that it names exists and is run."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/privacy-controls.md"
ROW = re.compile(r"^\| (\d+) \|")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
STATES = {"built", "built, in part"}


def rows() -> dict[int, list[str]]:
    """Return the cells of each control's line."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if ROW.match(line)]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({cells[0] for cells in found}) == len(found), "a number stands twice"
    return {int(cells[0]): cells for cells in found}


@cache
def functions_in(file: Path) -> dict[str, bool]:
    """Return the tests of a file, and whether anything marks them as left out."""
    found = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = " ".join(ast.unparse(mark) for mark in node.decorator_list)
            found[node.name] = "skip" in marks or "xfail" in marks
    return found


def test_all_25_controls_stand_there_in_order_with_a_state() -> None:
    assert list(rows()) == list(range(1, 26))
    for number, cells in rows().items():
        assert len(cells) == 5, f"control {number}: five columns"
        assert all(cells), f"control {number}: an empty cell"
        assert cells[2] in STATES, f"control {number}: {cells[2]!r} is no state"


@pytest.mark.parametrize("number", range(1, 26))
def test_each_named_test_exists_and_is_run(number: int) -> None:
    named = NAMED.findall(rows()[number][4])
    assert named, f"control {number} names no test"
    assert len(set(named)) == len(named)
    rest = NAMED.sub("", rows()[number][4]).replace(",", "").strip()
    assert not rest, f"control {number}: {rest!r} is not the name of a test"
    for file, name in named:
        assert (ROOT / file).is_file(), f"control {number}: no file {file}"
        known = functions_in(ROOT / file)
        assert name in known, f"control {number}: {file} has no {name}"
        assert not known[name], f"control {number}: {name} is left out"


def test_what_is_built_in_part_says_what_is_missing() -> None:
    part = {number for number, cells in rows().items() if cells[2] == "built, in part"}
    below = PAGE.read_text("utf-8").partition("## What is missing")[2]
    assert {int(n) for n in re.findall(r"^- \*\*(\d+)\*\*", below, re.MULTILINE)} == part
