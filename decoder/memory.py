"""How much memory a fit takes, told from the shapes before any work begins."""

from __future__ import annotations

from dataclasses import dataclass

from phosphene.errors import InputError, problem

__all__ = ["Need", "check_memory", "fit_bytes", "in_gib"]

GIB = 1024**3

_BASE = 400 * 1024**2
"""The interpreter with its libraries."""


@dataclass(frozen=True)
class Need:
    """What a fit has to hold.

    Attributes
    ----------
    rows, features : int
        Shape of the responses.
    window : int
        Volumes side by side in a window, at the most.
    targets : int
        Numbers in z and c of one row.
    picture_bytes : int
        Bytes of one picture or clip as it is held, 0 for none.
    """

    rows: int
    features: int
    window: int = 1
    targets: int = 0
    picture_bytes: int = 0


def fit_bytes(need: Need) -> int:
    """Bound the bytes that a fit holds at its highest point.

    Responses: as read (8 bytes each), as 32 bits, of the training rows of a fold, and windowed in
    64 bits as they are and as they are centred. Targets: in 32 bits for all rows and for the
    training rows, centred and predicted in 64. Weights: of one fold and of the last fit, in 64
    bits, and once more in 32 for the graph. Rows by rows: the Gram matrix and its vectors.
    Pictures: of all rows and of the training rows.
    """
    n, wide = need.rows, need.features * need.window
    responses = n * need.features * (8 + 4 + 4) + n * wide * (4 + 8 + 8)
    targets = n * need.targets * (4 + 4 + 8 + 8)
    weights = wide * need.targets * (8 + 8 + 4)
    gram = 3 * n * n * 8
    return _BASE + responses + targets + weights + gram + 2 * n * need.picture_bytes


def check_memory(need_bytes: int, limit_bytes: int, what: str) -> None:
    """Refuse work that needs more than the limit.

    Raises
    ------
    InputError
        Telling both, and how to need less.
    """
    if need_bytes > limit_bytes:
        raise InputError(
            problem("--memory", f"{in_gib(limit_bytes)} for {what}", f"{in_gib(need_bytes)} or "
                    "more", "Raise --memory, or take fewer voxels, runs or numbers in z "
                    "(a smaller --space).")
        )  # fmt: skip


def in_gib(count: int) -> str:
    """Word an amount of memory."""
    return f"{count / GIB:.1f} GiB"
