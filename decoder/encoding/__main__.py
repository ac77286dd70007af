"""Shell of the analysis: ``python -m decoder.encoding SOURCE --out DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from decoder.cli import add_load_options, load_options
from decoder.encoding.analyse import encode
from decoder.encoding.ceiling import noise_ceiling
from decoder.encoding.maps import places_of
from decoder.encoding.material import FeatureSet, Material
from decoder.encoding.sets import of_generator, own_sets, read_generator, seen_once
from decoder.encoding.settings import EncodeSettings
from decoder.encoding.source import Source, open_source
from decoder.encoding.write import write_encoding
from decoder.readers.roi import read_region
from phosphene.commands.options import pairs
from phosphene.errors import InputError, PhospheneError, check_all, problem

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Analyse and write; returns the exit status."""
    usual = EncodeSettings()
    parser = argparse.ArgumentParser(prog="python -m decoder.encoding", description=__doc__)
    parser.add_argument("source", type=Path, help="prepared data (.npz), or trials")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--features", type=Path, help="of the generator (renderer.features)")
    parser.add_argument(
        "--regions", default="", metavar="NAME=MASK,...", help="regions of interest"
    )
    parser.add_argument("--components", type=int, default=usual.components)
    parser.add_argument("--permutations", type=int, default=usual.permutations)
    parser.add_argument("--fdr", type=float, default=usual.fdr)
    add_load_options(parser)
    given = parser.parse_args(arguments)
    try:
        print(f"report: {_analyse(given)}")
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _analyse(given: argparse.Namespace) -> Path:
    settings = EncodeSettings(
        components=given.components, permutations=given.permutations, fdr=given.fdr, seed=given.seed
    )
    with tqdm(total=1, desc="read", unit="step") as bar:

        def progress(what: str, done: int, total: int) -> None:
            if bar.desc.removesuffix(": ") != what:
                bar.reset(total)
                bar.set_description(what)
            bar.total = total
            bar.update(done - bar.n)

        source = open_source(given.source, load_options(given), settings.block_s, _tell, progress)
        regions = _regions(given, source)
        sets, missing = _sets(given, source)
        ceiling = None
        if source.clock is None and source.data.stimuli is not None:
            ceiling = noise_ceiling(source.data.responses, source.data.stimuli)
        if ceiling is None:
            missing.append("noise ceiling: needs trials in which stimuli come more than once")
        material = Material(
            source.data.responses, sets, source.split, source.groups, source.units, source.clock,
            regions, ceiling,
        )  # fmt: skip
        found = encode(material, settings, progress)
    places = places_of(source.prepared)
    if places is None:
        missing.append("maps: it is not known where the voxels lie")
    return write_encoding(
        given.out, found, settings, _facts(source, settings), places, regions, missing
    )


def _sets(given: argparse.Namespace, source: Source) -> tuple[tuple[FeatureSet, ...], list[str]]:
    sets = own_sets(source.data)
    missing = [
        f"{name}: the source does not say it (space {source.space})"
        for name, values in (("z", source.data.z), ("c", source.data.c))
        if values is None
    ]
    if given.features is None:
        why = "were not asked for" if source.painted else (
            "need z and c of world-64, and here "
            + ("one of them is missing" if missing else f"they are {source.space}")
        )  # fmt: skip
        missing.append(f"zc and blocks of the generator {why}")
        return sets, missing
    made, _ = read_generator(given.features)
    seen = seen_once(source.data)
    wrong = [name for name, values in made.items() if len(values) != len(seen.z)]
    if wrong:
        got = f"{len(made[wrong[0]])} rows"
        cure = "Make it anew from this source."
        raise InputError(problem(str(given.features), got, f"{len(seen.z)} rows", cure))
    return (*sets, *of_generator(made, seen.of)), missing


def _regions(given: argparse.Namespace, source: Source) -> dict[str, Any]:
    regions, found = {}, []
    for name, where in pairs("--regions", given.regions).items():
        try:
            regions[name] = read_region(where, source.prepared, given.source)
        except InputError as error:
            found.append(f"{name}: {error}")
    check_all(found, InputError, "regions")
    return regions


def _facts(source: Source, settings: EncodeSettings) -> dict[str, Any]:
    meta = source.prepared.meta
    rows, features = source.data.responses.shape
    kind = "voxels" if meta.modality == "fmri" else "features (channel by channel), told as voxels"
    return {
        "person": meta.person,
        "source": ", ".join(meta.sources),
        "target_space": source.space,
        "responses": f"{rows} {'volumes' if source.clock else 'trials'} of {features} {kind}",
        "features": f"up to {settings.components} principal components of the training rows of "
        "each fold" + ("; canonical haemodynamic response" if source.clock else ""),
        "regression": "ridge, penalty of each voxel chosen on training rows; z and c together "
        "with a penalty each",
        "permutations": settings.permutations,
    }


def _tell(text: str) -> None:
    """Say something without breaking the progress bar."""
    tqdm.write(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
