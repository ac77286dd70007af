"""Signed distances of plane shapes (negative inside), vectorised over a grid of points.

Exact distances for circles, boxes, capsules and convex polygons' half planes; the ellipse is the
usual first-order estimate, which is exact on its outline and good enough for anti-aliasing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

Grid = npt.NDArray[np.float32]
Point = tuple[float, float]


def _length(du: Grid, dv: Grid) -> Grid:
    length: Grid = np.sqrt(du * du + dv * dv)
    return length


def circle(u: Grid, v: Grid, centre: Point, radius: float) -> Grid:
    """Distance to a disc of the given radius."""
    du, dv = u - centre[0], v - centre[1]
    return _length(du, dv) - np.float32(radius)


def ellipse(u: Grid, v: Grid, centre: Point, radii: Point) -> Grid:
    """First-order distance to an axis-parallel ellipse with half axes `radii`."""
    du, dv = (u - centre[0]) / radii[0], (v - centre[1]) / radii[1]
    norm = _length(du, dv)
    return (norm - 1.0) * np.float32(min(radii))


def box(u: Grid, v: Grid, centre: Point, half: Point, corner: float = 0.0) -> Grid:
    """Distance to an axis-parallel box of half sides `half` with rounded corners."""
    du = np.abs(u - centre[0]) - (half[0] - corner)
    dv = np.abs(v - centre[1]) - (half[1] - corner)
    outside_u, outside_v = np.maximum(du, 0.0), np.maximum(dv, 0.0)
    outside = _length(outside_u, outside_v)
    inside: Grid = np.minimum(np.maximum(du, dv), 0.0)
    return outside + inside - np.float32(corner)


def capsule(u: Grid, v: Grid, start: Point, end: Point, radius: float) -> Grid:
    """Distance to a line from `start` to `end` thickened by `radius`, with round ends."""
    line_u, line_v = end[0] - start[0], end[1] - start[1]
    du, dv = u - start[0], v - start[1]
    along = np.clip((du * line_u + dv * line_v) / (line_u**2 + line_v**2), 0.0, 1.0)
    du -= along * line_u
    dv -= along * line_v
    return _length(du, dv) - np.float32(radius)


def ring(u: Grid, v: Grid, centre: Point, radius: float, width: float) -> Grid:
    """Distance to a ring of the given mean radius and full width."""
    return np.abs(circle(u, v, centre, radius)) - np.float32(width / 2)


def convex(u: Grid, v: Grid, corners: Sequence[Point]) -> Grid:
    """Distance to a convex polygon, corners counter-clockwise, as the deepest half plane."""
    distance: Grid | None = None
    for (u0, v0), (u1, v1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        side_u, side_v = u1 - u0, v1 - v0
        length = (side_u**2 + side_v**2) ** 0.5
        plane = (u - u0) * (side_v / length) - (v - v0) * (side_u / length)
        distance = plane if distance is None else np.maximum(distance, plane, out=distance)
    if distance is None:
        raise ConfigError(problem("corners", "none", "3 or more", "List them counter-clockwise."))
    return distance
