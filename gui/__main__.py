"""``python -m gui``: the operator's window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gui.platform import check_display, explain_import
from phosphene.errors import ConfigError
from phosphene.node import prepare
from phosphene.plan import Plan

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gui", description="Phosphene operator window")
    parser.add_argument("--plan", type=Path, required=True, help="plan file of the run")
    parser.add_argument(
        "--participant-screen", metavar="NAME", help="screen of the participant's window"
    )
    parser.add_argument("--observer-screen", metavar="NAME", help="screen of the observers' window")
    parser.add_argument("--screenshot", type=Path, metavar="FILE", help="save the window as PNG")
    parser.add_argument(
        "--after", type=float, default=5.0, metavar="SECONDS", help="when to save it (default 5)"
    )
    parser.add_argument(
        "--after-picture", type=float, metavar="SECONDS",
        help="save it so long after the first decoded picture, whenever that comes",
    )  # fmt: skip
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window as this process; return its exit status."""
    arguments = _parser().parse_args(argv)
    try:
        plan = Plan.load(arguments.plan)
        check_display()
        try:
            from gui.app import GuiOptions, run
        except ImportError as error:
            raise explain_import(error) from error
    except ConfigError as error:
        print(f"gui: {error}", file=sys.stderr)
        return 1
    options = GuiOptions(
        arguments.participant_screen, arguments.observer_screen, arguments.screenshot,
        arguments.after, arguments.after_picture,
    )  # fmt: skip
    return run(prepare("gui", plan), options)


if __name__ == "__main__":
    sys.exit(main())
