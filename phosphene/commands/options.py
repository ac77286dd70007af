"""Options that several commands share."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from phosphene.errors import ConfigError, problem
from phosphene.run import has_display
from phosphene.session import RendererSettings, explain

__all__ = [
    "add_output_options",
    "add_painting_options",
    "gui_arguments",
    "headless",
    "painting",
    "pairs",
    "table",
    "validated",
]

Model = TypeVar("Model", bound=BaseModel)
_PAINTING: dict[str, tuple[Callable[[str], Any], str]] = {
    "model": (str, "what paints: world-256, world-64 or diffusers:FOLDER"),
    "engine": (str, "what computes it"),
    "precision": (str, "how exactly it computes"),
    "threads": (int, "threads that paint"),
    "fps": (float, "frames per second"),
    "steps": (int, "denoising steps"),
    "mode": (str, "what conditions the pictures"),
    "strength": (float, "zc: how far z is noised before c denoises it, 0 to 1"),
}


def add_output_options(parser: argparse.ArgumentParser, without: str = "") -> None:
    """Add the options of recording and window; `without` says what holds without ``--out``."""
    parser.add_argument("--out", type=Path, help=f"folder for recording and report{without}")
    parser.add_argument("--seal", type=Path, action="append", default=[], metavar="PUB",
                        help="public key of a data steward who alone can open the recording; may "
                        "be repeated")  # fmt: skip
    parser.add_argument("--headless", action="store_true", help="no window, even with a display")
    parser.add_argument("--participant-screen", metavar="NAME", help="the participant's screen, by "
                        "name or serial number")  # fmt: skip
    parser.add_argument("--observer-screen", metavar="NAME", help="the observers' screen likewise; "
                        "without it, an ordinary window")  # fmt: skip
    parser.add_argument("--screenshot", type=Path, help="save a picture of the window (PNG)")
    parser.add_argument(
        "--screenshot-after", type=float, default=20.0, metavar="SECONDS",
        help="until the screenshot, from the opening of the window",
    )  # fmt: skip
    parser.add_argument(
        "--screenshot-at-picture", type=float, nargs="?", const=0.0, metavar="SECONDS",
        help="until the screenshot, from the first decoded picture, in place of "
        "--screenshot-after; without a number: at once. No picture, no screenshot",
    )  # fmt: skip
    # The console starts runs by this command line and is told by this pipe where to sit down.
    parser.add_argument("--console-fd", type=int, help=argparse.SUPPRESS)


def add_painting_options(parser: argparse.ArgumentParser) -> None:
    """Add the renderer's settings that are asked for most; `painting` reads them.

    None of them has a default of its own: what is not given stays as `RendererSettings` has it.
    """
    held = RendererSettings.model_fields
    for name, (kind, words) in _PAINTING.items():
        choices = get_args(held[name].annotation) or None
        parser.add_argument(
            f"--{name}", type=kind, choices=choices, metavar=None if choices else name.upper(),
            help=f"{words} (default: {held[name].default})", default=argparse.SUPPRESS,
        )  # fmt: skip
    parser.add_argument(
        "--renderer", type=table, default={}, metavar="JSON", help="all other settings of "
        "painting, as in a session's table [renderer]: JSON or its file, for instance "
        "'{\"path\": \"hold\"}'",
    )  # fmt: skip


def painting(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the renderer's settings that the options of `add_painting_options` give.

    A seed of the command, where it has one, is that of the noise, too.
    """
    given = {name: getattr(arguments, name, None) for name in (*_PAINTING, "seed")}
    return {**arguments.renderer, **{k: v for k, v in given.items() if v is not None}}


def headless(arguments: argparse.Namespace) -> bool:
    """Return True when no window is wanted or possible."""
    return bool(arguments.headless) or not has_display()


def gui_arguments(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what the window is to be told on its own command line."""
    found: list[str] = []
    if arguments.participant_screen:
        found += ["--participant-screen", arguments.participant_screen]
    if arguments.observer_screen:
        found += ["--observer-screen", arguments.observer_screen]
    if arguments.screenshot:
        shot = str(arguments.screenshot.resolve())
        found += ["--screenshot", shot, "--after", str(arguments.screenshot_after)]
        if arguments.screenshot_at_picture is not None:
            found += ["--after-picture", str(arguments.screenshot_at_picture)]
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
