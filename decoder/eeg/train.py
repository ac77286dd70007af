"""Trains the compact convolution (`decoder.eeg.network`) with torch; imported for a fit only.

Categories are learned by cross entropy. An embedding c is learned by contrast and by regression
together. With e the output and c the target, both in units of c's deviation over training epochs,
and cos the cosine between two of them, the contrast of a batch is::

    s_ij = exp(a) cos(e_i, c_j),    InfoNCE = -(mean_i log softmax_j(s)_ii
                                                + mean_j log softmax_i(s)_jj) / 2

(van den Oord, Li & Vinyals 2018, arXiv:1807.03748; the form for two directions and the learned
temperature exp(-a) of Radford et al. 2021, arXiv:2103.00020). Epochs of one batch in which the same
was shown share their place as the right answer. The loss is InfoNCE + mean |e - c|^2.

How long to train is found by leaving groups of the training epochs out (early stopping); then all
of them are learned for as long. The same seed gives the same weights on one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from decoder.dataset import Strings, group_folds
from decoder.eeg.network import Convolution, Layers, Shape
from decoder.eeg.whiten import Whitener

__all__ = ["Training", "fit_categories", "fit_embedding"]

Array = npt.NDArray[Any]
Tensor = torch.Tensor
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Of outputs (n, k), targets and the learned sharpness a."""

_SHARPNESS = float(np.log(1 / 0.2))
_MOST_SHARP = float(np.log(100.0))


@dataclass(frozen=True)
class Training:
    """How networks are trained.

    Attributes
    ----------
    shape : Shape
        How large they are.
    epochs : int
        Passes over the training epochs at the most.
    batch : int
        Epochs of EEG in a step.
    rate, decay : float
        Learning rate and weight decay of AdamW.
    noise : float
        White noise added to the white input, in deviations.
    dropout : float
        Share of maps' samples left out in a step.
    smoothing : float
        Of categories.
    folds : int
        Of groups, to find when to stop; 1 trains for all `epochs`.
    """

    shape: Shape = field(default_factory=Shape)
    epochs: int = 40
    batch: int = 64
    rate: float = 2e-3
    decay: float = 5e-2
    noise: float = 0.3
    dropout: float = 0.25
    smoothing: float = 0.1
    folds: int = 2


@dataclass(frozen=True)
class _Lesson:
    """Training rows with what to learn from them."""

    rows: Array
    target: Array
    groups: Strings
    channels: int
    rate_hz: float
    outputs: int
    loss: Loss


def fit_categories(
    X: Array,
    codes: Array,
    classes: int,
    groups: Strings,
    layout: tuple[int, float],
    training: Training,
    seed: int,
) -> Convolution:
    """Learn scores of categories.

    Parameters
    ----------
    X : array (n, channels * times)
        Training epochs.
    codes : array of int (n,)
        Class of each.
    classes : int
        How many there are.
    groups : array of str (n,)
        Run of each.
    layout : (int, float)
        Channels, and samples per second in hertz.
    training : Training
        How.
    seed : int
        Of the first weights, the order and the noise.

    Returns
    -------
    Convolution
        With `classes` outputs.
    """
    balance = np.bincount(codes, minlength=classes)
    weights = _tensor(len(codes) / np.maximum(balance, 1) / classes)

    def loss(outputs: Tensor, target: Tensor, _: Tensor) -> Tensor:
        return functional.cross_entropy(
            outputs, target, weight=weights, label_smoothing=training.smoothing
        )

    lesson = _Lesson(X, np.asarray(codes, np.int64), groups, *layout, classes, loss)
    return _fit(lesson, training, seed)


def fit_embedding(
    X: Array,
    c: Array,
    groups: Strings,
    layout: tuple[int, float],
    training: Training,
    seed: int,
) -> Convolution:
    """Learn an embedding c (n, C) by contrast and regression; other parameters as above."""
    mean, deviation = c.mean(axis=0), c.std(axis=0)
    deviation = np.where(deviation > 1e-6, deviation, 1.0)
    target = np.asarray((c - mean) / deviation, np.float32)
    lesson = _Lesson(X, target, groups, *layout, c.shape[1], _contrast)
    found = _fit(lesson, training, seed)
    return Convolution(found.whitener, found.layers.scaled(deviation, mean), found.pools)


def _contrast(outputs: Tensor, target: Tensor, sharpness: Tensor) -> Tensor:
    """InfoNCE in both directions plus squared error; see the module's text."""
    e, c = functional.normalize(outputs, dim=1), functional.normalize(target, dim=1)
    scores = torch.exp(sharpness.clamp(max=_MOST_SHARP)) * (e @ c.T)
    # Exactly equal targets; a row always equals itself.
    same = (target[:, None] == target[None]).all(dim=2).to(scores.dtype)
    right = same / same.sum(dim=1, keepdim=True)
    forward = -(right * functional.log_softmax(scores, dim=1)).sum(dim=1).mean()
    backward = -(right.T * functional.log_softmax(scores, dim=0)).sum(dim=0).mean()
    return (forward + backward) / 2 + functional.mse_loss(outputs, target)


