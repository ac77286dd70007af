"""Enhanced MR files: one frame per slice, and one volume or many in a file."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from acquisition.sources.dicom.clock import clock_of, seconds_of
from acquisition.sources.dicom.elements import Elements
from acquisition.sources.dicom.frames import Frames
from acquisition.sources.geometry import Parsed, even_step, plausible_times, stack_affine
from phosphene.errors import InputError, problem

__all__ = ["parse_enhanced"]

_SAME_MM = 0.05
_NO_MAGNITUDE = frozenset(["PHASE", "REAL", "IMAGINARY"])


def parse_enhanced(elements: Elements, frames: Frames) -> list[Parsed]:
    """Take pixels, place and timing of every volume in a file.

    Frames are put in order of their position along the slice normal, whatever their order in the
    file. Several frames for one position belong to several volumes, which are told apart by their
    temporal position; only whole volumes are returned.

    Parameters
    ----------
    elements : Elements
        Of the file.
    frames : Frames
        Its pixels.

    Raises
    ------
    InputError
        If an element is missing or malformed, or if the frames are no volumes of evenly spaced
        parallel slices, or cannot be told apart in time.
    """
    groups = elements.items("PerFrameFunctionalGroupsSequence")
    shared = next(iter(elements.items("SharedFunctionalGroupsSequence")), None)
    if len(groups) != frames.count:
        raise InputError(
            problem("PerFrameFunctionalGroupsSequence", f"{len(groups)} items",
                    f"{frames.count}, one per frame", "Copy the file again.")
        )  # fmt: skip
    keep = [k for k, group in enumerate(groups) if _is_magnitude(group, shared)]
    if not keep:
        raise InputError(problem("frames", "no magnitude", "magnitude images", "Export these."))
    groups = [groups[k] for k in keep]
    cosines = _one_orientation(groups, shared)
    normal = np.cross(cosines[:3], cosines[3:])
    centres = np.asarray(
        [_in(g, shared, "PlanePositionSequence").numbers("ImagePositionPatient", 3) for g in groups]
    )
    measures = _in(groups[0], shared, "PixelMeasuresSequence")
    volumes = _volumes(elements, groups, centres @ normal)
    tr_s = _in(groups[0], shared, "MRTimingAndRelatedParametersSequence").number("RepetitionTime")
    out = []
    for index, order in volumes:
        step = even_step(centres[order], normal, measures.number("SliceThickness"))
        stored = frames.some(np.asarray(keep)[order])
        times = [_moment(groups[k]) for k in order]
        known = [t for t in times if t is not None]
        out.append(
            Parsed(
                # (frames, rows, columns) -> (columns, rows, slices)
                data=_rescale(stored, [groups[k] for k in order], shared).transpose(2, 1, 0),
                affine=stack_affine(
                    list(cosines), measures.numbers("PixelSpacing", 2), centres[order[0]], step
                ),
                index=index,
                tr_s=tr_s / 1000,
                slice_times_s=plausible_times(times, tr_s / 1000),
                clock_s=min(known) if known else clock_of(elements),
            )
        )
    return out


def _in(group: Elements, shared: Elements | None, name: str) -> Elements:
    """First item of a functional group, which may be per frame or shared."""
    for place in (group, shared):
        if place is not None and name in place:
            return place.items(name)[0]
    raise InputError(problem(name, "nothing", "a functional group", "Export it again."))


def _is_magnitude(group: Elements, shared: Elements | None) -> bool:
    for place in (group, shared):
        if place is not None and "MRImageFrameTypeSequence" in place:
            kind = place.items("MRImageFrameTypeSequence")[0].text("ComplexImageComponent")
            return kind not in _NO_MAGNITUDE
    return True


def _one_orientation(groups: list[Elements], shared: Elements | None) -> npt.NDArray[np.float64]:
    """Orientation of all frames; one file may hold slabs in several, which are no volume."""
    raw = {
        bytes(_in(g, shared, "PlaneOrientationSequence").value("ImageOrientationPatient"))
        for g in groups
    }
    found = _in(groups[0], shared, "PlaneOrientationSequence")
    if len(raw) > 1:
        raise InputError(
            problem("ImageOrientationPatient", f"{len(raw)} in one file", "parallel slices",
                    "Export each slab as a series of its own.")
        )  # fmt: skip
    return np.asarray(found.numbers("ImageOrientationPatient", 6))


def _volumes(
    elements: Elements, groups: list[Elements], places: npt.NDArray[np.float64]
) -> list[tuple[int, npt.NDArray[np.intp]]]:
    """Index of each whole volume, and its frames in order of place."""
    order = np.argsort(places, kind="stable")
    apart = np.diff(places[order]) > _SAME_MM
    slots = np.empty(len(places), np.intp)
    slots[order] = np.concatenate([[0], np.cumsum(apart)])
    n_slices = int(slots.max()) + 1
    if n_slices == len(places):
        return [(elements.whole("InstanceNumber") - 1, order)]
    members: dict[int, dict[int, int]] = defaultdict(dict)
    for k, time in enumerate(_temporal_positions(groups, slots)):
        members[time][int(slots[k])] = k
    return [
        (time - 1, np.asarray([by_slot[slot] for slot in range(n_slices)]))
        for time, by_slot in sorted(members.items())
        if len(by_slot) == n_slices
    ]


def _temporal_positions(groups: list[Elements], slots: npt.NDArray[np.intp]) -> list[int]:
    """Temporal position of each frame, from 1.

    It is given outright (but some scanners write 1 throughout), or it is the one dimension index
    that tells frames of the same place apart.
    """
    contents = [next(iter(g.items("FrameContentSequence")), None) for g in groups]
    columns = [[c.whole("TemporalPositionIndex", 0) if c else 0 for c in contents]]
    indices = [c.numbers("DimensionIndexValues") if c and "DimensionIndexValues" in c else ()
               for c in contents]  # fmt: skip
    columns += [[int(v) for v in column] for column in zip(*indices, strict=False)]
    n_frames = len(groups)
    telling = [
        column
        for column in columns
        if min(column) > 0 and len(set(zip(column, slots.tolist(), strict=True))) == n_frames
    ]
    if not telling or (telling[0] is not columns[0] and len(telling) > 1):
        raise InputError(
            problem("TemporalPositionIndex", "frames that cannot be told apart in time",
                    "one frame for each place and time",
                    "Export echoes and dynamics as series of their own, or as classic DICOM.")
        )  # fmt: skip
    return telling[0]


def _rescale(
    stored: npt.NDArray[np.generic], groups: list[Elements], shared: Elements | None
) -> npt.NDArray[np.generic]:
    name = "PixelValueTransformationSequence"
    if name not in groups[0] and (shared is None or name not in shared):
        return stored
    pairs = [_in(group, shared, name) for group in groups]
    slope = np.asarray([p.number("RescaleSlope", 1.0) for p in pairs], np.float32)
    offset = np.asarray([p.number("RescaleIntercept", 0.0) for p in pairs], np.float32)
    if (slope == 1).all() and (offset == 0).all():
        return stored
    return stored.astype(np.float32) * slope[:, None, None] + offset[:, None, None]


def _moment(group: Elements) -> float | None:
    content = next(iter(group.items("FrameContentSequence")), None)
    return seconds_of(content.text("FrameAcquisitionDateTime")) if content else None
