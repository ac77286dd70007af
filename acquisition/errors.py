"""Reasons for which one file is refused while the series goes on, or a stream is waited for.

All are `InputError`, so a caller that does not care about the reason catches that.
"""

from __future__ import annotations

from phosphene.errors import InputError

__all__ = ["ForeignFileError", "MatrixError", "OtherSeriesError", "StreamAbsentError"]


class ForeignFileError(InputError):
    """The file is not an image of the expected format."""


class OtherSeriesError(InputError):
    """The image belongs to another series than the one being read.

    Parameters
    ----------
    message : str
        What, and what to do.
    series : str
        Keyed hash of the other series; "" where there is none.
    index : int or None
        Number of the volume in that series, from 0; None where the file does not say.
    moco : bool
        Whether the image is one that the scanner has corrected for motion.
    echo : bool
        Whether it is another echo of the series that is read.
    """

    def __init__(
        self,
        message: str,
        series: str = "",
        index: int | None = None,
        *,
        moco: bool = False,
        echo: bool = False,
    ) -> None:
        super().__init__(message)
        self.series, self.index, self.moco, self.echo = series, index, moco, echo


class MatrixError(InputError):
    """The image has another matrix size than the series."""


class StreamAbsentError(InputError):
    """No stream has the wanted name yet."""
