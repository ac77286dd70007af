"""``phosphene fit``: recordings in, a person's fitted decoder out."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.errors import InputError, NodeError

__all__ = ["FIT", "run_module"]


def run_module(module: str, arguments: Sequence[str]) -> None:
    """Run ``python -m module`` with its own progress display.

    Raises
    ------
    NodeError
        If it fails; it has told why on standard error.
    """
    # Many small matrices: threads that wait for each other cost far more than they give.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=False, env=environment)
    if done.returncode != 0:
        raise NodeError(f"{module} failed (exit {done.returncode}); its message stands above")


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, nargs="+", help="recordings: one file per run, or a "
                        "folder that holds several runs")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument("--person", default="p01", help="pseudonym of the person")
    parser.add_argument("--runs", help="runs to use, for instance 1-11 or 1,3,5")
    parser.add_argument("--labels", default="", help="rename markers, for instance 1=house,2=face")
    parser.add_argument("--delay", type=float, help="haemodynamic delay in seconds")
    parser.add_argument("--window", type=int, help="volumes in a decoder window")


def _run(arguments: argparse.Namespace) -> int:
    missing = [str(path) for path in arguments.source if not path.exists()]
    if missing:
        raise InputError("recording does not exist: " + ", ".join(missing))
    with tempfile.TemporaryDirectory(prefix="phosphene-fit-") as folder:
        prepared = Path(folder) / "prepared.npz"
        command = [*map(str, arguments.source), "--person", arguments.person]
        command += ["--out", str(prepared)]
        command += ["--runs", arguments.runs] if arguments.runs else []
        command += ["--labels", arguments.labels] if arguments.labels else []
        run_module("acquisition.prepare", command)
        options = ["--delay", str(arguments.delay)] if arguments.delay is not None else []
        options += ["--window", str(arguments.window)] if arguments.window is not None else []
        run_module("decoder.fit", [str(prepared), "--out", str(arguments.out), *options])
    return 0


FIT = CliCommand("fit", "fit a person's decoder on recordings", _configure, _run)
