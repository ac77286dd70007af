"""Decode held-out percepts: ``python -m decoder.evaluation.decode SOURCE --out PERCEPTS.npz``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from decoder.cli import add_load_options, add_model_option, load_options
from decoder.evaluation.by_bundle import decode_by_bundle
from decoder.evaluation.heldout import Decoded, by_folds, by_given, percepts_of
from decoder.evaluation.percepts import Percepts, write_percepts
from decoder.kinds import PICTURES, kind_of
from decoder.load import Loaded, LoadOptions, load
from decoder.model import LinearModel
from decoder.readers.roi import takagi_regions
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.stimuli import SPACE_ID
from phosphene.stimuli.encoder import space_hash

__all__ = ["main"]

Progress = Callable[[str, int, int], None]
_BATCH = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Decode; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m decoder.evaluation.decode", description=__doc__
    )
    parser.add_argument("source", type=Path, help="prepared data (.npz), or trials")
    parser.add_argument("--out", type=Path, required=True, help="file of the percepts (.npz)")
    parser.add_argument(
        "--bundle", type=Path, help="decode with it; default: fit without each fold"
    )
    parser.add_argument("--allow-training", action="store_true", help="even on training data")
    parser.add_argument("--early", metavar="MASK", help="voxels that z is decoded from")
    parser.add_argument("--higher", metavar="MASK", help="voxels that c is decoded from")
    parser.add_argument("--banded", action="store_true", help="weigh both against each other")
    add_model_option(parser)
    add_load_options(parser)
    given = parser.parse_args(arguments)
    try:
        with tqdm(total=1, desc="read", unit="step") as bar:

            def progress(what: str, done: int, total: int) -> None:
                if bar.desc.removesuffix(": ") != what:
                    bar.reset(total)
                    bar.set_description(what)
                bar.total = total
                bar.update(done - bar.n)

            write_percepts(given.out, _decode(given, progress))
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _decode(given: argparse.Namespace, progress: Progress) -> Percepts:
    if given.bundle is None:
        return _by_fitting(given, load_options(given), progress)
    asked = [
        problem(option, value, "nothing with --bundle", "Leave it out: the bundle knows it.")
        for option, value, usual in (
            ("--split", given.split, "auto"), ("--window", given.window, None),
            ("--delay", given.delay, None), ("--early", given.early, None),
            ("--higher", given.higher, None), ("--model", given.model, "usual"),
        )
        if value != usual
    ]  # fmt: skip
    if asked:
        raise ConfigError("; ".join(asked))
    return decode_by_bundle(
        given.source, given.bundle, load_options(given), given.allow_training, progress
    )


def _by_fitting(given: argparse.Namespace, options: LoadOptions, progress: Progress) -> Percepts:
    loaded = load(given.source, options, _tell, progress)
    target = loaded.aim.target
    empty = LinearModel(
        categories=target.categories,
        prototypes=loaded.aim.prototypes,
        z_shape=target.z_shape or (),
        regions=takagi_regions(
            given.early, given.higher, loaded.prepared, given.source, given.banded
        ),
    )
    data = loaded.aim.data
    settings, grid = kind_of(loaded, given.model, given.banded)
    if loaded.test is not None:
        decoded, words = by_given(data, loaded.test.data, settings, grid, empty), loaded.test.words
        progress("test rows", 1, 1)
    else:
        decoded, words = by_folds(data, settings, grid, empty, loaded.split, progress)
    blocks = loaded.prepared.meta.kind == "fmri"
    percepts = percepts_of(decoded, _facts(given, loaded, decoded, words), blocks=blocks)
    return _with_pictures(percepts, loaded)


def _facts(
    given: argparse.Namespace, loaded: Loaded, decoded: Sequence[Decoded], words: str
) -> dict[str, Any]:
    meta, target = loaded.prepared.meta, loaded.aim.target
    delays = sorted({f"{part.settings.delay_s:g} s" for part in decoded})
    windows = sorted({part.settings.window for part in decoded})
    return {
        "split": words,
        "decoder": f"{_model(given.model)}, fitted without each fold ({len(decoded)}); "
        "every choice too",
        "source": ", ".join(meta.sources) or given.source.name,
        "person": meta.person,
        "modality": meta.modality,
        "target_space": f"{target.id} ({target.sha256[:12]})",
        "delay": delays,
        "window": windows,
        "regions": ", ".join(x for x in (given.early, given.higher) if x),
        "sources_sha256": dict(meta.sources),
        "paint": _paintable(loaded),
    }


def _model(kind: str) -> str:
    if kind == "usual":
        return "linear model"
    return "z by shapes and painters, the rest linear" if kind == PICTURES else f"model {kind}"


def _paintable(loaded: Loaded) -> str:
    """Say what the renderer can paint: all kinds, z alone, or nothing ("")."""
    target = loaded.aim.target
    if target.sha256 == space_hash():
        return "all"
    world_z = loaded.aim.graph is None and target.id.split(",")[0] == f"z={SPACE_ID}"
    return "z" if world_z else ""


def _with_pictures(percepts: Percepts, loaded: Loaded) -> Percepts:
    """Add z as its space decodes it, where that space brings a decoder."""
    if percepts.z is None or loaded.aim.graph is None:
        return percepts
    return replace(percepts, z_pictures=_decoded_pictures(loaded.aim.graph, percepts.z))


def _decoded_pictures(graph: bytes, z: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    engine = OnnxEngine(graph, 1)
    parts = [
        engine.run({"z": np.ascontiguousarray(z[k : k + _BATCH])})["pictures"]
        for k in range(0, len(z), _BATCH)
    ]
    return np.concatenate(parts)


def _tell(text: str) -> None:
    """Say something without breaking the progress bar."""
    tqdm.write(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
