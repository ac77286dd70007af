"""``phosphene filter``: make a content filter from a CLIP-like model, and try it on pictures."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from phosphene.commands.base import CliCommand
from phosphene.commands.fit import run_module
from phosphene.errors import InputError, problem
from phosphene.filters import Picture
from phosphene.filters.concepts import Concepts

__all__ = ["FILTER"]


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = actions.add_parser("export", help="make a filter's folder; needs the extra [train]")
    export.add_argument("model", help="folder of a transformers model of CLIP's kind, or hub id")
    export.add_argument("concepts", type=Path, help="text file: a line for each concept, as a text "
                        "or picture:FILE; '@ 0.3' at its end sets its threshold")  # fmt: skip
    export.add_argument("--out", type=Path, required=True, help="folder of the filter")
    export.add_argument("--threshold", type=float, default=0.25, help="cosine from which on a "
                        "picture is refused, of lines without one")  # fmt: skip
    export.add_argument("--offline", action="store_true", help="take a hub id only from what was "
                        "downloaded before")  # fmt: skip
    export.set_defaults(run_action=_export)
    check = actions.add_parser("check", help="tell how much pictures look like its concepts")
    check.add_argument("folder", type=Path, help="folder of the filter")
    check.add_argument("pictures", type=Path, nargs="+", help="files of pictures")
    check.add_argument("--stricter", type=float, default=0.0, help="taken from each threshold")
    check.set_defaults(run_action=_check)


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run_action
    return run(arguments)


def _export(arguments: argparse.Namespace) -> int:
    given = [arguments.model, str(arguments.concepts), "--out", str(arguments.out)]
    given += ["--threshold", str(arguments.threshold)]
    run_module("decoder.concept_filter", given + ["--offline"] * arguments.offline)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    filtering = Concepts(str(arguments.folder), arguments.stricter)
    for path in arguments.pictures:
        picture = _picture(path)
        cosines = filtering.cosines(picture)
        print(f"{path}: {'passes' if filtering(picture, 0.0) else 'REFUSED'}")
        for k in np.argsort(filtering.thresholds - cosines):
            words = f"{cosines[k]:6.3f} of {filtering.thresholds[k]:.3f}  {filtering.names[k]}"
            print(f"  {words}")
    return 0


def _picture(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), np.uint8)
    except OSError as error:
        cure = f"Correct it: {error}"
        raise InputError(problem("PICTURES", str(path), "files of pictures", cure)) from error


FILTER = CliCommand("filter", "make a content filter, try it on pictures", _configure, _run)
