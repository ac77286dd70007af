"""Classic MR files of one slice each, as GE, Philips and Siemens scanners export them.

Which volume a slice belongs to is never guessed from names or from the order of arrival:

- Philips numbers instances by slice first, or anyhow: only the temporal position counts.
- GE and Siemens number instances by volume first; with the number of slices that the file gives,
  the instance number says the volume, and a second element (position in the stack, acquisition
  number) must agree.
"""

from __future__ import annotations

import numpy as np

from acquisition.errors import ForeignFileError
from acquisition.sources.assemble import Assembler, Slice
from acquisition.sources.dicom.clock import DAY_S, clock_of
from acquisition.sources.dicom.elements import Elements
from acquisition.sources.dicom.frames import Frames
from acquisition.sources.dicom.protocol import parse_protocol
from acquisition.sources.geometry import Parsed, even_step, plausible_times, stack_affine
from phosphene.errors import InputError, problem

__all__ = ["ClassicParser"]

_TOGETHER_S = 0.002
_ICE_SLICES = 20
"""Place of the number of slices in the scanner's list of dimensions."""
_RTIA_UNITS_S = (1.0, 1e-3, 1e-4)
"""Units in which GE's software releases write the time of a slice."""
_LEAST_SPAN = 0.3


class ClassicParser:
    """Puts the slices of one series together.

    Parameters
    ----------
    assembler : Assembler
        Which holds the slices of incomplete volumes.
    """

    def __init__(self, assembler: Assembler) -> None:
        self._assembler = assembler

    def parse(self, elements: Elements, frames: Frames) -> list[Parsed]:
        """Take one slice; return the volume that it completes, if it does.

        Raises
        ------
        ForeignFileError
            If the file does not say which volume it belongs to, or how many slices that has.
        InputError
            If an element is missing or malformed, or contradicts others.
        """
        n_slices = _n_slices(elements)
        cosines = elements.numbers("ImageOrientationPatient", 6)
        corner = elements.numbers("ImagePositionPatient", 3)
        normal = np.cross(cosines[:3], cosines[3:])
        tr_s = elements.number("RepetitionTime") / 1000
        gap = elements.number("SpacingBetweenSlices", 0.0) or elements.number("SliceThickness")
        pixels = frames.one(0)
        slope, offset = elements.number("RescaleSlope", 1.0), elements.number("RescaleIntercept", 0)
        if slope != 1 or offset != 0:
            pixels = pixels.astype(np.float32) * slope + offset
        else:
            pixels = pixels.copy()  # not a window on the whole file
        complete = self._assembler.add(
            Slice(
                volume=_volume(elements, n_slices),
                n_slices=n_slices,
                place_mm=float(normal @ corner),
                pixels=pixels,
                frame=(*cosines, *elements.numbers("PixelSpacing", 2), gap, tr_s),
                corner_mm=(corner[0], corner[1], corner[2]),
                time_s=_time(elements),
            )
        )
        return [] if complete is None else [_stack(complete, clock_of(elements))]


def _stack(slices: list[Slice], clock_s: float | None) -> Parsed:
    first = slices[0]
    *cosines, rows_mm, columns_mm, gap_mm, tr_s = first.frame
    normal = np.cross(cosines[:3], cosines[3:])
    step = even_step(np.asarray([s.corner_mm for s in slices]), normal, gap_mm)
    return Parsed(
        # (slices, rows, columns) -> (columns, rows, slices)
        data=np.stack([s.pixels for s in slices]).transpose(2, 1, 0),
        affine=stack_affine(cosines, (rows_mm, columns_mm), first.corner_mm, step),
        index=first.volume,
        tr_s=tr_s,
        slice_times_s=_slice_times([s.time_s for s in slices], tr_s),
        clock_s=clock_s,
    )


def _n_slices(elements: Elements) -> int:
    for name in ("LocationsInAcquisition", "NumberOfSlicesMR", "SlicesPerVolume"):
        count = elements.whole(name, 0)
        if count > 0:
            return count
    dims = elements.text("IceDims").split("_")
    if len(dims) > _ICE_SLICES and dims[_ICE_SLICES].isdigit() and len(dims[_ICE_SLICES]) < 5:
        return int(dims[_ICE_SLICES])
    text = elements.value("PhoenixProtocol") or elements.value("CSASeriesHeaderInfo")
    count = parse_protocol(bytes(text)).n_slices
    if count < 1:
        raise ForeignFileError(
            problem("slices of a volume", "no number of them", "a private element that gives it",
                    "Export with private elements, or as mosaic or enhanced DICOM.")
        )  # fmt: skip
    return count


def _volume(elements: Elements, n_slices: int) -> int:
    """Return the number of the volume of a slice, from 0."""
    if "TemporalPositionIdentifier" in elements and _tells_times_apart(elements):
        return elements.whole("TemporalPositionIdentifier") - 1
    if "NumberOfSlicesMR" in elements or "PHILIPS" in elements.text("Manufacturer").upper():
        if elements.whole("NumberOfTemporalPositions", 1) == 1:
            return 0
        raise ForeignFileError(
            problem("TemporalPositionIdentifier", "nothing", "the number of the volume",
                    "Export it, or as enhanced DICOM.")
        )  # fmt: skip
    volume, place = divmod(elements.whole("InstanceNumber") - 1, n_slices)
    in_stack = elements.whole("InStackPositionNumber", 0)
    if in_stack and in_stack - 1 not in (place, n_slices - 1 - place):
        raise _contradiction("InStackPositionNumber")
    siemens = "SIEMENS" in elements.text("Manufacturer").upper()
    if siemens and elements.whole("AcquisitionNumber") - 1 != volume:
        raise _contradiction("AcquisitionNumber")
    return volume


def _tells_times_apart(elements: Elements) -> bool:
    """Whether the temporal position is one; a single one among many instances is not."""
    return elements.whole("NumberOfTemporalPositions", 2) > 1


def _contradiction(name: str) -> InputError:
    return InputError(
        problem(name, "another volume than InstanceNumber", "instances numbered volume by volume",
                "Export as mosaic or enhanced DICOM.")
    )  # fmt: skip


def _time(elements: Elements) -> float | None:
    """Time of a slice; only differences within a volume are used."""
    for name in ("RtiaTimer", "TriggerTime"):
        if name in elements:
            return elements.number(name)
    return clock_of(elements)


def _slice_times(times: list[float | None], tr_s: float) -> tuple[float, ...] | None:
    known = [t for t in times if t is not None]
    if len(known) != len(times):
        return None
    span = max(known) - min(known)
    if span > DAY_S / 2:
        known = [t + DAY_S if t < DAY_S / 2 else t for t in known]
        span = max(known) - min(known)
    unit = next((u for u in _RTIA_UNITS_S if _LEAST_SPAN * tr_s < span * u < tr_s), None)
    if unit is None:
        return None
    # slices taken together come in groups of one size; anything else is no timing
    _, sizes = np.unique(np.round(np.asarray(known) * unit / _TOGETHER_S), return_counts=True)
    if len(set(sizes.tolist())) > 1:
        return None
    return plausible_times([t * unit for t in known], tr_s)
