"""Whether two engines give the same numbers: fixed inputs, a stated bound.

The yardstick is always ONNX Runtime on the CPU with the graph as it was exported, so the bound
holds for conversion to half precision too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.engine import Engine, TensorSpec

__all__ = ["BOUNDS", "GREY", "Parity", "compare", "fixed_inputs"]

Array = npt.NDArray[Any]
BOUNDS = {"fp32": 1e-3, "fp16": 3e-2, "bf16": 1e-1}
"""Largest error of numbers, as a part of the largest one wanted (at least 1)."""
GREY = {"fp32": (1.0, 0.1), "fp16": (16.0, 1.0), "bf16": (32.0, 2.0)}
"""Largest and mean error of pictures, in grey levels of 256."""
SEED = 20260101


@dataclass(frozen=True)
class Parity:
    """Result of a comparison; `text` says it in one line, with the bound."""

    agrees: bool
    text: str


def fixed_inputs(specs: Sequence[TensorSpec], free: int = 1) -> dict[str, Array]:
    """Draw inputs that are the same everywhere: standard normal numbers, times and flags at 1.

    Parameters
    ----------
    specs : Sequence of TensorSpec
        What the graph needs.
    free : int
        Length of axes of any length.
    """
    rng = np.random.default_rng(SEED)
    made: dict[str, Array] = {}
    for spec in specs:
        shape = [free if n is None else n for n in spec.shape]
        if len(shape) < 2:  # times, lengths of steps, flags: scalars of each sample
            made[spec.name] = np.ones(shape, spec.dtype)
        elif spec.dtype == np.uint8:
            made[spec.name] = rng.integers(0, 256, shape).astype(np.uint8)
        else:
            made[spec.name] = rng.standard_normal(shape).astype(spec.dtype)
    return made


def compare(
    engine: Engine, yardstick: Engine, inputs: Mapping[str, Array], precision: str = "fp32"
) -> Parity:
    """Run both on the same inputs and say how far they are apart.

    Parameters
    ----------
    engine, yardstick : Engine
        The one to check, and the one to trust.
    inputs : Mapping of str to array
        Of `fixed_inputs`.
    precision : str
        Which bound holds.
    """
    got, wanted = engine.run(inputs), yardstick.run(inputs)
    lines, agrees = [], set(got) == set(wanted)
    if not agrees:
        lines.append(f"gives {', '.join(sorted(got))}, not {', '.join(sorted(wanted))}")
    for name in sorted(set(got) & set(wanted)):
        fits, line = _output(name, got[name], wanted[name], precision)
        agrees = agrees and fits
        lines.append(line)
    verdict = "agrees" if agrees else "DISAGREES"
    return Parity(agrees, f"{verdict} with {yardstick.describe()}: {'; '.join(lines)}")


def _output(name: str, got: Array, wanted: Array, precision: str) -> tuple[bool, str]:
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        kinds = (f"{x.shape} {x.dtype}" for x in (got, wanted))
        return False, f"{name} is {next(kinds)}, not {next(kinds)}"
    error = np.abs(got.astype(np.float64) - wanted.astype(np.float64))
    if wanted.dtype == np.uint8:
        largest, mean = GREY[precision]
        line = (
            f"{name} {error.max():.0f} grey levels at most (allowed {largest:.0f}), "
            f"{error.mean():.3f} on average (allowed {mean:g})"
        )
        return bool(error.max() <= largest and error.mean() <= mean), line
    # A NaN is no error that is allowed, on either side: the comparison below is False for it.
    part = float(error.max() / max(1.0, float(np.abs(wanted).max())))
    bound = BOUNDS[precision]
    return part <= bound, f"{name} {part:.1e} of the largest (allowed {bound:.0e})"
