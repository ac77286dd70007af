"""Philips PAR/REC dumps to `Volume`: a text header (.par) and pixels (.rec) for each volume.

What places a volume is taken from the lines of its images: exports in real time leave the general
part of the header empty. Pixels are scaled to the floating point values that the header defines,
``FP = (PV * RS + RI) / (RS * SS)``; unlike displayed values these do not depend on a window.
"""

from __future__ import annotations

import re
import warnings
from io import StringIO
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
from nibabel.eulerangles import euler2mat
from nibabel.parrec import PARRECError, parse_PAR_header

from acquisition.errors import ForeignFileError, MatrixError
from acquisition.fmri.volume import Volume, to_ras
from acquisition.sources.identity import public_name
from acquisition.sources.name_series import NameSeries
from acquisition.sources.pairs import Pairs
from phosphene.errors import InputError, TruncatedError, problem

__all__ = ["ParRecReader", "place"]

_LAST_NUMBER = re.compile(r"(\d+)\D*$")
_LEAST_MS = 20.0
"""No volume repeats faster; a smaller "milliseconds" is seconds, as the research export has it."""
_MAGNITUDE = 0
_PSL_TO_RAS = np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]])
_TO_PSL = {
    1: np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]),  # transverse
    2: np.diag([1.0, -1.0, -1.0]),  # sagittal
    3: np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]),  # coronal
}
"""(column, row, slice) to posterior, superior, left, before angulation."""


def place(
    angles_deg: npt.NDArray[np.float64],
    centres_mm: npt.NDArray[np.float64],
    spacing_mm: tuple[float, float, float],
    sides: tuple[int, int],
    orientation: int,
) -> npt.NDArray[np.float64]:
    """Place a stack of slices in the scanner.

    The order of turns, about ``fh``, ``ap``, then ``rl``, is the one that nibabel's reader found by
    comparison with converted images.

    Parameters
    ----------
    angles_deg : array (3,)
        Angulation about ap, fh and rl, in degrees.
    centres_mm : array (n_slices, 3)
        Centre of each slice along ap, fh and rl (towards posterior, superior, left).
    spacing_mm : tuple of float
        Between columns, rows and slices.
    sides : tuple of int
        Columns and rows.
    orientation : int
        1 transverse, 2 sagittal, 3 coronal.

    Returns
    -------
    array (4, 4)
        (column, row, slice) index to RAS millimetres.
    """
    ap, fh, rl = np.radians(angles_deg)
    turn = euler2mat(z=rl) @ euler2mat(x=ap) @ euler2mat(y=fh)  # type: ignore[no-untyped-call]
    axes = turn @ _TO_PSL[orientation] @ np.diag(spacing_mm)
    # The centres tell for certain which way the slices run.
    if len(centres_mm) > 1 and axes[:, 2] @ (centres_mm[-1] - centres_mm[0]) < 0:
        axes[:, 2] = -axes[:, 2]
    middle = (np.array([*sides, len(centres_mm)]) - 1) / 2
    affine = np.eye(4)
    affine[:3, :3] = _PSL_TO_RAS @ axes
    affine[:3, 3] = _PSL_TO_RAS @ (centres_mm.mean(axis=0) - axes @ middle)
    return affine


class ParRecReader:
    """Reads the files of one series; a volume is there when both its files are.

    Of several kinds of image the magnitude is taken, of several echoes the first.

    Parameters
    ----------
    key : bytes
        Random key of the run, see `acquisition.sources.identity`.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._pairs = Pairs(".par", ".rec")
        self._series = NameSeries(key)
        self._shape: tuple[int, ...] | None = None
        self._first_number: int | None = None

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; see `acquisition.sources.folder.VolumeReader`.

        Raises
        ------
        TruncatedError
            If one of the two ends early.
        ForeignFileError
            If the text is no PAR header.
        MatrixError
            If the size is not that of the series.
        InputError
            If the header contradicts itself.
        """
        pair = self._pairs.add(name, raw)
        if pair is None:
            return []
        shown = public_name(name, self._key)
        try:
            dump = _Dump(*pair, shown)
            found = [self._volume(dump, dynamic, name) for dynamic in dump.dynamics]
        except TruncatedError:
            # It grows and comes again; the whole half waits for it.
            self._pairs.forget(name, ".rec" if _ended(pair[0]) else ".par")
            raise
        except InputError:
            self._pairs.forget(name)
            raise
        self._pairs.forget(name)
        return found

    def _volume(self, dump: _Dump, dynamic: int, name: str) -> Volume:
        data, affine, slice_axis, _ = to_ras(*dump.volume(dynamic))
        if self._shape is not None and data.shape != self._shape:
            raise MatrixError(
                problem(dump.shown, f"matrix {data.shape}", f"matrix {self._shape}",
                        "Export one series only.")
            )  # fmt: skip
        index = dynamic - 1
        if len(dump.dynamics) == 1 and dynamic == 1:
            index = self._number(dump, name)
        # Each series has its folder; the names in it begin anew.
        series = self._series.take(name, "", index, dump.shown)
        self._shape = data.shape
        return Volume(data, affine, index, dump.tr_s, series, slice_axis=slice_axis)

    def _number(self, dump: _Dump, name: str) -> int:
        """Return the index of a dump of one dynamic: they are all called 1, the name counts."""
        found = _LAST_NUMBER.search(PurePath(name).stem)
        if found is None:
            return 0
        number = int(found[1])
        if self._first_number is None:
            begun = round(dump.begin_s / dump.tr_s) if dump.tr_s else number
            self._first_number = 1 if number - begun == 1 else 0
        return max(number - self._first_number, 0)


