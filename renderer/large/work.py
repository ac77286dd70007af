"""One frame's work as tensors in, tensors out; on a GPU replayed as a CUDA graph.

A graph of this size is bound by launching its kernels, not by computing them, so it is recorded
once for each form (steps, guidance, conditions) and replayed; schedules and guidance are inputs,
and moving a slider records nothing anew.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from renderer.large.coder import LatentCoder
from renderer.large.condition import Condition
from renderer.large.loop import Guide, Table, denoise

__all__ = ["Captured", "Work", "Worker"]

MOST_GRAPHS = 8
WARM_UPS = 3
Function = Callable[[list[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Work:
    """Arguments of `denoise`."""

    x: Tensor
    table: Table
    condition: Condition
    fresh: Tensor | None = None
    guide: Guide | None = None
    origin: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """All tensors in a fixed order."""
        guide = [] if self.guide is None else [self.guide.scale, *self.guide.away.tensors()]
        loose = [value for value in (self.fresh, self.origin) if value is not None]
        table = [self.table.times, self.table.rows]
        return [self.x, *table, *self.condition.tensors(), *guide, *loose]

    def rebuilt(self, tensors: list[Tensor]) -> Work:
        """Work of the same form on other tensors."""
        left = iter(tensors)
        x, table = next(left), Table(next(left), next(left))
        condition = self.condition.rebuilt([next(left) for _ in self.condition.tensors()])
        guide = self.guide
        if guide is not None:
            scale, count = next(left), len(guide.away.tensors())
            away = guide.away.rebuilt([next(left) for _ in range(count)])
            guide = replace(guide, scale=scale, away=away)
        fresh = None if self.fresh is None else next(left)
        origin = None if self.origin is None else next(left)
        return Work(x, table, condition, fresh, guide, origin)

    def form(self) -> Hashable:
        """Return what has to be equal for one recording to serve two frames."""
        shapes = tuple(tuple(tensor.shape) for tensor in self.tensors())
        residual = None if self.guide is None else self.guide.residual
        return shapes, residual, self.fresh is None, self.origin is None


class Worker:
    """Runs work: as it stands on the CPU, as a replayed graph on a GPU.

    Parameters
    ----------
    unet : torch.nn.Module
        See `denoise`.
    coder : LatentCoder
        Makes pictures of latents.
    capture : bool
        Whether to record and replay; only with CUDA.
    """

    def __init__(self, unet: nn.Module, coder: LatentCoder, capture: bool) -> None:
        self._unet, self._coder, self._capture = unet, coder, capture
        self._recorded: dict[Hashable, Function] = {}

    def run(self, work: Work) -> tuple[Tensor, Tensor]:
        """Latents (n, C, h, w) float32 and pictures (n, H, W, 3) uint8."""
        form, tensors = work.form(), work.tensors()
        if not self._capture:
            latent, pictures = self._function(work)(tensors)
            return latent, pictures
        if form not in self._recorded:
            while len(self._recorded) >= MOST_GRAPHS:  # each keeps memory of its own
                self._recorded.pop(next(iter(self._recorded)))
            self._recorded[form] = Captured(self._function(work), tensors)
        latent, pictures = self._recorded[form](tensors)
        return latent, pictures

    def knows(self, work: Work) -> bool:
        """Tell whether work of this form needs no recording first."""
        return not self._capture or work.form() in self._recorded

    def _function(self, work: Work) -> Function:
        def function(tensors: list[Tensor]) -> list[Tensor]:
            w = work.rebuilt(tensors)
            latent = denoise(self._unet, w.x, w.table, w.condition, w.fresh, w.guide, w.origin)
            return [latent, self._coder.decode(latent)]

        return function


class Captured:
    """A function of tensors, recorded as a CUDA graph and replayed.

    Parameters
    ----------
    function : Callable
        Of a list of tensors on one GPU to a list of tensors; no step of it may wait for the host.
    example : list of Tensor
        Of the shapes that all later calls have.
    """

    def __init__(self, function: Function, example: list[Tensor]) -> None:
        self._inputs = [tensor.clone() for tensor in example]
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside), torch.no_grad():
            for _ in range(WARM_UPS):  # libraries choose their kernels before the recording
                function(self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        # Another thread may go on painting meanwhile.
        own = "thread_local"
        with torch.cuda.graph(self._graph, capture_error_mode=own), torch.no_grad():
            self._outputs = function(self._inputs)

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        """Copy the inputs in, replay; the outputs are overwritten by the next call."""
        for mine, given in zip(self._inputs, tensors, strict=True):
            mine.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._outputs
