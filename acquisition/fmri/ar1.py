"""Regression with AR(1) noise from sums alone: exact at any volume, and no volume is kept.

With rows x_t (design) and y_t (data) of consecutive volumes, the offline fit (Worsley et al.
2002, NeuroImage 15:1; nilearn's ``ar1``) takes the lag-one correlation r of the ordinary least
squares residuals of each voxel, rounds it to hundredths, whitens ``y_t - r y_(t-1)`` and
``x_t - r x_(t-1)`` (the first row stays) and fits again. Every product of whitened rows is a
polynomial in r whose coefficients are sums over rows::

    X'X(r) = S00 - r (S01 + S01') + r^2 S11     S00 = sum x_t x_t'
    X'y(r) = b0  - r c            + r^2 b1      S01 = sum x_t x_(t-1)', S11 = sum x_(t-1) x_(t-1)'
    y'y(r) = s0  - 2 r s1         + r^2 s2      c = sum x_t y_(t-1) + x_(t-1) y_t, and so on

and so are both numbers that r itself needs: with b = S00^-1 b0 the residuals have
``sum e_t^2 = s0 - b0'b`` and ``sum e_t e_(t-1) = s1 - c'b + b'S01 b``. So these sums, 2 p + 2
numbers per voxel, give at any volume exactly what the offline fit would give on the volumes so far:
nothing is approximated, nothing is forgotten, and nothing later is needed. (A recursive least
squares filter with a fixed whitening would have to keep the r it began with.) S11 and b1 lack the
last row of S00 and b0, so they need no sum of their own.

What is exact is the agreement with the offline fit, which has its own bias: least squares residuals
underestimate r where the design has many columns for few volumes, so t values of short runs come
out somewhat too large (with r = 0.4, 90 volumes and 12 columns their spread under noise alone is
1.4 instead of 1).

Where a volume is missing or left out, the chain of neighbours breaks: the next row counts as a
first one, and no product reaches across.

A regressor that has been 0 so far has only zeros in its sums: one that begins later (a new
condition, a single trial) can be added exactly. Sums run in 64 bits on ``y - y_first``, which the
constant of the design takes up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from acquisition.fmri.ar1_kernels import accumulate, close, correlations, estimate
from phosphene.errors import InputError, problem

__all__ = ["Design", "Fit", "LaggedSums", "Noise", "compile_now"]

Array = npt.NDArray[np.float64]
Noise = str

BINS = 100
"""Lag-one correlations are rounded towards 0 to this part of 1."""

_MOST = BINS - 1
_DETERMINED = 1e-3
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Fit:
    """What the sums say now.

    Attributes
    ----------
    effect : array of float32 (contrasts, voxels)
        Estimated contrasts, in the unit of the data.
    sd : array of float32 (contrasts, voxels)
        Their standard errors.
    variance : array of float32 (voxels,)
        Variance of the whitened residuals.
    rho : array of float32 (voxels,)
        Lag-one correlation of the noise, as used.
    dof : int
        Degrees of freedom: rows less the rank of the design.
    estimable : array of bool (contrasts,)
        Whether the design so far can tell the contrast; where not, effect is 0 and sd infinite.
    """

    effect: npt.NDArray[np.float32] = field(repr=False)
    sd: npt.NDArray[np.float32] = field(repr=False)
    variance: npt.NDArray[np.float32] = field(repr=False)
    rho: npt.NDArray[np.float32] = field(repr=False)
    dof: int
    estimable: npt.NDArray[np.bool_]

    @property
    def t(self) -> npt.NDArray[np.float32]:
        """Student's t of each contrast (contrasts, voxels); 0 where a voxel never varies."""
        known = np.isfinite(self.sd) & (self.sd > 0)
        return np.divide(self.effect, self.sd, out=np.zeros_like(self.effect), where=known)


