"""Pictures of handwritten digits from visual cortex (van Gerven, de Lange & Heskes 2010).

``python -m decoder.studies.digit69 DATA`` prints a markdown table. DATA is the folder with
``digit69_28x28.mat``: 100 trials of one participant, 3092 voxels of V1 to V3, a handwritten 6 or 9
of 28 x 28 pixels in each; the first 90 and the last 10 are the split in which it is shipped.

Two splits. Ten folds over all 100 trials: a permutation by seed 0 cut into ten parts. And the
shipped one. The decoder (`decoder.images.reconstruct.PictureDecoder` with its default settings)
was designed on ten folds within the shipped 90, and frozen before the shipped 10 were scored; all
it fits and chooses, it fits and chooses on the training part of each split.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat

from decoder.images.folds import split
from decoder.images.reconstruct import PictureDecoder, as_grey
from decoder.images.smoother import Smoother, Voxels, fit_inverse, fit_weighted
from decoder.metrics import mse, pix_corr, ssim
from decoder.spaces.base import ZCoder
from phosphene.errors import InputError, problem
from phosphene.metrics import Scored, row_correlations, scored
from phosphene.metrics import two_way as identified

__all__ = [
    "METHODS",
    "Result",
    "Trials",
    "cross_validate",
    "load_digit69",
    "rows",
    "shipped",
    "with_taef2",
]

Array = npt.NDArray[Any]
Method = Callable[[Array, Array, Array, Array], Array]
"""Training responses, pictures and labels, held-out responses to pictures from 0 to 1."""
FILE, SIDE_PX, TRIALS, SHIPPED = "digit69_28x28.mat", 28, 100, 90
FOLDS, FOLD_SEED = 10, 0
RIDGE_PENALTY = 1e3
OURS = "shapes and painters"
CONTROL = "the same, trained on permuted pictures"
REQUIRED = {"cv": (0.78, 0.040, 0.64), "shipped": (0.82, 0.035, 0.67)}
SPLITS = {"cv": f"{FOLDS} folds over 100 trials, seed {FOLD_SEED}", "shipped": "90 / 10 as shipped"}
RULES = {
    "pcc": "Pearson correlation over pixels, mean over pictures",
    "mse": "squared error of pixels from 0 to 1",
    "ssim": "SSIM, 7 x 7 uniform window, unbiased, data range 255",
    "two_way": "share of other seen pictures that are less like the decoded one",
}


@dataclass(frozen=True)
class Trials:
    """What was measured and seen.

    Attributes
    ----------
    responses : array (n, voxels)
    pictures : array (n, 28, 28) uint8
    labels : array (n,) of str
        "6" or "9".
    """

    responses: Array
    pictures: Array
    labels: Array


@dataclass(frozen=True)
class Result:
    """Figures of one method on one split.

    Attributes
    ----------
    method, split : str
    pcc, mse, ssim, two_way : Scored
        Each with interval over pictures and shuffled control.
    decoded : array (n, 28, 28) uint8
        The held-out pictures, in the order of the trials.
    """

    method: str
    split: str
    pcc: Scored
    mse: Scored
    ssim: Scored
    two_way: Scored
    decoded: Array


def load_digit69(folder: Path) -> Trials:
    """Read the recording, training trials first.

    Raises
    ------
    InputError
        If the file is missing or has other contents.
    """
    path = folder / FILE
    if not path.is_file():
        raise InputError(problem("DATA", str(folder), f"a folder with {FILE}", "Give its path."))
    content = loadmat(path)
    responses = np.vstack([content["fmriTrn"], content["fmriTest"]])
    columns = np.vstack([content["stimTrn"], content["stimTest"]])
    labels = np.vstack([content["labelTrn"], content["labelTest"]]).ravel()
    if len(responses) != TRIALS or columns.shape != (TRIALS, SIDE_PX**2):
        got = f"{responses.shape} and {columns.shape}"
        raise InputError(problem(FILE, got, f"{TRIALS} trials of both", "Get the file again."))
    # Pixels are stored column by column.
    pictures = columns.reshape(-1, SIDE_PX, SIDE_PX).transpose(0, 2, 1).astype(np.uint8)
    return Trials(responses, pictures, np.where(labels == 1, "6", "9"))


def mean_picture(responses: Array, pictures: Array, labels: Array, held: Array) -> Array:
    """Return the mean training picture, whatever was measured."""
    return np.repeat(pictures.mean(axis=0)[None], len(held), axis=0)


def ridge(responses: Array, targets: Array, held: Array) -> Array:
    """Ridge regression from all voxels to targets (n, ...), penalty 1000."""
    mean, std = responses.mean(axis=0), responses.std(axis=0) + 1e-9
    seen, new = (responses - mean) / std, (held - mean) / std
    flat = targets.reshape(len(targets), -1)
    gram = seen @ seen.T + RIDGE_PENALTY * np.eye(len(seen))
    found = new @ seen.T @ np.linalg.solve(gram, flat - flat.mean(axis=0)) + flat.mean(axis=0)
    return np.asarray(found.reshape(-1, *targets.shape[1:]))


def ridge_pixels(responses: Array, pictures: Array, labels: Array, held: Array) -> Array:
    """Ridge regression to pixels."""
    return ridge(responses, pictures, held)


def ridge_latent(
    space: ZCoder, responses: Array, pictures: Array, labels: Array, held: Array
) -> Array:
    """Ridge regression to the latents of a space whose pictures are twice as large."""
    full = np.rint(np.repeat(pictures[..., None], 3, axis=3) * 255).astype(np.uint8)
    z = ridge(responses, space.encode_z(full), held).astype(np.float32)
    decoded = as_grey(space.decode_z(z))
    return np.asarray(decoded.reshape(-1, SIDE_PX, 2, SIDE_PX, 2).mean(axis=(2, 4)))


def smoothed_pixels(
    fit: Callable[[Array, Array, Voxels], Smoother],
    responses: Array,
    pictures: Array,
    labels: Array,
    held: Array,
) -> Array:
    """One half of the decoder's smoother, on pixels alone."""
    flat = pictures.reshape(len(pictures), -1)
    weights = fit(responses, flat, Voxels())(held)
    return np.asarray((weights @ flat).reshape(-1, *pictures.shape[1:]))


