"""Options that several commands share."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from phosphene.errors import ConfigError, problem
from phosphene.run import has_display
from phosphene.session import explain

__all__ = ["add_output_options", "gui_arguments", "headless", "pairs", "table", "validated"]

Model = TypeVar("Model", bound=BaseModel)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of recording and window."""
    parser.add_argument("--out", type=Path, help="folder for recording and report; none: no record")
    parser.add_argument("--headless", action="store_true", help="no window, even with a display")
    parser.add_argument("--participant-screen", help="name of the participant's screen")
    parser.add_argument("--screenshot", type=Path, help="save a picture of the window (PNG)")
    parser.add_argument(
        "--screenshot-after", type=float, default=20.0, help="seconds until the screenshot"
    )


def headless(arguments: argparse.Namespace) -> bool:
    """Return True when no window is wanted or possible."""
    return bool(arguments.headless) or not has_display()


def gui_arguments(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what the window is to be told on its own command line."""
    found: list[str] = []
    if arguments.participant_screen:
        found += ["--participant-screen", arguments.participant_screen]
    if arguments.screenshot:
        shot = str(arguments.screenshot.resolve())
        found += ["--screenshot", shot, "--after", str(arguments.screenshot_after)]
    return tuple(found)


def pairs(option: str, text: str) -> dict[str, str]:
    """Read ``a=b,c=d``.

    Raises
    ------
    ConfigError
        If a part has no ``=``.
    """
    parts = [part for part in text.split(",") if part]
    bad = [part for part in parts if "=" not in part]
    if bad:
        raise ConfigError(problem(option, ",".join(bad), "KEY=VALUE,...", "Add the missing '='."))
    return dict(part.split("=", 1) for part in parts)


def table(text: str) -> dict[str, Any]:
    """Read a table of settings: JSON, or a file of it.

    Raises
    ------
    argparse.ArgumentTypeError
        If it is neither.
    """
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: no JSON and no file of it: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text}: not a table of settings")
    return found


def validated(model: type[Model], values: dict[str, Any]) -> Model:
    """Build a settings model from command-line values.

    Raises
    ------
    ConfigError
        With every problem at once.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in explain(error))
        raise ConfigError(f"options: {error.error_count()} problem(s)\n{lines}") from error
