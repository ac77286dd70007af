"""Stream batch: one call of the network moves n frames on, each at its own noise level.

The idea is StreamDiffusion's (Kodaira et al. 2023, sec. 3.1): a GPU that a single frame does not
fill makes more frames a second so, and each comes n - 1 frames later. Two things are different
here. Every frame keeps the conditions that it began with, so what comes out is what the plain loop
makes of them. And while the batch fills, its first frame is shown, not half-denoised latents.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from renderer.large.condition import Condition, join
from renderer.large.loop import Guide, Table, denoise, estimate, step

__all__ = ["StreamBatch"]


@dataclass(frozen=True)
class _Flight:
    """A frame on its way; tensors (1, C, H, W), `fresh` (steps, 1, C, H, W)."""

    x: Tensor
    before: Tensor
    condition: Condition
    fresh: Tensor | None
    guide: Guide | None
    blind: Tensor | None


@dataclass(frozen=True)
class _Line:
    """What stays the same while frames follow each other.

    Attributes
    ----------
    table : Table
        The steps that each of them takes.
    first : Tensor (1, C, H, W)
        What is shown until one has arrived.
    """

    table: Table
    first: Tensor


class StreamBatch:
    """Frames in flight, newest first.

    Parameters
    ----------
    unet : torch.nn.Module
        See `denoise`.

    Attributes
    ----------
    calls : int
        Calls of the network so far.
    """

    def __init__(self, unet: nn.Module) -> None:
        self._unet = unet
        self._flights: list[_Flight] = []
        self._line: _Line | None = None
        self.calls = 0

    def push(
        self,
        x: Tensor,
        table: Table,
        condition: Condition,
        fresh: Tensor | None = None,
        guide: Guide | None = None,
        origin: Tensor | None = None,
    ) -> Tensor:
        """Let a frame in and another one out; arguments as those of `denoise`, for one picture.

        Returns
        -------
        Tensor (1, C, H, W)
            The frame that came in `len(table)` - 1 calls before; until there is one, the first.
        """
        line = self._line
        if line is None or line.table is not table:
            self._flights = []  # other steps or strength: what is in flight cannot go on
            first = x  # one step: every frame arrives at once
            if len(table) > 1:
                first = denoise(self._unet, x, table, condition, fresh, guide, origin)
            line = self._line = _Line(table, first)
        blind = None
        if guide is not None and guide.residual == "self":
            blind = torch.zeros_like(x) if origin is None else origin
        entered = _Flight(x, torch.zeros_like(x), condition, fresh, guide, blind)
        done = self._advance([entered, *self._flights], table)
        return line.first if done is None else done

    def clear(self) -> None:
        """Let go of all frames in flight."""
        self._flights, self._line = [], None

    def _advance(self, flights: list[_Flight], table: Table) -> Tensor | None:
        """Take every frame one step on; return the one that arrived."""
        count = len(flights)
        estimates, blinds = self._ask(flights, table)
        moved = []
        for k, flight in enumerate(flights):
            now, blind = estimates[k : k + 1], blinds[k]
            if flight.guide is not None and blind is not None:
                now = blind + flight.guide.scale * (now - blind)
            fresh = None if flight.fresh is None else flight.fresh[k]
            x = step(flight.x, now, flight.before, table.rows[k], fresh)
            kept = blind if flight.guide and flight.guide.residual != "full" else None
            moved.append(replace(flight, x=x, before=now, blind=kept))
        arrived = moved.pop().x if count == len(table) else None
        self._flights = moved
        return arrived

    def _ask(self, flights: list[_Flight], table: Table) -> tuple[Tensor, list[Tensor | None]]:
        """One call: estimates (n, C, H, W) with the condition, and without it where needed."""
        alone = [k for k, f in enumerate(flights) if f.guide is not None and f.blind is None]
        places = [*range(len(flights)), *alone]
        others = [flight.guide.away for flight in (flights[k] for k in alone) if flight.guide]
        conditions = [*(flight.condition for flight in flights), *others]
        rows = table.rows[places].T[:, :, None, None, None]  # (6, calls, 1, 1, 1)
        x = torch.cat([flights[k].x for k in places])
        made = estimate(self._unet, x, rows, table.times[places], join(*conditions))
        self.calls += 1
        blinds = [flight.blind for flight in flights]
        for j, k in enumerate(alone):
            blinds[k] = made[len(flights) + j : len(flights) + j + 1]
        return made[: len(flights)], blinds
