"""What the fMRI benchmark measures on: the real series, SPM's results, known motion put in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.io import loadmat

from acquisition.fmri.rigid import centre_of, matrix_of, params_of
from acquisition.sources.dicom import DicomReader
from tests.finished_series import read_folder

Matrix = npt.NDArray[np.float64]
Series = npt.NDArray[np.float32]

# SPM aligned the series to this volume (it is the EPI template, voxel for voxel).
SPM_REFERENCE = 5
TR_S = 1.97
N_INJECTED = 40


class SkippedError(Exception):
    """A part cannot be measured here; says why."""


@dataclass(frozen=True)
class Real:
    """The Siemens mosaic series.

    Attributes
    ----------
    data : array of float32 (volumes, X, Y, Z)
    affine : array of float64 (4, 4)
    """

    data: Series
    affine: Matrix

    @property
    def centre(self) -> Matrix:
        """Middle of the volume in millimetres."""
        return centre_of(self.data.shape[1:], self.affine)

    @property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Edges of a voxel."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)

    @property
    def head(self) -> npt.NDArray[np.bool_]:
        """Voxels above 20 % of the 98th percentile of the reference."""
        reference = self.data[SPM_REFERENCE]
        head: npt.NDArray[np.bool_] = reference > 0.2 * np.percentile(reference, 98)
        return head


def folder_of(data: Path, name: str) -> Path:
    """Return a folder of the recordings, or say that it is absent."""
    folder = data / "fmri" / name
    if not folder.is_dir():
        raise SkippedError(f"the recording {name} is not at {folder} (set DATA)")
    return folder


def real_series(data: Path) -> Real:
    """Read all 155 volumes."""
    volumes = list(read_folder(folder_of(data, "siemens-mosaic") / "dicom", DicomReader(b"bench")))
    return Real(np.stack([v.data for v in volumes]), volumes[0].affine)


def rms(values: Matrix) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


# ---- SPM ---------------------------------------------------------------------------------------


def spm_matrix(numbers: Matrix) -> Matrix:
    """Where a volume has to go, from SPM's six numbers (mm, radian, about the world's origin)."""
    return matrix_of([*numbers[:3], *np.degrees(numbers[3:] * [-1, 1, -1])], np.zeros(3))


def spm_numbers(to: Matrix) -> Matrix:
    """Return SPM's six numbers of a matrix; inverse of `spm_matrix`."""
    numbers = params_of(to, np.zeros(3))
    numbers[3:] = np.radians(numbers[3:]) * [-1, 1, -1]
    return numbers


def spm_motion(data: Path) -> Matrix:
    """Return SPM's numbers for the series, (volumes, 6); each has those of the first taken off."""
    stored = loadmat(folder_of(data, "siemens-mosaic") / "reference" / "mc_matlab_dcm.mat")
    numbers: Matrix = stored["mc_series_matlab"]
    return numbers


def spm_volume(data: Path, name: str, variable: str) -> Series:
    """Return a volume that SPM made, in our order of axes."""
    stored = loadmat(folder_of(data, "siemens-mosaic") / "reference" / f"{name}.mat")
    return np.ascontiguousarray(stored[variable][::-1], np.float32)


def against_spm(matrices: npt.ArrayLike, data: Path, centre: Matrix) -> tuple[float, float]:
    """RMS difference from SPM over volumes and axes: mm at the centre, and degrees.

    Parameters
    ----------
    matrices : array (volumes, 4, 4)
        Reference to now, in millimetres, the reference being SPM's.
    data : Path
        Folder of the recordings.
    centre : array (3,)
        Where translations are compared.
    """
    ours = np.stack([spm_numbers(np.linalg.inv(m)) for m in np.asarray(matrices)])
    ours -= ours[0]
    at = [
        np.stack([params_of(np.linalg.inv(spm_matrix(n)), centre) for n in numbers])
        for numbers in (ours, spm_motion(data))
    ]
    difference = at[0] - at[1]
    return rms(difference[:, :3]), rms(difference[:, 3:])


# ---- known motion ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Injected:
    """Real volumes that were moved by known amounts.

    Attributes
    ----------
    source : array of int (N,)
        Number of the real volume.
    params : array of float64 (N, 6)
        Motion put in (mm, degrees, about the volume's centre).
    moved : array of float32 (N, X, Y, Z)
    """

    source: npt.NDArray[np.int64]
    params: Matrix
    moved: Series


def inject(real: Real, order: int = 5, n: int = N_INJECTED, seed: int = 0) -> Injected:
    """Move random volumes by up to 3 mm and 3 degrees on each axis, by a spline of an order."""
    rng = np.random.default_rng(seed)
    source = rng.integers(0, len(real.data), n)
    params = rng.uniform(-3, 3, (n, 6))
    moved = [
        move(real, real.data[k], matrix_of(p, real.centre), order)
        for k, p in zip(source, params, strict=True)
    ]
    return Injected(source, params, np.stack(moved))


def move(real: Real, volume: Series, matrix: Matrix, order: int) -> Series:
    """Return what the scanner would see after the head has moved by a matrix (in mm)."""
    back = np.linalg.inv(real.affine) @ np.linalg.inv(matrix) @ real.affine
    moved: Series = ndimage.affine_transform(
        volume.astype(np.float64), back[:3, :3], back[:3, 3], order=order, mode="nearest"
    ).astype(np.float32)
    return moved


def round_trip_error(real: Real, injected: Injected, order: int = 5, n: int = 4) -> float:
    """RMS change, in percent of the mean, of the head's inside after moving there and back."""
    inside = ndimage.binary_erosion(real.head, iterations=4)
    found = []
    for k, p, moved in zip(injected.source[:n], injected.params, injected.moved, strict=False):
        back = move(real, moved, np.linalg.inv(matrix_of(p, real.centre)), order)
        found.append(rms((back - real.data[k])[inside]) / float(real.data[k][inside].mean()))
    return 100 * float(np.mean(found))


def injected_errors(
    moved: npt.ArrayLike, unmoved: npt.ArrayLike, injected: Injected, centre: Matrix
) -> dict[str, float]:
    """Compare estimates of moved volumes with the motion put in, on top of where they were.

    Parameters
    ----------
    moved, unmoved : array (N, 4, 4)
        Estimates (reference to now, mm) of each volume after and before it was moved.
    injected : Injected
        The truth.
    centre : array (3,)
        Where translations are compared.
    """
    errors = []
    for now, before, p in zip(np.asarray(moved), np.asarray(unmoved), injected.params, strict=True):
        errors.append(params_of(now @ np.linalg.inv(matrix_of(p, centre) @ before), centre))
    found = np.stack(errors)
    mm, deg = np.linalg.norm(found[:, :3], axis=1), np.linalg.norm(found[:, 3:], axis=1)
    return {
        "mean_mm": float(mm.mean()),
        "mean_deg": float(deg.mean()),
        "max_mm": float(mm.max()),
        "max_deg": float(deg.max()),
        "lost": int(((mm > 1.0) | (deg > 1.0)).sum()),
        "n": len(found),
    }
