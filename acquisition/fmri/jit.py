"""Loops in Python that are compiled to machine code before the first volume.

A kernel is a plain function on arrays; it writes into the arrays it is given and returns nothing.
It is compiled on its first call or by `acquisition.fmri.warm.warm_up`, never on import, and kept
on disk beside the byte code (else in the user's cache folder, else not at all). Kernels run on one
thread and without re-ordered sums: the same input gives the same bits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any, Generic, ParamSpec, cast

from phosphene.errors import ConfigError, problem

__all__ = ["Kernel", "kernel"]

P = ParamSpec("P")

_SPEC = re.compile(r"(float32|float64|int64)(?:\[([1-4])\])?(!?)")


class Kernel(Generic[P]):
    """A function that is compiled before it first runs.

    Parameters
    ----------
    function : callable
        Uses only what numba compiles.
    *specs : str
        One for each argument: ``float32`` is a number, ``float32[3]`` a C-ordered array of three
        dimensions that is only read, ``float32[3]!`` one that is written.
    """

    def __init__(self, function: Callable[P, None], *specs: str) -> None:
        self.python = function
        self._specs = specs
        self.__doc__ = function.__doc__

    @cached_property
    def compiled(self) -> Callable[P, None]:
        """The machine code."""
        import numba  # takes a third of a second: only where volumes are processed

        # contract: a * b + c may be one instruction; nothing that changes the order of a sum
        options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}
        signature = numba.void(*(_numba_type(numba, spec) for spec in self._specs))
        try:
            code = numba.njit(signature, cache=True, **options)(self.python)
        except (RuntimeError, OSError):  # no folder to keep it in
            code = numba.njit(signature, **options)(self.python)
        return cast("Callable[P, None]", code)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Run it."""
        self.compiled(*args, **kwargs)


def kernel(*specs: str) -> Callable[[Callable[P, None]], Kernel[P]]:
    """Decorate a function to become a `Kernel`; see there."""
    return lambda function: Kernel(function, *specs)


def _numba_type(numba: Any, spec: str) -> Any:
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise ConfigError(
            problem("argument of a kernel", spec, "such as float32, int64, float32[3], float32[3]!",
                    "Correct the decorator.")
        )  # fmt: skip
    number, dims, written = found.groups()
    scalar = getattr(numba, number)
    if dims is None:
        return scalar
    return numba.types.Array(scalar, int(dims), "C", readonly=not written)