def decoder_part(
    name: str, painters: int, responses: Array, pictures: Array, labels: Array, held: Array
) -> Array:
    """One part of the decoder, or with the name "" its picture."""
    start = PictureDecoder()
    decoder = replace(start, settings=replace(start.settings, painters=painters))
    fitted = decoder.fit(responses, pictures, labels)
    return fitted.parts(held)[name] if name else fitted.predict(held)


def permuted(responses: Array, pictures: Array, labels: Array, held: Array) -> Array:
    """Return what the decoder makes of training pictures that belong to other responses."""
    order = np.random.default_rng(FOLD_SEED).permutation(len(pictures))
    return PictureDecoder().fit(responses, pictures[order], labels[order]).predict(held)


OURS_METHOD: Method = partial(decoder_part, "", PictureDecoder().settings.painters)
METHODS: dict[str, Method] = {
    "mean picture": mean_picture,
    "ridge to pixels": ridge_pixels,
    "voxels weighted by encoding r, to pixels": partial(smoothed_pixels, fit_weighted),
    "inverse encoding, to pixels": partial(smoothed_pixels, fit_inverse),
    "shapes alone": partial(decoder_part, "shape", 0),
    OURS: OURS_METHOD,
    CONTROL: permuted,
}


def cross_validate(trials: Trials, method: Method, seed: int = FOLD_SEED) -> Array:
    """Decode every trial by a model that did not see it; (n, 28, 28) uint8."""
    decoded = np.zeros_like(trials.pictures)
    for train, held in split(len(trials.pictures), FOLDS, seed):
        decoded[held] = _decode(trials, method, train, held)
    return decoded


def shipped(trials: Trials, method: Method) -> Array:
    """Decode the last 10 trials by a model of the first 90; (10, 28, 28) uint8."""
    every = np.arange(len(trials.pictures))
    return _decode(trials, method, every[:SHIPPED], every[SHIPPED:])


def _decode(trials: Trials, method: Method, train: Array, held: Array) -> Array:
    grey = as_grey(trials.pictures[train])
    decoded = method(trials.responses[train], grey, trials.labels[train], trials.responses[held])
    return np.asarray(np.rint(np.clip(decoded, 0, 1) * 255), np.uint8)


