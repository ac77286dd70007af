"""Kinds of decoder by name, for all data: ``--model NAME`` of phosphene fit and evaluate.

`decoder.eeg.kinds` knows those that depend on what was measured alone; ``pictures`` (shapes and
painters, `decoder.images`) depends on what was shown as well.
"""

from __future__ import annotations

from importlib.util import find_spec

from decoder.choose import Grid
from decoder.eeg.kinds import KINDS, with_kind
from decoder.images.reconstruct import LEAST_TRIALS, PictureSettings
from decoder.load import Loaded
from decoder.settings import FitSettings
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["LARGEST_PX", "MODELS", "PICTURES", "kind_of"]

PICTURES = "pictures"
MODELS = (*KINDS, PICTURES)
LARGEST_PX = 64
"""Side of the largest pictures that are decoded so; distances and SSIM of larger ones take long."""
_TRIALS = ("fmri-beta", "eeg-epoch")


def kind_of(loaded: Loaded, kind: str, banded: bool = False) -> tuple[FitSettings, Grid]:
    """Say where a fit begins and what it chooses, for a kind of decoder.

    Parameters
    ----------
    loaded : Loaded
        Source with its target.
    kind : str
        One of `MODELS`.
    banded : bool
        Whether regions are to be weighed against each other.

    Returns
    -------
    FitSettings
    Grid

    Raises
    ------
    ConfigError
        Listing why the data are not what the kind is for.
    """
    settings, grid, meta = loaded.settings, loaded.grid, loaded.prepared.meta
    if kind != PICTURES:
        return with_kind(settings, grid, kind, meta)
    # Without pictures nothing else has to be put right first.
    found = _no_pictures(loaded) or [*_not_trials(loaded), *_not_grey(loaded)]
    if banded:
        found.append(problem("--banded", True, "nothing with --model pictures", "Leave it out."))
    if find_spec("torch") is None:
        cure = "Install phosphene[train], or choose another model."
        found.append(problem("--model pictures", "no torch", "torch, to train painters", cure))
    check_all(found, ConfigError, "--model pictures")
    return settings.model_copy(update={"pictures": PictureSettings(seed=settings.seed)}), grid


def _no_pictures(loaded: Loaded) -> list[str]:
    if loaded.aim.data.z is not None:
        return []
    cure = "Name them with --stimuli, or choose another model."
    return [problem("--model pictures", "no pictures", "pictures of what was seen", cure)]


def _not_trials(loaded: Loaded) -> list[str]:
    kind, count, found = loaded.prepared.meta.kind, len(loaded.aim.data), []
    if kind not in _TRIALS or loaded.settings.window != 1:
        allowed = "one row for each trial: betas, trials, or epochs"
        found.append(problem("rows", kind, allowed, "Take --features beta, or another model."))
    # Each fold has to have enough of them to learn from.
    least = min((len(train) for train, _ in loaded.split), default=count)
    if least < LEAST_TRIALS:
        allowed = f"{LEAST_TRIALS} or more in the training part of each fold"
        found.append(problem("trials", least, allowed, "Bring more, or choose another model."))
    return found


def _not_grey(loaded: Loaded) -> list[str]:
    target = loaded.aim.target
    shape = target.z_shape or ()
    # Where c is of another space, the id names both ("z=pixels:28:grey,c=...").
    low = target.id.split(",")[0].removeprefix("z=")
    if not low.startswith("pixels:") or len(shape) != 3:
        cure = "Add --space pixels:28:grey, or choose another model."
        return [problem("target space", target.id, "grey pixels", cure)]
    found = []
    if shape[0] != 1:
        cure = f"Add --space pixels:{min(shape[1], LARGEST_PX)}:grey, which keeps the lightness."
        found.append(problem("pictures", "with colours", "grey ones", cure))
    if max(shape[1:]) > LARGEST_PX:
        cure = f"Add --space pixels:{LARGEST_PX}:grey, which makes them smaller."
        found.append(problem("pictures", f"{shape[1]} px", f"up to {LARGEST_PX} px", cure))
    return found
