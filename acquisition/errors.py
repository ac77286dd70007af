"""Reasons for which one file is refused while the series goes on.

All are `InputError`, so a caller that does not care about the reason catches that.
"""

from __future__ import annotations

from phosphene.errors import InputError

__all__ = ["ForeignFileError", "MatrixError", "OtherSeriesError"]


class ForeignFileError(InputError):
    """The file is not an image of the expected format."""


class OtherSeriesError(InputError):
    """The image belongs to another series than the one being read."""


class MatrixError(InputError):
    """The image has another matrix size than the series."""
