"""Settings of an encoding analysis: frozen, checked all at once."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.errors import ConfigError, check_all, problem

__all__ = ["ALPHAS", "EncodeSettings"]

ALPHAS = tuple(10.0 ** (e / 2) for e in range(-2, 12))
"""Candidate penalties; features are scaled to a mean variance of 1 on training rows."""


@dataclass(frozen=True)
class EncodeSettings:
    """How voxels are predicted and what is put beside.

    Attributes
    ----------
    components : int
        Principal components that a set of features is reduced to, at the most.
    alphas : tuple of float
        Candidate penalties of ridge, chosen for each voxel on training rows.
    inner_folds : int
        Folds of the training rows in which they are chosen.
    permutations : int
        Of the stimuli; the smallest p is 1 / (1 + permutations).
    resamples : int
        Of the bootstrap over stimuli or blocks.
    block_s : float
        Length of the blocks of time that are permuted and drawn together, in seconds; longer than
        the haemodynamic response remembers. Trials are permuted stimulus by stimulus.
    threshold : float
        Voxels above this correlation are counted.
    fdr : float
        Accepted share of false discoveries.
    voxel_block : int
        Voxels that are worked on at once, which bounds the memory.
    seed : int
        Of permutations and bootstrap.
    """

    components: int = 50
    alphas: tuple[float, ...] = ALPHAS
    inner_folds: int = 4
    permutations: int = 1000
    resamples: int = 200
    block_s: float = 20.0
    threshold: float = 0.2
    fdr: float = 0.05
    voxel_block: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        found = [
            problem(name, getattr(self, name), f"{least} or more", "Enlarge it.")
            for name, least in (
                ("components", 1), ("inner_folds", 2), ("permutations", 1), ("resamples", 1),
                ("voxel_block", 1), ("seed", 0),
            )
            if getattr(self, name) < least
        ]  # fmt: skip
        if not self.alphas or min(self.alphas) <= 0:
            found.append(problem("alphas", self.alphas, "above 0", "Use the usual ones."))
        if not self.block_s > 0:
            found.append(problem("block_s", self.block_s, "above 0", "Use 20."))
        if not 0 < self.fdr < 1:
            found.append(problem("fdr", self.fdr, "between 0 and 1", "Use 0.05."))
        check_all(found, ConfigError, "encoding")
