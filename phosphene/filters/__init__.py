"""Content filters: what looks at each picture before anybody else does, and may refuse it.

A filter is for the welfare of who looks. It is no privacy control, and no medical device.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

__all__ = ["GROUP", "Option", "Picture", "PictureFilter", "open_filter"]

GROUP = "phosphene.filters"
Option = str | float | int | bool
Picture = npt.NDArray[np.uint8]


class PictureFilter(Protocol):
    """A content filter: a class behind an entry point of the group ``phosphene.filters``.

    It is called with the options of ``[gate.filter]`` as keyword arguments, in a process of its
    own, and then for each picture.
    """

    def __call__(self, picture: Picture, t_s: float) -> bool:
        """Return whether a picture may be shown.

        Parameters
        ----------
        picture : uint8 array (height, width, 3)
            sRGB.
        t_s : float
            When it was painted, in seconds on a clock that only rises.
        """
        ...


def open_filter(name: str, options: Mapping[str, Option]) -> PictureFilter:
    """Make the filter of a name.

    Raises
    ------
    ConfigError
        If there is none of this name, or it does not take these options.
    """
    known = {point.name: point for point in entry_points(group=GROUP)}
    if name not in known:
        allowed = ", ".join(sorted(known)) or "none is installed"
        raise ConfigError(problem("gate.filter.name", name, allowed, "Install or correct it."))
    made = known[name].load()
    try:
        inspect.signature(made).bind(**options)
    except TypeError as error:
        raise ConfigError(f"gate.filter.options of {name}: {error}") from error
    found: PictureFilter = made(**options)
    return found