def score(method: str, name: str, decoded: Array, true: Array) -> Result:
    """Put interval and shuffled control beside the figures of decoded pictures uint8."""
    a, b = decoded[..., None], true[..., None]
    every = np.arange(len(a))
    likeness = row_correlations(a, b)
    put = partial(scored, clusters=every, split=SPLITS[name])
    return Result(
        method,
        name,
        put(lambda own: pix_corr(a, b[own]), chance=None, rule=RULES["pcc"]),
        put(lambda own: mse(a, b[own]), chance=None, rule=RULES["mse"], higher_is_better=False),
        put(lambda own: ssim(a, b[own]), chance=None, rule=RULES["ssim"]),
        put(lambda own: identified(likeness, every, own), chance=0.5, rule=RULES["two_way"]),
        decoded,
    )


def with_taef2(weights: Path | None) -> dict[str, Method]:
    """Return `METHODS`, with ridge regression to TAEF2's z where its weights are given."""
    if weights is None:
        return METHODS
    from decoder.spaces.taef2 import open_taef2

    latent = partial(ridge_latent, open_taef2(str(weights), 2 * SIDE_PX))
    return {"ridge to TAEF2's z": latent, **METHODS}


def rows(
    folder: Path,
    tell: Callable[[str], None] = lambda _: None,
    methods: Mapping[str, Method] = METHODS,
) -> list[Result]:
    """Measure methods on both splits.

    Parameters
    ----------
    folder : Path
        With ``digit69_28x28.mat``.
    tell : Callable
        Gets a line of progress for each figure.
    methods : mapping
        By name, in the order of the table; a part of `METHODS`, say.

    Returns
    -------
    list of Result
        Cross-validated ones first. `REQUIRED` holds what is asked of the decoder.
    """
    trials = load_digit69(folder)
    results = []
    for name in SPLITS:
        for title, method in methods.items():
            decode = cross_validate if name == "cv" else shipped
            true = trials.pictures if name == "cv" else trials.pictures[SHIPPED:]
            results.append(score(title, name, decode(trials, method), true))
            tell(_line(results[-1]))
    return results


def spread(trials: Trials, seeds: Sequence[int]) -> list[tuple[float, float, float]]:
    """Correlation, error and SSIM of the decoder under other assignments of trials to folds."""
    found = []
    for seed in seeds:
        decoded = cross_validate(trials, OURS_METHOD, seed)[..., None]
        true = trials.pictures[..., None]
        values = (pix_corr(decoded, true), mse(decoded, true), ssim(decoded, true))
        found.append((values[0].mean(), values[1].mean(), values[2].mean()))
    return found


def table(results: Sequence[Result]) -> str:
    """Markdown: one row per split and method, intervals in brackets."""
    lines = [
        "| split | method | PCC | MSE | SSIM | 2-way |",
        "|---|---|---|---|---|---|",
        *map(_line, results),
        "",
        "95 % intervals resample pictures. With truths permuted among the held-out pictures, "
        f"{OURS} gives",
    ]
    for result in results:
        if result.method == OURS:
            parts = (result.pcc, result.mse, result.ssim, result.two_way)
            figures = " / ".join(f"{part.shuffled:.3f}" for part in parts)
            needed = " / ".join(f"{figure:.3f}" for figure in REQUIRED[result.split])
            lines.append(f"- {SPLITS[result.split]}: {figures} (asked for: {needed})")
    return "\n".join(lines)


def _line(result: Result) -> str:
    parts = (result.pcc, result.mse, result.ssim, result.two_way)
    cells = [f"{part.value:.3f} ({part.low:.3f} to {part.high:.3f})" for part in parts]
    return f"| {SPLITS[result.split]} | {result.method} | {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and print the table."""
    parser = argparse.ArgumentParser(prog="python -m decoder.studies.digit69", description=__doc__)
    parser.add_argument("data", type=Path, help=f"folder with {FILE}")
    parser.add_argument("--spread", type=int, default=0, help="other assignments to folds to try")
    parser.add_argument("--taef2", type=Path, help="folder with TAEF2's weights, for one more row")
    chosen = parser.parse_args(arguments)
    methods = with_taef2(chosen.taef2)
    print(table(rows(chosen.data, lambda line: print(line, file=sys.stderr), methods)))
    for figures in spread(load_digit69(chosen.data), range(1, chosen.spread + 1)):
        print("- other folds: " + " / ".join(f"{figure:.3f}" for figure in figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