@dataclass(frozen=True)
class Design:
    """Sums of the design alone; each (p, p).

    Attributes
    ----------
    now : array
        Sum of x_t x_t'.
    lag : array
        Sum of x_t x_(t-1)' over neighbours.
    ends : array
        Sum of x_t x_t' over rows that have no next neighbour, the newest included.
    penalty : array
        Inverse variances of the coefficients before any data; zeros leave them free.
    """

    now: Array
    lag: Array
    ends: Array
    penalty: Array

    def basis(self) -> Array:
        """Return T (p, rank) with T'(sum x x' + penalty)T = 1: what can be told apart so far."""
        total = self.now + self.penalty
        scale = np.sqrt(np.diag(total))
        unit = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        values, vectors = np.linalg.eigh(unit[:, None] * total * unit)
        kept = values > _TOLERANCE * max(float(values[-1]), 1e-300)
        return np.asarray(unit[:, None] * vectors[:, kept] / np.sqrt(values[kept]))

    def spent(self, basis: Array) -> int:
        """Degrees of freedom that the fit takes: the rank, less what the penalty holds back."""
        return int(np.ceil(np.trace(basis.T @ self.now @ basis) - 1e-6))

    def knows(self, contrast: Array, basis: Array) -> bool:
        """Tell whether the rows so far determine a contrast (p,)."""
        total = self.now + self.penalty
        scale = np.sqrt(np.diag(total))
        if not scale[contrast != 0].all():
            return False
        left = contrast - total @ (basis @ (basis.T @ contrast))
        unit = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        return bool(np.abs(left * unit).max() <= _DETERMINED * np.abs(contrast * unit).max())

    def inverses(self, rhos: Array, basis: Array) -> Array:
        """Inverse of the whitened X'X for each correlation, (k, p, p)."""
        lag = basis.T @ (self.lag + self.lag.T) @ basis
        before = basis.T @ (self.now - self.ends) @ basis
        r = rhos[:, None, None]
        inner = np.linalg.inv(np.eye(basis.shape[1]) - r * lag + r**2 * before)
        return np.ascontiguousarray(basis @ inner @ basis.T)


