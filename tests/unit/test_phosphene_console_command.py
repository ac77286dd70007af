from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from phosphene.bus import RunFolder
from phosphene.cli import main
from phosphene.run_words import tell_console


class Replaced(Exception):  # noqa: N818 (nothing went wrong)
    """Stands for the moment at which the process becomes another program."""


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    seen: list[list[str]] = []

    def execv(program: str, words: list[str]) -> None:
        seen.append([program, *words])
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    return seen


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["study.toml"],
        ["study.toml", "--screen", "PROJECTOR", "--observer-screen", "WALL", "--language", "ja"],
    ],
)
def test_the_command_becomes_the_console(became: list[list[str]], words: list[str]) -> None:
    with pytest.raises(Replaced):
        main(["console", *words])
    assert became == [[sys.executable, sys.executable, "-m", "gui.console", *words]]


@pytest.mark.parametrize("command", ["live", "replay", "demo"])
def test_what_only_the_console_uses_is_not_in_the_help(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "--console-fd" not in capsys.readouterr().out


def test_a_console_is_told_where_the_plan_lies(tmp_path: Path) -> None:
    inlet, outlet = os.pipe()
    folder = RunFolder.create("r", tmp_path)
    tell_console(outlet, folder)
    with os.fdopen(inlet) as pipe:
        assert json.loads(pipe.readline()) == {"plan": str(folder.path / "plan.json")}
        assert pipe.read() == "", "and the pipe is closed"


def test_a_console_that_is_gone_ends_no_run(tmp_path: Path) -> None:
    inlet, outlet = os.pipe()
    os.close(inlet)
    tell_console(outlet, RunFolder.create("r", tmp_path))
