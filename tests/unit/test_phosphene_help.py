"""The help of every command: defaults are told, and none of them twice."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from phosphene.cli import _parser
from phosphene.commands.help import DefaultsOnce


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Go through the commands below a parser, and those below them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield sub
                yield from commands(sub)


ALL = {command.prog: command for command in commands(_parser(""))}


def options(words: str) -> list[str]:
    """Return what the help says of each option, in one line each."""
    return [" ".join(part.split()) for part in re.split(r"\n  (?=\S)", words)]


def test_the_commands_are_all_there() -> None:
    assert {"phosphene demo", "phosphene observe", "phosphene keys new"} <= set(ALL)
    assert len(ALL) > 25


@pytest.mark.parametrize("command", list(ALL))
def test_no_option_tells_its_default_twice(command: str) -> None:
    twice = [o for o in options(ALL[command].format_help()) if len(re.findall("default:", o)) > 1]
    assert twice == []


@pytest.mark.parametrize("command", list(ALL))
def test_where_there_is_no_default_none_is_told(command: str) -> None:
    assert not re.search(r"\(default:\s*(None|False|\[\]|\{\}|)\)", ALL[command].format_help())


@pytest.mark.parametrize(
    ("default", "help_words", "told"),
    [
        (20.0, "seconds", "seconds (default: 20.0)"),
        (0, "seed", "seed (default: 0)"),
        (Path("out"), "folder", "folder (default: out)"),
        ("auto", "engine", "engine (default: auto)"),
        ("x", "id; default: default", "id; default: default"),
        (None, "file", "file"),
        (False, "switch", "switch"),
        ([], "many", "many"),
        ({}, "table", "table"),
        ("", "words", "words"),
        (argparse.SUPPRESS, "(default: 4)", "(default: 4)"),
    ],
)
def test_how_a_default_is_told(default: object, help_words: str, told: str) -> None:
    parser = argparse.ArgumentParser(formatter_class=DefaultsOnce)
    parser.add_argument("--it", default=default, help=help_words)
    assert options(parser.format_help())[-1] == f"--it IT {told}"
