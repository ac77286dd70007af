"""Artifact subspace reconstruction: what is far larger than in clean data is put together anew.

After Mullen et al. (2015, IEEE Trans. Biomed. Eng. 62:2553). Clean data give a mixing matrix
M = sqrt(C), C their robust covariance (geometric median over blocks), and along each principal
direction v_k of M a limit: mean plus `cutoff` standard deviations of the amplitude in windows of
half a second. Of later data the covariance of the newest window is decomposed; directions u whose
variance is above what the limits allow there, sum_k (limit_k v_k' u)^2, are left out, and the
signal is put together from the others: R = M (keep * (U' M))^+ U'.

Blocks of 1/32 s count from the start of the stream, so that chunks have no part in the result; a
block is given out once it is complete, and R fades over from block to block within it. That is the
only delay, `AsrStage.delay_samples`, and nothing later than the block's end is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phosphene.errors import InputError, problem

__all__ = ["AsrModel", "AsrStage", "calibrate_asr", "clean_rows"]

Array = npt.NDArray[np.float64]

WINDOW_S, BLOCK_S = 0.5, 1 / 32
GRACE_S = 2.0
"""Seconds of data from the end of the calibration until its model is applied."""
_MEDIAN_BLOCK_S = 0.1
_OVERLAP = 3
_CLEAN_LOW, _CLEAN_HIGH = -3.5, 5.0
_MOST_BAD, _MOST_REMOVED = 0.2, 0.66
_LEAST_CLEAN_S = 5.0
_MEDIAN_STEPS, _MEDIAN_TOLERANCE = 50, 1e-4
_MAD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""


@dataclass(frozen=True)
class AsrModel:
    """What clean data look like.

    Attributes
    ----------
    mixing : ndarray of shape (n, n)
        M, in microvolts.
    limits : ndarray of shape (n, n)
        Rows limit_k v_k', in microvolts.
    """

    mixing: Array = field(repr=False)
    limits: Array = field(repr=False)

    def __post_init__(self) -> None:
        n = len(self.mixing)
        if self.mixing.shape != (n, n) or self.limits.shape != (n, n):
            got = f"{self.mixing.shape}, {self.limits.shape}"
            raise InputError(problem("mixing, limits", got, "square, of one size", "Fit anew."))


def clean_rows(samples: Array, fs_hz: float) -> npt.NDArray[np.bool_]:
    """Find samples in whose windows hardly any channel is unusually loud or quiet.

    Parameters
    ----------
    samples : ndarray of shape (n, n_channels)
        Filtered, in microvolts.
    fs_hz : float
        Sampling rate in hertz.

    Returns
    -------
    ndarray of bool, shape (n,)
        True where the sample lies in no conspicuous window.
    """
    size, starts = _windows(len(samples), fs_hz)
    loudness = np.log(_rms(samples, size, starts) + 1e-9)
    middle = np.median(loudness, axis=0)
    spread = _MAD * np.median(np.abs(loudness - middle), axis=0) + 1e-9
    z = (loudness - middle) / spread
    allowed = _MOST_BAD * samples.shape[1]
    bad = ((z > _CLEAN_HIGH) | (z < _CLEAN_LOW)).sum(axis=1) > allowed
    clean = np.ones(len(samples), np.bool_)
    for start in starts[bad]:
        clean[start : start + size] = False
    return clean


def calibrate_asr(samples: Array, fs_hz: float, cutoff: float) -> AsrModel:
    """Learn from calibration data; conspicuous windows of it are left out.

    Parameters
    ----------
    samples : ndarray of shape (n, n_channels)
        Filtered, in microvolts; half a minute or more.
    fs_hz : float
        Sampling rate in hertz.
    cutoff : float
        Standard deviations above the mean amplitude that count as clean.

    Returns
    -------
    AsrModel

    Raises
    ------
    InputError
        If less than 5 s are clean.
    """
    clean = samples[clean_rows(samples, fs_hz)] if len(samples) >= 2 * WINDOW_S * fs_hz else samples
    if len(clean) < _LEAST_CLEAN_S * fs_hz:
        got = f"{len(clean) / fs_hz:.1f} s of clean data"
        raise InputError(
            problem("calibration", got, f"{_LEAST_CLEAN_S:.0f} s or more", "Record more at rest.")
        )
    n = clean.shape[1]
    block = max(2, round(_MEDIAN_BLOCK_S * fs_hz))
    blocks = clean[: len(clean) // block * block].reshape(-1, block, n)
    covariances = blocks.transpose(0, 2, 1) @ blocks / block
    values, vectors = np.linalg.eigh(_geometric_median(covariances))
    roots = np.sqrt(np.maximum(values, 0.0))
    size, starts = _windows(len(clean), fs_hz)
    amplitude = _rms(clean @ vectors, size, starts)
    middle = np.median(amplitude, axis=0)
    spread = _MAD * np.median(np.abs(amplitude - middle), axis=0)
    limits = (middle + cutoff * spread)[:, np.newaxis] * vectors.T
    return AsrModel((vectors * roots) @ vectors.T, limits)


class AsrStage:
    """Applies a model to a stream; chunks never change a bit.

    Parameters
    ----------
    model : AsrModel or None
        None learns from the first `calibration_s` seconds. They pass unchanged, and so does what
        comes in the `GRACE_S` after them: a thread learns meanwhile, for half a second or more,
        and from the sample at the end of that time on the model is applied, whenever it was ready.
    fs_hz : float
        Sampling rate in hertz.
    n_channels : int
        Number of channels.
    cutoff, calibration_s : float
        For learning.
    """

    def __init__(
        self, model: AsrModel | None, fs_hz: float, n_channels: int, cutoff: float,
        calibration_s: float,
    ) -> None:  # fmt: skip
        if model is not None and len(model.mixing) != n_channels:
            got = f"{len(model.mixing)} channels"
            raise InputError(problem("model", got, f"{n_channels} channels", "Fit anew."))
        self.model = model
        self._fs_hz, self._n, self._cutoff = fs_hz, n_channels, cutoff
        self._block = max(1, round(BLOCK_S * fs_hz))
        self._held_blocks = max(1, round(WINDOW_S * fs_hz / self._block))
        self._learning = round(calibration_s * fs_hz)
        self._grace = round(GRACE_S * fs_hz)
        # cos-shaped fade from 0 to 1, 1 at the block's last sample
        steps = np.arange(1, self._block + 1) / self._block
        self._fade = ((1 - np.cos(np.pi * steps)) / 2)[:, np.newaxis]
        self.n_repaired = 0
        self.restart()

    @property
    def delay_samples(self) -> int:
        """Samples by which the output may lag behind the input."""
        return self._block - 1

    @property
    def unready_samples(self) -> int:
        """Samples from a restart until the model is there, and the first that it was applied to."""
        return -(-self._left // self._block) * self._block

    def restart(self) -> None:
        """Begin a new stream; what was learned stays."""
        self._left = 0 if self.model is not None else self._learning + self._grace
        self._seen = 0
        self._rest = np.empty((0, self._n))
        self._calibration: list[Array] = []
        self._pending: Future[AsrModel] | None = None
        self._squares: list[Array] = []
        self._last: Array | None = None

    def __call__(self, rows: Array) -> Array:
        """Take rows (n, n_channels); return those of all blocks that are complete now."""
        self._rest = np.concatenate([self._rest, rows])
        whole = len(self._rest) // self._block
        blocks, self._rest = (
            self._rest[: whole * self._block].reshape(whole, self._block, self._n),
            self._rest[whole * self._block :].copy(),
        )
        done = [self._clean(block) for block in blocks]
        return np.concatenate(done) if done else np.empty((0, self._n))

    def _clean(self, block: Array) -> Array:
        self._seen += len(block)
        if self.model is None:
            self._learn(block)
            return block
        self._squares.append(block.T @ block)
        self._squares = self._squares[-self._held_blocks :]
        now = self._reconstruction(self.model)
        before, self._last = self._last, now
        if now is None and before is None:
            return block
        self.n_repaired += 1
        new = block if now is None else block @ now.T
        old = block if before is None else block @ before.T
        return np.asarray(self._fade * new + (1 - self._fade) * old)

    def learned(self) -> AsrModel | None:
        """Return the model as soon as it can be known; waits for the thread that learns."""
        return self.model if self._pending is None else self._pending.result()

    def _learn(self, block: Array) -> None:
        if self._pending is None:
            self._calibration.append(block)
            if self._seen >= self._learning:
                blocks, self._calibration = self._calibration, []
                pool = ThreadPoolExecutor(1, "asr-calibration")
                self._pending = pool.submit(_calibrate, blocks, self._fs_hz, self._cutoff)
                pool.shutdown(wait=False)
        if self._seen >= self._learning + self._grace:
            self.model, self._pending = self.learned(), None

    def _reconstruction(self, model: AsrModel) -> Array | None:
        """Return R, or None where every direction is as in clean data."""
        covariance = np.sum(self._squares, axis=0) / (len(self._squares) * self._block)
        values, vectors = np.linalg.eigh(covariance)
        allowed = np.square(model.limits @ vectors).sum(axis=0)
        keep = values <= allowed
        # However bad it is, the quietest third of all directions stays.
        keep[: self._n - round(_MOST_REMOVED * self._n)] = True
        if keep.all():
            return None
        kept = keep[:, np.newaxis] * (vectors.T @ model.mixing)
        return np.asarray(model.mixing @ np.linalg.pinv(kept) @ vectors.T)


def _calibrate(blocks: Sequence[Array], fs_hz: float, cutoff: float) -> AsrModel:
    return calibrate_asr(np.concatenate(blocks), fs_hz, cutoff)


def _windows(n: int, fs_hz: float) -> tuple[int, npt.NDArray[np.intp]]:
    """Length and starts of overlapping windows."""
    size = max(2, round(WINDOW_S * fs_hz))
    return size, np.arange(0, max(1, n - size + 1), max(1, size // _OVERLAP))


def _rms(samples: Array, size: int, starts: npt.NDArray[np.intp]) -> Array:
    """Root mean square (windows, n_channels)."""
    sums = np.concatenate([np.zeros((1, samples.shape[1])), np.cumsum(samples**2, axis=0)])
    stops = np.minimum(starts + size, len(samples))
    power = np.maximum(sums[stops] - sums[starts], 0.0) / (stops - starts)[:, np.newaxis]
    return np.asarray(np.sqrt(power))


def _geometric_median(matrices: Array) -> Array:
    """Point with the least sum of distances to matrices (m, n, n): Weiszfeld's iteration."""
    flat = matrices.reshape(len(matrices), -1)
    point = np.median(flat, axis=0)
    for _ in range(_MEDIAN_STEPS):
        distance = np.linalg.norm(flat - point, axis=1)
        weights = 1.0 / np.maximum(distance, 1e-12 * (1.0 + np.linalg.norm(point)))
        moved = weights @ flat / weights.sum()
        if np.linalg.norm(moved - point) <= _MEDIAN_TOLERANCE * np.linalg.norm(point):
            break
        point = moved
    n = matrices.shape[1]
    found = moved.reshape(n, n)
    return np.asarray((found + found.T) / 2)
