"""Classic MR files of one slice each, as GE, Philips and Siemens scanners export them.

Which volume a slice belongs to is never guessed from names or from the order of arrival:

- Philips numbers instances by slice first, or anyhow: only the temporal position counts.
- GE and Siemens number instances by volume first; with the number of slices that the file gives,
  the instance number says the volume, and what else the file tells (position in the stack, temporal
  position, acquisition number) must agree.
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

__all__ = ["ClassicParser", "n_slices_of", "volume_of"]

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
        n_slices = n_slices_of(elements)
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
                volume=volume_of(elements, n_slices),
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


def n_slices_of(elements: Elements) -> int:
    """Return the number of slices of a volume.

    Raises
    ------
    ForeignFileError
        If the file does not say it.
    """
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


def volume_of(elements: Elements, n_slices: int) -> int:
    """Return the number of the volume that a slice belongs to, from 0.

    Raises
    ------
    ForeignFileError
        If the file does not say it.
    InputError
        If its elements contradict each other.
    """
    told = elements.whole("NumberOfTemporalPositions", 2) > 1
    position = elements.whole("TemporalPositionIdentifier", 0) if told else 0
    vendor = elements.text("Manufacturer").upper()
    if "NumberOfSlicesMR" in elements or "PHILIPS" in vendor:
        if position < 1 and told:
            raise ForeignFileError(
                problem("TemporalPositionIdentifier", "nothing", "the number of the volume",
                        "Export it, or as enhanced DICOM.")
            )  # fmt: skip
        return position - 1 if told else 0
    volume, place = divmod(elements.whole("InstanceNumber") - 1, n_slices)
    witnesses = {"TemporalPositionIdentifier": position - 1 == volume} if position else {}
    in_stack = elements.whole("InStackPositionNumber", 0)
    if in_stack:
        agrees = in_stack - 1 in (place, n_slices - 1 - place)
        witnesses["InStackPositionNumber"] = agrees
    if "SIEMENS" in vendor:
        agrees = elements.whole("AcquisitionNumber", 0) - 1 == volume
        if agrees or not witnesses:
            return _agreed(volume, {"AcquisitionNumber": agrees})
    return _agreed(volume, witnesses)


def _agreed(volume: int, witnesses: dict[str, bool]) -> int:
    against = [name for name, agrees in witnesses.items() if not agrees]
    if against:
        raise InputError(
            problem(" and ".join(against), "another volume than InstanceNumber",
                    "instances numbered volume by volume", "Export as mosaic or enhanced DICOM.")
        )  # fmt: skip
    return volume


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
