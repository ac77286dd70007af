"""Compile everything that volumes need, before the first one comes."""

from __future__ import annotations

from collections.abc import Callable

from acquisition.fmri.blur import blur
from acquisition.fmri.jit import Kernel
from acquisition.fmri.lines import interpolate, shift_columns, shift_rows
from acquisition.fmri.spline import look_up, normal_equations

__all__ = ["warm_up"]

_KERNELS: tuple[Kernel[...], ...] = (
    blur,
    look_up,
    normal_equations,
    interpolate,
    shift_columns,
    shift_rows,
)


def warm_up(beat: Callable[[], object] = lambda: None) -> None:
    """Compile the kernels, or load them from where an earlier run kept them.

    Parameters
    ----------
    beat : callable
        Called between kernels (each takes up to about a second the first time), so that a node can
        show that it is alive.
    """
    for each in _KERNELS:
        beat()
        _ = each.compiled
    beat()
