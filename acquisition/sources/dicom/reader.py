"""DICOM files to `Volume`, for every vendor: mosaics, enhanced files, and classic slices.

What stays with a `Volume` is geometry, timing, pixel data, the instance number, and a keyed hash of
the series identifier; the allowlist says what is looked at at all.
"""

from __future__ import annotations

from typing import Literal

from acquisition.errors import ForeignFileError, MatrixError, OtherSeriesError
from acquisition.fmri.volume import Volume
from acquisition.sources.assemble import Assembler, Pending
from acquisition.sources.dicom.allowlist import public
from acquisition.sources.dicom.classic import ClassicParser, n_slices_of, volume_of
from acquisition.sources.dicom.clock import DAY_S
from acquisition.sources.dicom.elements import Elements
from acquisition.sources.dicom.enhanced import parse_enhanced
from acquisition.sources.dicom.frames import Frames
from acquisition.sources.dicom.mosaic import MosaicParser
from acquisition.sources.dicom.syntax import Opened, known_name, open_file
from acquisition.sources.dicom.turn import Turner
from acquisition.sources.geometry import Parsed
from acquisition.sources.identity import keyed_hash, public_name
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["DicomReader", "series_of"]

_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
_ENHANCED_MR_IMAGES = ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4")
_MOST_SERIES = 8
_PHASE = frozenset(["P", "PHASE", "PHASE MAP"])


class DicomReader:
    """Reads the files of one series.

    The first whole volume fixes the series and the matrix size, unless they are given; images of
    another series or size are refused from then on. Single slices fix nothing: those of a localizer
    lie in several directions and never make a volume. Of several echoes one is taken; phase images
    are refused.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    series_number : int, optional
        Number of the series to accept.
    shape : tuple of int, optional
        Matrix size (X, Y, Z) to accept, in the order of `Volume.data`.
    echo : int
        Number of the echo to accept where files are numbered by echo.
    images : str
        Which to accept where each volume comes as measured and corrected for motion by the scanner:
        ``original``, ``moco``, or ``first``, whichever the first image is.
    """

    def __init__(
        self,
        key: bytes,
        series_number: int | None = None,
        shape: tuple[int, int, int] | None = None,
        echo: int = 1,
        images: Literal["first", "original", "moco"] = "first",
    ) -> None:
        self._key = key
        self._series_number = series_number
        self._shape = shape
        self._echo = echo
        self._moco = None if images == "first" else images == "moco"
        self._series_hash: str | None = None
        self._uid_hash = ""
        self._mosaic = MosaicParser()
        # one for each series until one of them has made a volume
        self._assemblers: dict[str, Assembler] = {}
        self._turn = Turner()
        self._clock_s: float | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Slices that came again, by name of the counter."""
        return {"duplicate_slices": sum(a.duplicates for a in self._assemblers.values())}

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file.

        Parameters
        ----------
        raw : bytes
            The whole file.
        name : str
            Its name, for messages.

        Returns
        -------
        list of Volume
            Those that it completes: one for a mosaic; one or many for an enhanced file; none for a
            slice that is not the last of its volume. ``index`` is the instance number less one, or
            the temporal position less one where files and volumes are not the same.

        Raises
        ------
        TruncatedError
            If the file ends early.
        ForeignFileError
            If it is not DICOM, or no MR image of a known layout.
        OtherSeriesError, MatrixError
            If it belongs to another series or echo, or has another size than the series.
        InputError
            If elements that are needed are missing or cannot be.
        """
        shown = public_name(name, self._key)
        try:
            opened = open_file(raw)
            series_hash = self._accept(opened)
            parsed = self._parse(opened, series_hash)
            volumes = [self._to_volume(one, series_hash) for one in parsed]
        except InputError as error:
            error.args = (f"{shown}: {error}",)
            raise
        if volumes:
            self._keep_to(series_hash, opened.elements)
            x, y, z = volumes[0].data.shape
            self._shape = (x, y, z)
        return volumes

    def _keep_to(self, series_hash: str, elements: Elements) -> None:
        """Follow a series from now on."""
        if self._series_hash is None:
            self._series_hash = series_hash
            self._uid_hash = self._hash_of(elements)
            own = _kind_of(series_hash, elements)
            self._assemblers = {k: a for k, a in self._assemblers.items() if k == own}
        if self._moco is None:
            self._moco = _is_moco(elements)

    def _hash_of(self, elements: Elements) -> str:
        return keyed_hash(self._key, elements.text("SeriesInstanceUID"))

    def pending(self) -> list[Pending]:
        """Return the volumes that are incomplete or were given up, for the messages at the end."""
        return [one for a in self._assemblers.values() for one in a.pending()]

    def _accept(self, opened: Opened) -> str:
        """Check that a file is an image of this series; return the series' hash."""
        elements = opened.elements
        found = elements.names()
        if not {"SOPClassUID", "SeriesInstanceUID"} <= found:
            raise _cut()
        kind = elements.text("SOPClassUID")
        if kind not in (_MR_IMAGE, *_ENHANCED_MR_IMAGES):
            raise ForeignFileError(
                problem("SOPClassUID", known_name(kind), "MR images", "Keep other files out.")
            )
        if "PixelData" not in elements:
            raise _cut()
        series_hash = keyed_hash(self._key, _series_identifier(elements))
        if self._series_hash is not None and self._hash_of(elements) == self._uid_hash:
            series_hash = self._series_hash  # whatever else may change from volume to volume
        moco, echo = _is_moco(elements), False
        why = self._why_other(elements, series_hash)
        if not why:
            why = self._why_echo(elements)
            echo = bool(why)
        if why:
            raise OtherSeriesError(why, series_hash, _index_of(elements), moco=moco, echo=echo)
        return series_hash

    def _why_other(self, elements: Elements, series_hash: str) -> str:
        """Return why an image is not one of those to read; "" if it is."""
        number = elements.whole("SeriesNumber", -1)
        if self._series_hash is not None and series_hash != self._series_hash:
            return problem("series", series_hash, f"series {self._series_hash}",
                           "Start a new run for a new series.")  # fmt: skip
        if self._series_number is not None and number != self._series_number:
            return problem("SeriesNumber", f"series {number}", f"series {self._series_number}",
                           "Stop the other export or give its number.")  # fmt: skip
        if self._moco is not None and _is_moco(elements) != self._moco:
            kinds = ("as measured", "corrected for motion")
            given, wanted = reversed(kinds) if not self._moco else kinds
            return problem("image", given, f"images {wanted}", "See source.images.")
        types = {value.upper() for value in elements.texts("ImageType")[2:]}
        if types & _PHASE or elements.text("ComplexImageComponent") == "PHASE":
            return problem("ImageType", "a phase image", "magnitude", "Switch phase images off.")
        return ""

    def _why_echo(self, elements: Elements) -> str:
        echo = elements.whole("EchoNumbers", 0)
        if echo in (0, self._echo):
            return ""
        return problem("EchoNumbers", echo, f"echo {self._echo}", "Choose the echo to decode.")

    def _parse(self, opened: Opened, series_hash: str) -> list[Parsed]:
        elements, frames = opened.elements, Frames(opened)
        # the class decides: enhanced files may still be called mosaics
        if elements.text("SOPClassUID") != _MR_IMAGE:
            return parse_enhanced(elements, frames)
        if "MOSAIC" in elements.texts("ImageType"):
            return [self._mosaic.parse(elements, frames)]
        kind = _kind_of(series_hash, elements)
        assembler = self._assemblers.setdefault(kind, Assembler())
        for other in list(self._assemblers)[:-_MOST_SERIES]:
            del self._assemblers[other]
        return ClassicParser(assembler).parse(elements, frames)

    def _to_volume(self, parsed: Parsed, series_hash: str) -> Volume:
        data, affine, slice_axis, times = self._turn(parsed)
        if self._shape is not None and data.shape != self._shape:
            raise MatrixError(
                problem("image", f"matrix {data.shape}", f"matrix {self._shape}",
                        "Scan with the protocol that the session names.")
            )  # fmt: skip
        return Volume(
            data=data,
            affine=affine,
            index=parsed.index,
            tr_s=parsed.tr_s,
            series_hash=series_hash,
            slice_times_s=times,
            slice_axis=slice_axis,
            header_s=self._since_first(parsed.clock_s),
        )

    def _since_first(self, clock_s: float | None) -> float | None:
        """Seconds since the first volume that was read; the time of day stays outside."""
        if clock_s is None:
            return None
        if self._clock_s is None:
            self._clock_s = clock_s
        return round((clock_s - self._clock_s + DAY_S / 2) % DAY_S - DAY_S / 2, 6)