class _Dump:
    """A parsed header with its pixels."""

    def __init__(self, header: bytes, pixels: bytes, shown: str) -> None:
        self.shown = shown
        info, lines = _parse(header, shown)
        kinds = lines["image_type_mr"]
        # Phase and the parts of complex images have a negative intercept, whatever their number.
        proper = lines[lines["rescale intercept"] >= 0] if _MAGNITUDE not in kinds else lines
        kind = min((proper if len(proper) else lines)["image_type_mr"])
        lines = lines[kinds == kind]
        self._lines = lines[lines["echo number"] == lines["echo number"].min()]
        self._slices = int(info["max_slices"]) or len(set(self._lines["slice number"].tolist()))
        self.dynamics = sorted(set(self._lines["dynamic scan number"].tolist()))
        if len(self._lines) != self._slices * len(self.dynamics) and not _ended(header):
            raise _cut(shown, f"{len(self._lines)} images")
        bits = int(self._lines["image pixel size"][0])
        if bits not in (8, 16):
            raise InputError(problem(shown, f"{bits} bits", "8 or 16", "Export again."))
        self._pixel = np.dtype(f"<u{bits // 8}")
        self._side_x, self._side_y = (int(n) for n in self._lines["recon resolution"][0])
        self._pixels = pixels
        last = int(self._lines["index in REC file"].max()) + 1
        if len(pixels) < last * self._image_bytes:
            raise _cut(shown, f"{len(pixels)} bytes of pixels")
        self.tr_s = _tr_s(info, self._lines)
        self.begin_s = float(self._lines["dyn_scan_begin_time"].min())

    @property
    def _image_bytes(self) -> int:
        return self._side_x * self._side_y * self._pixel.itemsize

    def volume(self, dynamic: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return image (column, row, slice) and affine of one dynamic."""
        lines = self._lines[self._lines["dynamic scan number"] == dynamic]
        lines = lines[np.argsort(lines["slice number"], kind="stable")]
        if len(lines) != self._slices or len(set(lines["slice number"].tolist())) != self._slices:
            allowed = f"{self._slices} slices, each once"
            raise InputError(
                problem(self.shown, f"{len(lines)} in dynamic {dynamic}", allowed, "Export again.")
            )
        stack = np.empty((self._slices, self._side_y, self._side_x))
        for k, line in enumerate(lines):
            at = int(line["index in REC file"]) * self._image_bytes
            count = self._side_x * self._side_y
            stored = np.frombuffer(self._pixels, self._pixel, count, at)
            slope = float(line["rescale slope"])
            scale = slope * float(line["scale slope"]) or 1.0
            stack[k].flat = (stored * (slope or 1.0) + float(line["rescale intercept"])) / scale
        return stack.T, self._affine(lines)

    def _affine(self, lines: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        first = lines[0]
        between = float(first["slice thickness"]) + float(first["slice gap"])
        spacing = (float(first["pixel spacing"][0]), float(first["pixel spacing"][1]), between)
        orientation = int(first["slice orientation"])
        if not min(spacing) > 0 or orientation not in _TO_PSL:
            got = f"spacing {spacing} mm, orientation {orientation}"
            raise InputError(problem(self.shown, got, "a place in space", "Export again."))
        angles = np.asarray(first["image angulation"], np.float64)
        centres = np.asarray(lines["image offcentre"], np.float64)
        return place(angles, centres, spacing, (self._side_x, self._side_y), orientation)


def _parse(header: bytes, shown: str) -> tuple[dict[str, Any], npt.NDArray[Any]]:
    text = header.decode("latin-1")
    if "DATA DESCRIPTION FILE" not in text[:2000]:
        raise ForeignFileError(problem(shown, "other text", "a PAR header", "Keep it out."))
    try:
        with warnings.catch_warnings():
            # versions that nibabel does not know are read as the newest that it does
            warnings.simplefilter("ignore")
            info, lines = parse_PAR_header(StringIO(text))  # type: ignore[no-untyped-call]
    # nibabel runs into the end of a header in several ways
    except (PARRECError, AttributeError, ValueError, IndexError, KeyError, TypeError) as error:
        if not _ended(header):
            raise _cut(shown, f"{len(header)} bytes of header") from error
        raise InputError(problem(shown, str(error), "a PAR header", "Export again.")) from error
    if not len(lines):
        raise _cut(shown, "no image")
    return info, lines


def _ended(header: bytes) -> bool:
    return b"END OF DATA DESCRIPTION" in header[-400:]


def _cut(shown: str, got: str) -> TruncatedError:
    return TruncatedError(problem(shown, got, "both files whole", "Wait, or copy them again."))


def _tr_s(info: dict[str, Any], lines: npt.NDArray[Any]) -> float:
    """Return the repetition time in seconds: between dynamics, or as the header says."""
    begins = np.unique(lines["dyn_scan_begin_time"])
    if len(begins) > 1:
        return float(np.median(np.diff(begins)))
    said = float(np.ravel(info["repetition_time"])[0])
    return said / 1000 if said >= _LEAST_MS else said
