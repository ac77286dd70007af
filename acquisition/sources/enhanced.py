"""Enhanced MR files (Siemens XA): one volume per file, one frame per slice."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from acquisition.sources.geometry import Parsed, pixels, stack_affine
from phosphene.errors import InputError, problem

__all__ = ["EnhancedParser"]

_UNEVEN_MM = 0.01
_DATE_TIME = re.compile(r"(\d{14})(\.\d{1,6})?")


class EnhancedParser:
    """Parses enhanced files; keeps nothing between them."""

    def parse(self, dataset: Dataset) -> Parsed:
        """Take pixels, place and timing from an enhanced file.

        Frames are put in order of their position along the slice normal, whatever their order in
        the file.

        Parameters
        ----------
        dataset : Dataset
            With all its pixel data.

        Raises
        ------
        AttributeError, IndexError, TypeError, ValueError
            If an element is missing or malformed.
        InputError
            If the frames are not one volume of evenly spaced parallel slices.
        """
        frames = list(dataset.PerFrameFunctionalGroupsSequence)
        shared = dataset.SharedFunctionalGroupsSequence[0]
        groups = [frames[0], shared]
        cosines = _find(groups, "PlaneOrientationSequence").ImageOrientationPatient
        normal = np.cross(np.asarray(cosines[:3], float), np.asarray(cosines[3:], float))
        centres = np.asarray(
            [[float(v) for v in f.PlanePositionSequence[0].ImagePositionPatient] for f in frames]
        )
        order = np.argsort(centres @ normal, kind="stable")
        measures = _find(groups, "PixelMeasuresSequence")
        step = _slice_step(centres[order], normal, float(measures.SliceThickness))
        timing = _find(groups, "MRTimingAndRelatedParametersSequence")
        # (frames, rows, columns) -> (columns, rows, slices)
        data = _rescale(pixels(dataset, len(frames)), frames, shared)[order].transpose(2, 1, 0)
        return Parsed(
            data=data,
            affine=stack_affine(
                [float(v) for v in cosines], measures.PixelSpacing, centres[order[0]], step
            ),
            tr_s=float(timing.RepetitionTime) / 1000,
            slice_times_s=_slice_times(frames, order),
        )


def _find(groups: list[Dataset], name: str) -> Dataset:
    """First item of a functional group, which may be per frame or shared."""
    for group in groups:
        if name in group:
            return group[name].value[0]  # type: ignore[no-any-return]
    raise ValueError(f"no {name}")


def _slice_step(
    centres: npt.NDArray[np.float64], normal: npt.NDArray[np.float64], thickness_mm: float
) -> npt.NDArray[np.float64]:
    if len(centres) == 1:
        return normal * thickness_mm
    steps = np.diff(centres, axis=0)
    if np.abs(steps - steps.mean(0)).max() > _UNEVEN_MM or np.linalg.norm(steps[0]) < _UNEVEN_MM:
        raise InputError(
            problem("frames", "uneven positions", "one volume of evenly spaced slices per file",
                    "Export one volume per file.")
        )  # fmt: skip
    mean: npt.NDArray[np.float64] = (centres[-1] - centres[0]) / (len(centres) - 1)
    return mean


def _rescale(
    stored: npt.NDArray[np.generic], frames: list[Dataset], shared: Dataset
) -> npt.NDArray[np.generic]:
    name = "PixelValueTransformationSequence"
    if name in shared:
        pairs = [shared[name].value[0]] * len(frames)
    elif name in frames[0]:
        pairs = [frame[name].value[0] for frame in frames]
    else:
        return stored
    slope = np.asarray([float(p.RescaleSlope) for p in pairs], np.float32)
    offset = np.asarray([float(p.RescaleIntercept) for p in pairs], np.float32)
    if (slope == 1).all() and (offset == 0).all():
        return stored
    return stored.astype(np.float32) * slope[:, None, None] + offset[:, None, None]


def _slice_times(frames: list[Dataset], order: npt.NDArray[np.intp]) -> tuple[float, ...] | None:
    """Seconds of each slice after the first one, or None where the file does not say."""
    stamps = []
    for frame in frames:
        content = frame.get("FrameContentSequence")
        found = (
            _DATE_TIME.match(str(content[0].get("FrameAcquisitionDateTime"))) if content else None
        )
        if found is None:
            return None
        second = datetime.strptime(found[1], "%Y%m%d%H%M%S")
        stamps.append(second + timedelta(seconds=float(found[2] or 0)))
    first = min(stamps)
    return tuple((stamps[k] - first).total_seconds() for k in order)