def series_of(raw: bytes) -> str:
    """Return what all files of a series share; it identifies people, so never show or keep it.

    Parameters
    ----------
    raw : bytes
        A file, or its beginning as far as the identifier.

    Raises
    ------
    TruncatedError
        If the identifier is not reached.
    InputError
        If it is no DICOM file, or damaged.
    """
    found = _series_identifier(open_file(raw, last=public("SeriesInstanceUID").tag).elements)
    if not found:
        raise _cut()
    return found


def _series_identifier(elements: Elements) -> str:
    """Return what all files of a series share.

    Scanners that split enhanced images into classic slices give each volume an own identifier and
    number of the series, some software versions an own identifier of the study too; the time of
    the series stays.
    """
    time = elements.text("SeriesTime")
    if "MFSPLIT" in elements.texts("ImageType") and time:
        return f"at {time}"
    return elements.text("SeriesInstanceUID")


def _kind_of(series_hash: str, elements: Elements) -> str:
    return f"{series_hash} {_is_moco(elements)}"


def _is_moco(elements: Elements) -> bool:
    """Tell whether the scanner has corrected an image for motion."""
    return "MOCO" in elements.texts("ImageType")


def _index_of(elements: Elements) -> int | None:
    """Return the number of an image's volume as far as the file tells."""
    mosaic = "MOSAIC" in elements.texts("ImageType")
    try:
        if elements.text("SOPClassUID") == _MR_IMAGE and not mosaic:
            return volume_of(elements, n_slices_of(elements))
        return elements.whole("InstanceNumber") - 1
    except InputError:
        return None


def _cut() -> TruncatedError:
    return TruncatedError(
        problem("file", "no pixels", "the whole file", "Wait for it, or copy it again.")
    )
