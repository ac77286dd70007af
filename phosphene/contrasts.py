"""How a contrast of a map is called by people: ``face > house``, not its formula."""

from __future__ import annotations

import re

__all__ = ["contrast_words"]

_MOST_NAMED = 3
_TERM = re.compile(r"(?:(\d+(?:\.\d+)?)\s*\*\s*)?(\S.*)")


def contrast_words(contrast: str) -> str:
    """Word a contrast such as ``face - house`` or ``0.5000 * face + 0.5000 * cat``.

    Parameters
    ----------
    contrast : str
        Names with weights, plus and minus between spaces.

    Returns
    -------
    str
        What is greater than what; a formula whose weights differ on a side stays as it is.
    """
    parts = re.split(r"\s+([+-])\s+", contrast.strip())
    sides: dict[str, list[tuple[float, str]]] = {"+": [], "-": []}
    for sign, part in zip(["+", *parts[1::2]], parts[::2], strict=True):
        term = _TERM.fullmatch(part.strip())
        if term is None:
            return contrast
        sides[sign].append((float(term[1] or 1.0), term[2]))
    more, less = sides["+"], sides["-"]
    if not more or any(len({weight for weight, _ in side}) > 1 for side in (more, less)):
        return contrast
    if not less:
        return f"{_named(more)} > rest"
    if len(more) == 1 and len(less) > _MOST_NAMED:
        return f"{more[0][1]} > others"
    return f"{_named(more)} > {_named(less)}"


def _named(side: list[tuple[float, str]]) -> str:
    if len(side) > _MOST_NAMED:
        return f"all {len(side)} conditions"
    return ", ".join(name for _, name in side)
