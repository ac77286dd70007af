"""What a command of ``phosphene`` is; nodes provide further ones by entry point."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CliCommand"]


@dataclass(frozen=True)
class CliCommand:
    """One command of the command line.

    Attributes
    ----------
    name : str
        Word after ``phosphene``.
    summary : str
        One line for the help.
    configure : Callable
        Adds the command's options to its parser.
    run : Callable
        Does the work and returns the exit status.
    """

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
