"""Decodes data by a bundle that was not fitted on them."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from decoder.aims import knowing, with_space
from decoder.dataset import Dataset
from decoder.evaluation.heldout import by_bundle, percepts_of
from decoder.evaluation.percepts import Percepts
from decoder.evaluation.trained import trained_on
from decoder.load import LoadOptions
from decoder.readers import read_source
from decoder.samples import Priors
from decoder.settings import FitSettings
from decoder.spaces import open_space
from decoder.targets import Encode, make_dataset
from phosphene.bundle import Bundle
from phosphene.dataset import PreparedData
from phosphene.engine import OnnxEngine
from phosphene.errors import BundleError, ConfigError, PhospheneError, check_all, problem
from phosphene.manifest import Manifest
from phosphene.stimuli import SPACE_ID
from phosphene.stimuli.encoder import WorldEncoder, space_hash

__all__ = ["decode_by_bundle", "option_of", "settings_of"]

Progress = Callable[[str, int, int], None]


def decode_by_bundle(
    source: Path, where: Path, options: LoadOptions, allow_training: bool, progress: Progress
) -> Percepts:
    """Decode a source by a bundle.

    Parameters
    ----------
    source : Path
        Prepared data (with the bundle's mask), or trials.
    where : Path
        The bundle.
    options : LoadOptions
        How trials are read; `space` opens the bundle's target space where its id does not.
    allow_training : bool
        Whether data that the bundle was fitted on are decoded even so; the report is stamped.
    progress : Callable
        Called with (what, done, total).

    Returns
    -------
    Percepts

    Raises
    ------
    ConfigError
        If these are training data and that is not allowed.
    BundleError
        If the data do not belong to the bundle.
    """
    bundle = Bundle.load(where)
    prepared, _ = read_source(source, options.read)
    _check(bundle.manifest, prepared)
    settings = settings_of(bundle.manifest)
    data = _dataset(bundle.manifest, prepared, settings, options.space, progress)
    why = trained_on(bundle.manifest, bundle.statistics, prepared, data)
    if why and not allow_training:
        raise ConfigError(
            problem("SOURCE", why, "data that the bundle was not fitted on",
                    "Take other runs, or --folds to fit without each fold; --allow-training "
                    "measures even so and stamps it on the report.")
        )  # fmt: skip
    statistics = bundle.statistics
    priors = Priors(statistics["prior_mean"], statistics["prior_std"])
    engine = OnnxEngine(bundle.graph, 1)
    decoded = by_bundle(data, settings, priors, engine, bundle.manifest.labels)
    progress("decoded", 1, 1)
    facts = _facts(bundle, prepared, data, source, why)
    blocks = prepared.meta.kind == "fmri"
    return percepts_of(decoded, facts, blocks=blocks, bundle=str(where.resolve()))


def settings_of(manifest: Manifest) -> FitSettings:
    """Return the settings that a bundle was fitted with, as its manifest tells them.

    Raises
    ------
    BundleError
        If they cannot be read.
    """
    known = set(FitSettings.model_fields)
    told = {k: v for k, v in manifest.training.settings.items() if k in known}
    try:
        settings = FitSettings.model_validate(told)
    except ValueError as error:
        raise BundleError(f"bundle: its settings cannot be read: {error}") from error
    window = manifest.window
    return settings.model_copy(
        update={
            "window": window.length, "delay_s": window.delay_s, "period_s": window.period_s,
            "normaliser": manifest.normaliser.kind,
        }
    )  # fmt: skip


def _check(manifest: Manifest, prepared: PreparedData) -> None:
    meta = prepared.meta
    found = [
        problem(name, have, repr(want), "Use the person's own bundle, and its mask.")
        for name, have, want in (
            ("modality", meta.modality, manifest.modality),
            ("mask or channels", meta.mask_hash[:16], manifest.mask_hash[:16]),
            ("features", prepared.responses.shape[1], manifest.features),
        )
        if have != want
    ]
    check_all(found, BundleError, "data and bundle")


def _dataset(
    manifest: Manifest,
    prepared: PreparedData,
    settings: FitSettings,
    space: str | None,
    progress: Progress,
) -> Dataset:
    """Attach the truth in the bundle's target space, as far as that can be opened."""
    scenes = any(event.detail for event in prepared.meta.events)
    world = scenes and manifest.target.sha256 == space_hash()
    encode: Encode | None = WorldEncoder().encode if world else None
    data = make_dataset(prepared, settings.delay_s, settings.period_s, encode, pictures=scenes)
    if data.given is not None and "test" in set(data.given.tolist()):
        data = data.select(data.given == "test")
    if world or data.pictures is None:
        return data
    target, named = manifest.target, option_of(manifest.target.id)
    try:
        # As in the fit: categories that the space has no code for get one each.
        opened = knowing(open_space(space or target.id), target.categories)
    except PhospheneError:
        if space is not None:
            raise
        # Pictures and categories can be measured even so; z is painted by the bundle's own graph.
        told = f"z and c are not compared, pictures are; to compare them: {named}"
        print(told, file=sys.stderr)
        return replace(data, z=None, c=None)
    if opened.sha256 != target.sha256:
        raise BundleError(
            problem("--space", space or opened.id, f"the space of the bundle: {named}",
                    "Name its own weights and size, or leave --space out.")
        )  # fmt: skip
    return with_space(data, opened, progress)


def option_of(target: str) -> str:
    """Return what names a target space on the command line; FOLDER stands for its weights."""
    low = re.sub(r"\b(taef2|diffusers)(?=@)", r"\1:FOLDER", target)
    low = re.sub(r"\bclip:[^,]*", "clip:FOLDER", low)
    return f"--space {shlex.quote(low)}"


def _facts(
    bundle: Bundle, prepared: PreparedData, data: Dataset, source: Path, why: str
) -> dict[str, Any]:
    manifest = bundle.manifest
    runs = f"run(s) {', '.join(data.group_names[:12])}"
    held = "NOT held out: training data" if why else "data that the bundle was not fitted on"
    if data.given is not None and set(data.given.tolist()) == {"test"}:
        runs = f"the {len(data)} test rows that came with the data"
    paint = "all"
    if manifest.target.z_shape is None or "z" not in manifest.heads:
        paint = "all" if manifest.target.id == SPACE_ID else ""
    return {
        "split": f"{held}: {runs}",
        "training": why,
        "decoder": f"bundle {bundle.digest[:16]}, fitted on {manifest.training.samples} rows",
        "source": ", ".join(prepared.meta.sources) or source.name,
        "person": manifest.person,
        "modality": manifest.modality,
        "target_space": f"{manifest.target.id} ({manifest.target.sha256[:12]})",
        "delay": [f"{manifest.window.delay_s:g} s"],
        "window": [manifest.window.length],
        "sources_sha256": dict(prepared.meta.sources),
        "paint": paint,
    }
