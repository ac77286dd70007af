"""A small network that paints the best picture for an uncertain code.

A linear decoder gives codes that are shrunk and noisy. How they come from true codes is measured
on left-out training trials: decoded = slope * true + noise, noise with a shrunk covariance.
With it, pairs (decoded code, picture) are simulated from variants of the training pictures without
end, and a network learns the picture that loses least on average: amortised Bayesian estimation
(the regression form of simulation-based inference; Cranmer, Brehmer & Louppe 2020). The loss is
squared error plus a share of 1 - SSIM, so edges and empty ground count as well as brightness.
Once trained it is a feed-forward map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erf, expit

from phosphene.errors import InputError, problem

__all__ = ["Painter", "PainterSettings", "Pairs", "channel", "fit_painter"]

Array = npt.NDArray[Any]
SIDE_PX, K1, K2 = 7, 0.01, 0.03
"""Window and constants of SSIM, as in `decoder.metrics.ssim`."""


@dataclass(frozen=True)
class PainterSettings:
    """How a painter is trained.

    Attributes
    ----------
    hidden : int
        Units in each of two hidden layers.
    steps, batch : int
        Steps of gradient descent, and pairs in each.
    rate : float
        Highest learning rate.
    decay : float
        Weight decay.
    similarity : float
        Weight of 1 - SSIM beside the squared error.
    measured : float
        Share of each batch taken from left-out training trials instead of simulated ones.
    jitter : float
        Noise added to those, as a share of the measured noise.
    """

    hidden: int = 128
    steps: int = 700
    batch: int = 128
    rate: float = 3e-3
    decay: float = 1e-3
    similarity: float = 0.1
    measured: float = 0.25
    jitter: float = 0.3

    def __post_init__(self) -> None:
        """Check the ranges."""
        wrong = []
        for name in ("hidden", "steps", "batch"):
            if getattr(self, name) < 1:
                wrong.append(problem(name, getattr(self, name), ">= 1", "Use the default."))
        if not 0 <= self.measured <= 1:
            wrong.append(problem("measured", self.measured, "0 to 1", "Use 0.25."))
        if wrong:
            raise InputError("\n".join(wrong))


@dataclass(frozen=True)
class Pairs:
    """What a painter is trained on.

    Attributes
    ----------
    codes : array (n, k)
        Decoded from left-out training trials.
    pictures : array (n, height, width)
        Theirs.
    slope : array (k,)
        Of decoded on true codes.
    noise : array (k, k)
        Lower triangle L, the noise being L times white noise.
    drawn_codes : array (m, k)
        True codes of variants.
    drawn : array (m, height, width)
        The variants.
    """

    codes: Array
    pictures: Array
    slope: Array
    noise: Array
    drawn_codes: Array
    drawn: Array


@dataclass(frozen=True)
class Painter:
    """Codes (n, k) to pictures (n, height, width) with pixels from 0 to 1.

    Attributes
    ----------
    scale : array (k,)
        Codes are divided by it.
    layers : tuple of (matrix, bias)
        Two hidden layers with GELU, then the pixels with a logistic step.
    shape : (height, width)
    """

    scale: Array
    layers: tuple[tuple[Array, Array], ...] = field(repr=False)
    shape: tuple[int, int] = (28, 28)

    def __call__(self, codes: Array) -> Array:
        """Paint."""
        x = codes / self.scale
        for w, b in self.layers[:-1]:
            x = x @ w + b
            x = 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))
        w, b = self.layers[-1]
        return np.asarray(expit(x @ w + b).reshape(-1, *self.shape))


def channel(true: Array, decoded: Array, shrinkage: float) -> tuple[Array, Array]:
    """Measure how decoded codes come from true ones.

    Parameters
    ----------
    true, decoded : array (n, k)
    shrinkage : float
        From 0 to 1: the share of the noise's correlations that is given up.

    Returns
    -------
    slope (k,), noise (k, k)
        As in `Pairs`.
    """
    size = true.shape[1]
    floor = 1e-12
    slope = (true * decoded).sum(axis=0) / np.maximum((true**2).sum(axis=0), floor)
    residual = decoded - slope * true
    std = np.sqrt((residual**2).mean(axis=0)) + floor
    unit = residual / std
    correlation = (1.0 - shrinkage) * unit.T @ unit / len(unit) + shrinkage * np.eye(size)
    return slope, np.asarray(std[:, None] * np.linalg.cholesky(correlation))


def fit_painter(pairs: Pairs, settings: PainterSettings, seed: int) -> Painter:
    """Train one painter on one thread; the same seed gives the same painter on one machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # A generator of its own: the caller's random numbers are not touched.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _train(pairs, settings)
    finally:
        torch.set_num_threads(threads)


