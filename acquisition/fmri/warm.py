"""Compile everything that volumes need, before the first one comes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

from acquisition.fmri.ar1 import compile_now
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
_BEAT_S = 0.05


def warm_up(beat: Callable[[], object] = lambda: None) -> None:
    """Compile the kernels, or load them from where an earlier run kept them.

    Parameters
    ----------
    beat : callable
        Called at least once, and twenty times a second while that takes (some seconds the first
        time ever), so that a node can show that it is alive.
    """
    with ThreadPoolExecutor(1, "compile") as pool:
        compiled = pool.submit(_compile)
        done = False
        while not done:
            beat()
            done = compiled in wait([compiled], timeout=_BEAT_S).done
    compiled.result()


def _compile() -> None:
    for each in _KERNELS:
        _ = each.compiled
    compile_now()
