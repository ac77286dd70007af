"""Several single-threaded workers that train one network together.

On a shared machine this is much faster than one process with several threads: threads wait for
one another at every operation, workers only once per step.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn


class Team:
    """One worker's view of the team.

    Parameters
    ----------
    rank : int
        Number of this worker; worker 0 leads and writes the files.
    size : int
        Number of workers.
    address : str
        Rendezvous of torch.distributed, for instance ``file:///tmp/meeting``; unused for one.
    """

    def __init__(self, rank: int = 0, size: int = 1, address: str = "") -> None:
        self.rank, self.size = rank, size
        if size > 1:
            dist.init_process_group("gloo", init_method=address, rank=rank, world_size=size)

    @property
    def leads(self) -> bool:
        """Whether this worker writes checkpoints and samples."""
        return self.rank == 0

    def seed(self, seed: int, step: int) -> int:
        """Return a seed of this worker's own, another one after each stop."""
        return seed + 7919 * step + 104_729 * self.rank

    def agree(self, value: float) -> float:
        """Return the leader's value, the same for all workers."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(shared, 0)
        return float(shared[0])

    def average_gradients(self, network: nn.Module) -> None:
        """Replace each gradient by the mean over workers."""
        if self.size == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        start = 0
        for gradient in gradients:
            stop = start + gradient.numel()
            gradient.copy_(flat[start:stop].reshape(gradient.shape))
            start = stop

    def close(self) -> None:
        """Leave the team."""
        if self.size > 1:
            dist.destroy_process_group()