def _train(pairs: Pairs, settings: PainterSettings) -> Painter:
    import torch
    from torch import nn

    scale = pairs.codes.std(axis=0) + 1e-12
    k, shape = pairs.codes.shape[1], pairs.pictures.shape[1:]
    pixels = shape[0] * shape[1]

    def tensor(x: Array) -> torch.Tensor:
        return torch.tensor(np.asarray(x), dtype=torch.float32)

    noise = tensor(pairs.noise / scale[:, None]).T
    drawn_codes = tensor(pairs.drawn_codes * pairs.slope / scale)
    codes, drawn = tensor(pairs.codes / scale), tensor(pairs.drawn)
    pictures = tensor(pairs.pictures)
    layers = [nn.Linear(k, settings.hidden), nn.Linear(settings.hidden, settings.hidden)]
    last = nn.Linear(settings.hidden, pixels)
    net = nn.Sequential(layers[0], nn.GELU(), layers[1], nn.GELU(), last, nn.Sigmoid())
    with torch.no_grad():
        mean = pictures.mean(dim=0).flatten().clamp(0.01, 0.99)
        last.bias.copy_(torch.logit(mean))
    descent = torch.optim.AdamW(net.parameters(), lr=settings.rate, weight_decay=settings.decay)
    pace = torch.optim.lr_scheduler.OneCycleLR(
        descent, settings.rate, total_steps=settings.steps + 1
    )
    measured = round(settings.batch * settings.measured)
    similar = _similarity(shape)
    for _ in range(settings.steps):
        i = torch.randint(0, len(drawn), (settings.batch - measured,))
        j = torch.randint(0, len(codes), (measured,))
        made = drawn_codes[i] + torch.randn(len(i), k) @ noise
        seen = codes[j] + settings.jitter * torch.randn(len(j), k) @ noise
        truth = torch.cat([drawn[i], pictures[j]])
        painted = net(torch.cat([made, seen])).view(-1, *shape)
        loss = ((painted - truth) ** 2).mean()
        loss = loss + settings.similarity * (1.0 - similar(painted, truth))
        descent.zero_grad()
        loss.backward()
        descent.step()
        pace.step()
    weights = [
        (layer.weight.detach().numpy().T.astype(np.float64), layer.bias.detach().numpy())
        for layer in (*layers, last)
    ]
    return Painter(scale, tuple(weights), (shape[0], shape[1]))


def _similarity(shape: tuple[int, ...]) -> Any:
    """Mean SSIM of two stacks of torch pictures; windows as sums by two matrix products."""
    import torch

    def windows(size: int) -> torch.Tensor:
        rows = np.zeros((size - SIDE_PX + 1, size), np.float32)
        for i in range(len(rows)):
            rows[i, i : i + SIDE_PX] = 1.0 / SIDE_PX
        return torch.from_numpy(rows)

    down, across = windows(shape[0]), windows(shape[1]).T
    unbiased, c1, c2 = SIDE_PX**2 / (SIDE_PX**2 - 1), K1**2, K2**2

    def similar(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        mean_a, mean_b = down @ a @ across, down @ b @ across
        square_a, square_b = mean_a * mean_a, mean_b * mean_b
        var_a = unbiased * (down @ (a * a) @ across - square_a)
        var_b = unbiased * (down @ (b * b) @ across - square_b)
        cov = unbiased * (down @ (a * b) @ across - mean_a * mean_b)
        top = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
        return (top / ((square_a + square_b + c1) * (var_a + var_b + c2))).mean()

    return similar