class LaggedSums:
    """Running sums of a regression of many voxels on one design.

    Parameters
    ----------
    n_voxels : int
        Number of voxels.
    n_columns : int
        Number of regressors at the beginning; one of them, or a combination, is constant.
    """

    def __init__(self, n_voxels: int, n_columns: int) -> None:
        self.n = self.pairs = 0
        self._xy = np.zeros((n_voxels, n_columns))
        self._lagged = np.zeros((n_voxels, n_columns))
        self._ended = np.zeros((n_voxels, n_columns))
        self._squares = np.zeros((n_voxels, 3))
        self._xx = np.zeros((n_columns, n_columns))
        self._xx_lag = np.zeros((n_columns, n_columns))
        self._xx_ended = np.zeros((n_columns, n_columns))
        self._first: Array | None = None
        self._x, self._y = np.zeros(n_columns), np.zeros(n_voxels)

    @property
    def n_columns(self) -> int:
        """Number of regressors."""
        return len(self._x)

    @property
    def first(self) -> Array:
        """Row (voxels,) that was taken off all data; zeros before the first."""
        return np.zeros(len(self._y)) if self._first is None else self._first

    def add(self, x: Array, y: npt.NDArray[np.floating], linked: bool) -> None:
        """Take in a row.

        Parameters
        ----------
        x : array (columns,)
            Regressors.
        y : array (voxels,)
            Data.
        linked : bool
            Whether it directly follows the row before.
        """
        if x.shape != self._x.shape or y.shape != self._y.shape:
            raise InputError(
                problem("x, y", (x.shape, y.shape), f"{(self._x.shape, self._y.shape)}",
                        "Keep to one design and one mask.")
            )  # fmt: skip
        if self._first is None:
            self._first = y.astype(np.float64)
            linked = True
        elif not linked:
            self._end_chain()
        elif self.n:
            self._xx_lag += np.outer(x, self._x)
            self.pairs += 1
        # Before the first row and after a break x and y before are 0 and add nothing.
        x, data = (np.ascontiguousarray(row, np.float64) for row in (x, y))
        accumulate(self._xy, self._lagged, self._squares, x, data, self._first, self._x, self._y)
        self._xx += np.outer(x, x)
        self._x = x.copy()
        self.n += 1

    def _end_chain(self) -> None:
        close(self._ended, self._squares, self._x, self._y)
        self._xx_ended += np.outer(self._x, self._x)
        self._x = np.zeros_like(self._x)
        self._y[:] = 0.0

    def widen(self, columns: int = 1) -> None:
        """Append regressors that have been 0 in all rows so far."""
        wide, tall = ((0, 0), (0, columns)), ((0, columns), (0, columns))
        self._xy, self._lagged, self._ended = (
            np.pad(a, wide) for a in (self._xy, self._lagged, self._ended)
        )
        self._xx, self._xx_lag, self._xx_ended = (
            np.pad(a, tall) for a in (self._xx, self._xx_lag, self._xx_ended)
        )
        self._x = np.pad(self._x, (0, columns))

    def clear(self, column: int) -> None:
        """Forget a regressor: afterwards it has been 0 in all rows so far."""
        for sums in (self._xy, self._lagged, self._ended):
            sums[:, column] = 0.0
        for sums in (self._xx, self._xx_lag, self._xx_ended):
            sums[column] = sums[:, column] = 0.0
        self._x[column] = 0.0

    def mean(self, constant: int = 0) -> Array:
        """Mean of the data so far (voxels,), from the column that is constant 1."""
        return np.asarray(self.first + self._xy[:, constant] / max(self.n, 1))

    def fit(
        self,
        contrasts: Array,
        noise: Noise = "ar1",
        columns: Sequence[int] | None = None,
        prior_sd: Array | None = None,
    ) -> Fit:
        """Fit the rows so far.

        Parameters
        ----------
        contrasts : array (contrasts, columns)
            Weights of the regressors.
        noise : str
            ``ar1`` with a correlation for each voxel, ``pooled`` with the median of these for all,
            ``ols`` for independent noise.
        columns : sequence of int, optional
            The regressors to fit; the others are left out, as if they had never been there.
        prior_sd : array (columns,), optional
            How large each coefficient is expected to be, in standard deviations of the voxel's
            noise (which then cancels out); infinite leaves it free. Keeps nuisance regressors
            from running away while the volumes are few.

        Returns
        -------
        Fit
        """
        chosen = list(range(self.n_columns) if columns is None else columns)
        data = self._data(chosen, copied=columns is not None)
        design = self._design(chosen, prior_sd)
        basis = design.basis()
        dof = max(self.n - design.spent(basis), 0)
        known = np.array([design.knows(c, basis) for c in contrasts])
        used, which = np.unique(self._bins(data, design, basis, noise), return_inverse=True)
        inverses = design.inverses(used / BINS, basis)
        weights = np.where(known[:, None], contrasts, 0.0)
        gains = np.ascontiguousarray(weights @ inverses)  # (bins, contrasts, columns)
        spread = np.einsum("kcp,cp->kc", gains, weights)
        effect, variance = np.empty((len(contrasts), len(which))), np.empty(len(which))
        estimate(
            *data, self._squares, self._x[chosen], self._y, used / BINS,
            which.astype(np.int64, copy=False), inverses, gains, effect, variance,
        )  # fmt: skip
        variance = variance / dof if dof else np.full_like(variance, np.inf)
        with np.errstate(invalid="ignore"):
            sd = np.sqrt(spread[which].T * variance)
        sd[~known] = np.inf
        return Fit(
            effect.astype(np.float32), sd.astype(np.float32), variance.astype(np.float32),
            (used / BINS)[which].astype(np.float32), dof, known,
        )  # fmt: skip

    def _data(self, chosen: list[int], copied: bool) -> tuple[Array, Array, Array]:
        """Return the sums with the data, each (voxels, chosen)."""
        xy, lagged, ended = self._xy, self._lagged, self._ended
        if not copied:
            return xy, lagged, ended
        c = np.ascontiguousarray
        return c(xy[:, chosen]), c(lagged[:, chosen]), c(ended[:, chosen])

    def _design(self, chosen: list[int], prior_sd: Array | None) -> Design:
        """Return the sums of the design alone."""
        at = np.ix_(chosen, chosen)
        ends = self._xx_ended + np.outer(self._x, self._x)
        penalty = np.zeros(len(chosen)) if prior_sd is None else 1.0 / prior_sd**2
        return Design(self._xx[at], self._xx_lag[at], ends[at], np.diag(penalty))

    def _bins(
        self, data: tuple[Array, Array, Array], design: Design, basis: Array, noise: Noise
    ) -> npt.NDArray[np.int64]:
        """Correlation of each voxel's noise in whole hundredths."""
        if noise == "ols" or not self.pairs or self.n <= basis.shape[1]:
            return np.zeros(len(self._y), np.int64)
        lag = np.ascontiguousarray(0.5 * (design.lag + design.lag.T))
        inverse, rho = np.ascontiguousarray(basis @ basis.T), np.empty(len(self._y))
        correlations(data[0], data[1], self._squares, inverse, lag, self.n / self.pairs, rho)
        if noise == "pooled":
            rho = np.full_like(rho, np.median(rho))
        return np.asarray(np.clip(rho * BINS, -_MOST, _MOST).astype(np.int64))


def compile_now() -> None:
    """Compile (or load) the kernels, which takes about a second, before volumes come."""
    sums = LaggedSums(1, 1)
    for value in (0.0, 1.0, 3.0):
        sums.add(np.ones(1), np.array([value], np.float32), linked=value != 1.0)
    sums.fit(np.ones((1, 1)))