class _Net(nn.Module):
    """All members side by side, as groups of channels."""

    def __init__(self, lesson: _Lesson, shape: Shape, times: int, dropout: float) -> None:
        super().__init__()
        self.members, self.pools = shape.members, shape.pools(times, lesson.rate_hz)
        maps = shape.members * shape.maps
        left = times // self.pools[0] // self.pools[1]
        self.across = nn.Conv1d(
            shape.members * lesson.channels, maps, 1, groups=shape.members, bias=False
        )
        self.along = _per_map(maps, shape.filter(lesson.rate_hz))
        self.even = nn.BatchNorm1d(maps)
        self.again = _per_map(maps, shape.filter_again)
        self.mixed = nn.Conv1d(maps, maps, 1, groups=shape.members, bias=False)
        self.even_again = nn.BatchNorm1d(maps)
        self.drop = nn.Dropout(dropout)
        outputs = shape.members * lesson.outputs
        self.out = nn.Conv1d(maps * left, outputs, 1, groups=shape.members)
        self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))

    def forward(self, x: Tensor) -> Tensor:
        """Epochs (n, members, channels, times) to outputs (n, members, k)."""
        x = functional.elu(self.even(self.along(self.across(x.flatten(1, 2)))))
        x = self.drop(functional.avg_pool1d(x, self.pools[0]))
        x = functional.elu(self.even_again(self.mixed(self.again(x))))
        x = self.drop(functional.avg_pool1d(x, self.pools[1]))
        told: Tensor = self.out(x.reshape(len(x), -1, 1))
        return told.reshape(len(x), self.members, -1)


def _per_map(maps: int, length: int) -> nn.Conv1d:
    return nn.Conv1d(maps, maps, length, padding=length // 2, groups=maps, bias=False)


def _fit(lesson: _Lesson, training: Training, seed: int) -> Convolution:
    """Find how long to train, then train on everything, on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # A generator of its own: the caller's random numbers are not touched.
        with torch.random.fork_rng(devices=[]):
            everything = np.arange(len(lesson.rows))
            length = _length(lesson, training, seed)
            return _train(lesson, training, seed, everything, None, length)[0]
    finally:
        torch.set_num_threads(threads)


def _length(lesson: _Lesson, training: Training, seed: int) -> int:
    """Return the number of passes after which left-out groups are told best."""
    if training.folds < 2 or len(np.unique(lesson.groups)) < 2:
        return training.epochs
    lost = np.zeros(training.epochs)
    for train, test in group_folds(lesson.groups, training.folds):
        lost += len(test) * _train(lesson, training, seed, train, test, training.epochs)[1]
    return int(lost.argmin()) + 1


def _train(
    lesson: _Lesson, training: Training, seed: int, rows: Array, watched: Array | None, length: int
) -> tuple[Convolution, Array]:
    """Train on some rows; returns the networks and the loss of the watched rows by pass."""
    torch.manual_seed(seed)
    white = Whitener.of(lesson.rows[rows], lesson.channels, lesson.rate_hz)
    x, target = _tensor(white(lesson.rows[rows])), torch.as_tensor(lesson.target[rows])
    shape = training.shape
    net = _Net(lesson, shape, x.shape[2], training.dropout)
    descent = torch.optim.AdamW(net.parameters(), lr=training.rate, weight_decay=training.decay)
    batch = min(training.batch, len(x))
    held = None if watched is None else _tensor(white(lesson.rows[watched]))
    lost = []
    for _ in range(length):
        net.train()
        order = torch.stack([torch.randperm(len(x)) for _ in range(shape.members)], dim=1)
        for start in range(0, len(x) - batch + 1, batch):
            picked = order[start : start + batch]
            seen = x[picked]
            outputs = net(seen + training.noise * torch.randn_like(seen))
            losses = [
                lesson.loss(outputs[:, k], target[picked[:, k]], net.sharpness)
                for k in range(shape.members)
            ]
            descent.zero_grad()
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
            descent.step()
        if held is not None and watched is not None:
            net.eval()
            with torch.no_grad():
                spread = held[:, None].expand(-1, shape.members, -1, -1)
                told = net(spread).mean(dim=1)
                at = torch.as_tensor(lesson.target[watched])
                lost.append(float(lesson.loss(told, at, net.sharpness)))
    return Convolution(white, _layers(net, shape), net.pools), np.array(lost)


def _layers(net: _Net, shape: Shape) -> Layers:
    """Take the weights out, normalisation over batches folded into the filters."""
    gain, shift = _folded(net.even)
    again, moved = _folded(net.even_again)
    maps = shape.members * shape.maps
    along, mixed = _array(net.along.weight)[:, 0], _array(net.mixed.weight)[:, :, 0]
    mixed = (mixed * again[:, None]).reshape(shape.members, shape.maps, shape.maps)
    weights, bias = _array(net.out.weight)[:, :, 0], _array(net.out.bias)
    each = weights.reshape(shape.members, len(bias) // shape.members, -1).transpose(0, 2, 1)
    return Layers(
        across=_array(net.across.weight)[:, :, 0],
        along=along * gain[:, None],
        along_bias=shift,
        again=_array(net.again.weight).reshape(maps, -1),
        mixed=mixed,
        mixed_bias=moved,
        out=each.reshape(-1, each.shape[2]) / shape.members,
        bias=bias.reshape(shape.members, -1).mean(axis=0),
    )


def _folded(norm: nn.BatchNorm1d) -> tuple[Array, Array]:
    """Gain and shift of a normalisation after training."""
    gain = _array(norm.weight) / np.sqrt(_array(norm.running_var) + norm.eps)
    return gain, _array(norm.bias) - gain * _array(norm.running_mean)


def _array(values: Any) -> Array:
    return np.asarray(values.detach().numpy().astype(np.float64))


def _tensor(values: Array) -> Tensor:
    return torch.as_tensor(np.asarray(values, np.float32))
