"""Kinds of decoder that can be asked for by name: ``phosphene fit --model NAME``."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from decoder.choose import Grid
from decoder.committee import LEAST_TIMES
from decoder.eeg.heads import has_torch
from decoder.settings import FitSettings
from phosphene.dataset import PreparedMeta
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["KINDS", "Kind", "with_kind"]

Kind = Literal["usual", "linear", "riemann", "pyriemann", "convolution", "auto"]
KINDS: tuple[str, ...] = get_args(Kind)


def with_kind(
    settings: FitSettings, grid: Grid, kind: str, meta: PreparedMeta
) -> tuple[FitSettings, Grid]:
    """Say which kinds of decoder a fit may choose from.

    Parameters
    ----------
    settings, grid
        As `decoder.search.search` gives them.
    kind : str
        ``linear``: ridge and discriminants. ``riemann``: the committee with tangent vectors of
        covariances, for categories. ``pyriemann``: the usual pipeline of xDAWN covariances, fitted
        by pyRiemann. ``convolution``: the compact convolution, for categories or c.
        ``usual``: the first two, chosen on training runs. ``auto``: all three, chosen on training
        runs; convolutions only where torch is there.
    meta : PreparedMeta
        Of the data.

    Returns
    -------
    FitSettings
    Grid

    Raises
    ------
    ConfigError
        If the data are not what the kind is for.
    """
    epochs = (
        meta.modality == "eeg" and meta.kind == "eeg-epoch" and settings.window == 1
        and len(meta.times_s) >= LEAST_TIMES
    )  # fmt: skip
    pictures = any(event.detail or event.picture >= 0 for event in meta.events)
    found = []
    if kind not in KINDS:
        found.append(problem("--model", kind, ", ".join(KINDS), "Choose one."))
    if kind in ("riemann", "pyriemann", "convolution") and not epochs:
        allowed = f"epochs of EEG of {LEAST_TIMES} samples or more"
        found.append(problem(f"--model {kind}", meta.kind, allowed, "Choose linear."))
    elif kind in ("riemann", "pyriemann") and pictures:
        allowed = "epochs with labels of categories"
        found.append(problem(f"--model {kind}", "pictures", allowed, "Choose linear or auto."))
    check_all(found, ConfigError, "fit")
    if kind == "linear":
        return settings, replace(grid, committees=())
    if kind == "riemann":
        return settings.model_copy(update={"committee": True}), replace(grid, committees=())
    if kind == "pyriemann":
        return settings.model_copy(update={"pyriemann": True}), replace(grid, committees=())
    if kind == "convolution":
        return settings.model_copy(update={"convolution": True}), replace(grid, committees=())
    if kind == "auto" and epochs and has_torch():
        return settings, replace(grid, convolutions=(False, True))
    return settings, grid
