"""Measure percepts: ``python -m decoder.evaluation.score PERCEPTS.npz --out FOLDER``."""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from decoder.evaluation.evaluate import Settings, evaluate
from decoder.evaluation.percepts import Percepts, read_percepts
from decoder.evaluation.write import write_evaluation
from decoder.metrics.judges import open_judge
from phosphene.errors import InputError, PhospheneError, problem

__all__ = ["main", "read_pictures"]

KINDS = ("z", "c", "zc")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m decoder.evaluation.score", description=__doc__)
    parser.add_argument("percepts", type=Path, help="held-out percepts (.npz)")
    parser.add_argument("--pictures", type=Path, help="pictures painted from them (.npz)")
    parser.add_argument(
        "--judge", action="append", default=[], metavar="SPEC",
        help="squeezenet:PATH, onnx:PATH, transformers:PATH, space:SPEC",
    )  # fmt: skip
    parser.add_argument("--compete", choices=("fold", "all"), default="fold")
    parser.add_argument("--side", type=int, help="compare pictures at this size, in pixels")
    parser.add_argument("--rank-by", default="pixcorr")
    parser.add_argument("--permutations", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    given = parser.parse_args(arguments)
    try:
        print(f"report: {_score(given)}")
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_pictures(path: Path, n: int) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, Any]]:
    """Read painted pictures by kind, and what is told about their making.

    Raises
    ------
    InputError
        If the file cannot be read, or has another number of pictures than `n`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            found = {kind: held[kind] for kind in KINDS if kind in held.files}
            facts = json.loads(str(held["facts"])) if "facts" in held.files else {}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"pictures {path}: cannot be read: {error}") from error
    wrong = {kind: len(pictures) for kind, pictures in found.items() if len(pictures) != n}
    if wrong:
        raise InputError(problem(f"pictures {path}", wrong, f"{n} of each", "Paint them anew."))
    return found, facts


def _score(given: argparse.Namespace) -> Path:
    percepts = read_percepts(given.percepts)
    judges = [open_judge(spec) for spec in given.judge]
    painted, how = _painted(percepts, given.pictures)
    settings = Settings(
        compete=given.compete, side_px=given.side, rank_by=given.rank_by,
        permutations=given.permutations, seed=given.seed,
    )  # fmt: skip
    steps = 1 + len(painted) + len(judges) * (1 + len(painted))
    with tqdm(total=steps, desc="measuring", unit="step") as bar:

        def progress(what: str) -> None:
            bar.set_description(f"measuring {what}")
            bar.update()

        found = evaluate(percepts, painted, judges, settings, progress)
    facts = {**percepts.facts, **_told(how), "permutations": given.permutations, "seed": given.seed}
    return write_evaluation(given.out, found, percepts, facts)


def _painted(
    percepts: Percepts, path: Path | None
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, Any]]:
    if path is not None:
        return read_pictures(path, len(percepts))
    if percepts.z_pictures is not None:
        return {"z": percepts.z_pictures}, {"z": "as its space decodes it"}
    return {}, {}


def _told(how: Mapping[str, Any]) -> dict[str, Any]:
    return {"painting": {k: v for k, v in how.items() if v not in ("", None, {})}} if how else {}


if __name__ == "__main__":
    raise SystemExit(main())
