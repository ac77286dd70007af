"""The nets that read pictures, trained anew or taken from where an earlier run left them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safetensors.torch import load_file, save_file

from renderer.training.frechet import train_feature_net
from renderer.training.judge import RECIPE, Judge, train_judge

SMALL_PX = 64


class Readers(NamedTuple):
    """Judge of what is shown, a second one that reads at 64 pixels, and the feature net."""

    judge: Judge
    small: Judge
    net: Judge


def side_for(size_px: int) -> int:
    """Side at which pictures of `size_px` are read: half of it, but not below 64 pixels.

    At full size the finest lines of the world are several pixels wide; half of it shows them all.
    """
    return max(size_px // 2, SMALL_PX)


def open_readers(size_px: int, kept: Path | None) -> Readers:
    """Train the readers of a picture size; `kept` is a folder that keeps them for the next run."""
    side = side_for(size_px)
    small = kept_net("judge", SMALL_PX, train_small, kept)
    main = small if side == SMALL_PX else kept_net("judge", side, train_judge_at, kept)
    return Readers(main, small, kept_net("features", side, train_feature_net, kept))


def train_small(side_px: int) -> Judge:
    """Train the reader of small pictures, which are cheap: on more of them, for longer."""
    return train_judge(8000, 8, side_px=side_px)


def train_judge_at(side_px: int) -> Judge:
    """Train the reader of large pictures."""
    return train_judge(side_px=side_px)


def kept_net(name: str, side_px: int, train: Callable[[int], Judge], kept: Path | None) -> Judge:
    """Return a net from the folder `kept`, or train it and leave it there."""
    if kept is None:
        return train(side_px)
    file = kept / f"{name}-{side_px}-{RECIPE}.safetensors"
    if file.exists():
        net = Judge(side_px)
        net.load_state_dict(load_file(file))
        return net.eval()
    net = train(side_px)
    kept.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in net.state_dict().items()}, file)
    return net
