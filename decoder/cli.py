"""Shell of the fit: ``python -m decoder.fit SOURCE --out BUNDLE``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from decoder.choose import Grid
from decoder.fingerprint import sources_of_runs
from decoder.fit import Facts, fit_bundle
from decoder.kinds import MODELS, kind_of
from decoder.load import Loaded, LoadOptions, load
from decoder.readers import ReadOptions
from decoder.readers.options import GIB
from decoder.readers.roi import takagi_regions
from decoder.readers.sheet import write_sheet
from decoder.regions_data import RegionsFromData
from decoder.search import search, with_groups
from decoder.splits import RULES
from phosphene.bundle import Bundle
from phosphene.commands.options import pairs
from phosphene.commands.source import add_array_options, arrays_of
from phosphene.dataset import PreparedMeta
from phosphene.describe import describe_bundle
from phosphene.errors import ConfigError, PhospheneError, problem
from phosphene.progress import tell_step

__all__ = [
    "add_load_options",
    "add_model_option",
    "delay",
    "load_options",
    "main",
    "search",
    "with_groups",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fit a bundle from prepared data or trials; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m decoder.fit", description=__doc__)
    parser.add_argument(
        "source", type=Path, help="prepared data (.npz), or trials (.npz, .mat, -epo.fif, .set)"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument(
        "--frequencies", type=_numbers, default=(), metavar="HZ,HZ",
        help="of flickers: tell categories by the power of EEG at these frequencies",
    )  # fmt: skip
    parser.add_argument("--early", metavar="MASK", help="voxels that z is decoded from")
    parser.add_argument("--higher", metavar="MASK", help="voxels that c is decoded from")
    parser.add_argument("--banded", action="store_true", help="weigh both against each other")
    parser.add_argument("--consent", default="", help="reference to the consent record")
    parser.add_argument("--replace", action="store_true", help="replace an existing bundle")
    add_model_option(parser)
    add_load_options(parser)
    given = parser.parse_args(arguments)
    try:
        bundle = _fit(given)
        bundle.write(given.out, replace=given.replace)
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    print(describe_bundle(bundle))
    return 0


def add_model_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the kind of decoder."""
    parser.add_argument(
        "--model", choices=MODELS, default="usual", help="kind of decoder (see phosphene fit)"
    )


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a source is read, aimed and split."""
    parser.add_argument("--person", default="p01", help="pseudonym; prepared data know it")
    parser.add_argument("--runs", help="runs to use, for instance 1,3,5; for trials only")
    parser.add_argument("--labels", default="", help="rename labels, for instance 1=six,2=nine")
    parser.add_argument(
        "--delay", type=delay, default=None, metavar="S",
        help="seconds from what was seen to the data's end; auto chooses it on training runs",
    )  # fmt: skip
    parser.add_argument("--window", type=int, help="volumes in a window")
    parser.add_argument("--space", help="target space, for instance pixels:28:grey")
    parser.add_argument("--split", default="auto", help=f"what is held out: auto, {RULES}")
    parser.add_argument(
        "--memory", type=float, default=8.0, metavar="GIB", help="refuse what would take more"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the fit and of the split")
    add_array_options(parser)


def load_options(given: argparse.Namespace) -> LoadOptions:
    """Return what these options say."""
    read = ReadOptions(
        person=given.person,
        arrays=arrays_of(given),
        order=given.picture_order,
        shape=given.picture_shape,
        stimuli_are=given.stimuli_are,
        labels=pairs("--labels", given.labels),
        runs=tuple(given.runs.split(",")) if given.runs else None,
        memory_bytes=int(given.memory * GIB),
    )
    return LoadOptions(
        read=read,
        space=given.space,
        split=given.split,
        delay_s=given.delay,
        window=given.window,
        seed=given.seed,
    )


def delay(text: str) -> float | None:
    """Read a delay in seconds; ``auto``, which is None, chooses it."""
    return None if text == "auto" else float(text)


def _numbers(text: str) -> tuple[float, ...]:
    """Read ``20,30``."""
    return tuple(float(part) for part in text.split(","))


def _check_eeg(meta: PreparedMeta) -> None:
    if meta.modality != "eeg" or any(event.detail for event in meta.events):
        got = "pictures" if meta.modality == "eeg" else meta.modality
        raise ConfigError(
            problem("--frequencies", got, "EEG with labels of flickers", "Leave it out.")
        )


class _Progress:
    """One bar after the other on standard error, and lines of text above it."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._what = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how far something is; the bar tells the time left."""
        if self._bar is None or what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(total=total, desc=what, leave=False, dynamic_ncols=True)
        self._bar.update(done - self._bar.n)
        tell_step(what, done, total)

    def tell(self, text: str) -> None:
        """Write a line."""
        self.close()
        print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _fit(given: argparse.Namespace) -> Bundle:
    progress = _Progress()
    try:
        loaded = load(given.source, load_options(given), progress.tell, progress)
        settings, grid = kind_of(loaded, given.model, given.banded)
        if given.frequencies:
            _check_eeg(loaded.prepared.meta)
            settings = settings.model_copy(update={"frequencies_hz": given.frequencies})
            grid = Grid()
        facts = _facts(loaded, given)
        if loaded.prepared.pictures is not None:
            sheet = given.out.with_name(f"{given.out.name}-pictures.png")
            sheet.parent.mkdir(parents=True, exist_ok=True)
            write_sheet(sheet, loaded.prepared.pictures)
            progress.tell(f"pictures as they were read: {sheet} (transposed? see --picture-order)")
        progress("held-out folds", 0, len(loaded.split))
        return fit_bundle(
            loaded.aim.data, settings, facts, progress, grid, loaded.split, loaded.test
        )
    finally:
        progress.close()


def _facts(loaded: Loaded, given: argparse.Namespace) -> Facts:
    prepared, meta = loaded.prepared, loaded.prepared.meta
    settings: dict[str, Any] = json.loads(meta.settings or "{}")
    placed = meta.modality == "fmri" and bool(meta.affine)
    regions = takagi_regions(given.early, given.higher, prepared, given.source, given.banded)
    if isinstance(regions, RegionsFromData):
        regions.check(loaded.aim.data.z, loaded.aim.data.c)
    return Facts(
        person=meta.person,
        modality=meta.modality,
        mask_hash=meta.mask_hash,
        target=loaded.aim.target,
        prototypes=loaded.aim.prototypes,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        consent=given.consent,
        mask=prepared.mask if placed else None,
        reference=prepared.reference,
        affine=np.array(meta.affine, np.float64).reshape(4, 4) if placed else None,
        channels=meta.channels,
        acquisition=settings,
        sources=tuple(sorted(set(meta.sources.values()))),
        run_sources=sources_of_runs(prepared),
        notes=loaded.notes,
        further=prepared.further,
        regions=regions,
        space_graph=loaded.aim.graph,
    )
