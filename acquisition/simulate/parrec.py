"""Writes volumes as Philips PAR/REC dumps, version 4.2: one pair of files per dynamic.

Philips counts its axes posterior, superior, left ("ap, fh, rl") and turns them in the order that
nibabel's reader found by comparison with converted files: about ``fh``, then ``ap``, then ``rl``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.simulate.series import NOBODY, Series, as_stored
from phosphene.errors import ConfigError, problem

__all__ = ["parrec_files"]

_LPS_TO_PSL = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
_SLOPE, _GAIN = 0.5, 2
_COLUMNS = (
    "slice number                             (integer)",
    "echo number                              (integer)",
    "dynamic scan number                      (integer)",
    "cardiac phase number                     (integer)",
    "image_type_mr                            (integer)",
    "scanning sequence                        (integer)",
    "index in REC file (in images)            (integer)",
    "image pixel size (in bits)               (integer)",
    "scan percentage                          (integer)",
    "recon resolution (x y)                   (2*integer)",
    "rescale intercept                        (float)",
    "rescale slope                            (float)",
    "scale slope                              (float)",
    "window center                            (integer)",
    "window width                             (integer)",
    "image angulation (ap,fh,rl in degrees )  (3*float)",
    "image offcentre (ap,fh,rl in mm )        (3*float)",
    "slice thickness (in mm )                 (float)",
    "slice gap (in mm )                       (float)",
    "image_display_orientation                (integer)",
    "slice orientation ( TRA/SAG/COR )        (integer)",
    "fmri_status_indication                   (integer)",
    "image_type_ed_es  (end diast/end syst)   (integer)",
    "pixel spacing (x,y) (in mm)              (2*float)",
    "echo_time                                (float)",
    "dyn_scan_begin_time                      (float)",
    "trigger_time                             (float)",
    "diffusion_b_factor                       (float)",
    "number of averages                       (integer)",
    "image_flip_angle (in degrees)            (float)",
    "cardiac frequency   (bpm)                (integer)",
    "minimum RR-interval (in ms)              (integer)",
    "maximum RR-interval (in ms)              (integer)",
    "TURBO factor  <0=no turbo>               (integer)",
    "Inversion delay (in ms)                  (float)",
    "diffusion b value number    (imagekey!)  (integer)",
    "gradient orientation number (imagekey!)  (integer)",
    "contrast type                            (string)",
    "diffusion anisotropy type                (string)",
    "diffusion (ap, fh, rl)                   (3*float)",
    "label type (ASL)            (imagekey!)  (integer)",
)
"""Columns of an image line in version 4.2."""


def parrec_files(
    data: npt.NDArray[np.int16], series: Series, index: int
) -> list[tuple[str, bytes]]:
    """Write one dynamic: name and bytes of the REC file, then of the PAR file.

    Parameters
    ----------
    data : array of int16 (X, Y, Z)
        Intensities of 0 or more.
    series : Series
        Identifiers, timing and place.
    index : int
        Number of the volume, from 0.

    Raises
    ------
    ConfigError
        If the grid is mirrored; PAR files have no way to say so.
    """
    stack, lps = as_stored(data, series.affine)
    name = f"Dump-{index:04d}"
    folder = f"{series.series_number:04d}"
    pixels = (_GAIN * stack.transpose(2, 1, 0)).astype("<i2").tobytes()
    text = _header(name, series, index, stack.shape, lps)
    return [
        (f"{folder}/{name}.rec", pixels),
        (f"{folder}/{name}.par", text.encode("ascii")),
    ]


def _general(
    series: Series,
    index: int,
    shape: tuple[int, ...],
    lps: npt.NDArray[np.float64],
    angles: npt.NDArray[np.float64],
) -> dict[str, object]:
    size = np.linalg.norm(lps[:3, :3], axis=0)
    centre = lps[:3, :3] @ ((np.asarray(shape) - 1) / 2) + lps[:3, 3]
    fov = np.asarray([size[1] * shape[1], size[2] * shape[2], size[0] * shape[0]])
    return {
        "Patient name": NOBODY,
        "Examination name": NOBODY,
        "Protocol name": "synthetic",
        "Examination date/time": "2000.01.01 / 12:00:00",
        "Series Type": "Image   MRSERIES",
        "Acquisition nr": index + 1,
        "Reconstruction nr": 1,
        "Scan Duration [sec]": 0,
        "Max. number of cardiac phases": 1,
        "Max. number of echoes": 1,
        "Max. number of slices/locations": shape[2],
        "Max. number of dynamics": 1,
        "Max. number of mixes": 1,
        "Patient position": "Head First Supine",
        "Preparation direction": "Anterior-Posterior",
        "Technique": "FEEPI",
        "Scan resolution  (x, y)": f"{shape[0]}  {shape[1]}",
        "Scan mode": "MS",
        "Repetition time [ms]": f"{1000 * series.tr_s:.3f}",
        "FOV (ap,fh,rl) [mm]": _numbers(fov),
        "Water Fat shift [pixels]": "0.000",
        "Angulation midslice(ap,fh,rl)[degr]": _numbers(angles),
        "Off Centre midslice(ap,fh,rl) [mm]": _numbers(_LPS_TO_PSL @ centre),
        "Flow compensation <0=no 1=yes> ?": 0,
        "Presaturation     <0=no 1=yes> ?": 0,
        "Phase encoding velocity [cm/sec]": "0.000  0.000  0.000",
        "MTC               <0=no 1=yes> ?": 0,
        "SPIR              <0=no 1=yes> ?": 0,
        "EPI factor        <0,1=no EPI>": shape[1] - 1,
        "Dynamic scan      <0=no 1=yes> ?": 1,
        "Diffusion         <0=no 1=yes> ?": 0,
        "Diffusion echo time [ms]": "0.0000",
        "Max. number of diffusion values": 1,
        "Max. number of gradient orients": 1,
        "Number of label types   <0=no ASL>": 0,
    }


def _header(
    name: str, series: Series, index: int, shape: tuple[int, ...], lps: npt.NDArray[np.float64]
) -> str:
    angles = _angles(lps[:3, :3] / np.linalg.norm(lps[:3, :3], axis=0))
    general = _general(series, index, shape, lps, angles)
    lines = [
        f"# === DATA DESCRIPTION FILE {'=' * 54}",
        "#",
        f"# Dataset name: {name}",
        "#",
        "# CLINICAL TRYOUT             Research image export tool     V4.2",
        "#",
        f"# === GENERAL INFORMATION {'=' * 56}",
        "#",
        *(f".    {key:<35}:   {value}" for key, value in general.items()),
        "#",
        f"# === PIXEL VALUES {'=' * 61}",
        "#  PV = pixel value in REC file, FP = floating point value, DV = displayed value on "
        "console",
        "#  RS = rescale slope,           RI = rescale intercept,    SS = scale slope",
        "#  DV = PV * RS + RI             FP = DV / (RS * SS)",
        "#",
        f"# === IMAGE INFORMATION DEFINITION {'=' * 45}",
        "#  The rest of this file contains ONE line per image, this line contains the following "
        "information:",
        "#",
        *(f"#  {column}" for column in _COLUMNS),
        "#",
        f"# === IMAGE INFORMATION {'=' * 58}",
        "#",
        "",
        *(_line(k, series, index, shape, lps, angles) for k in range(shape[2])),
        "",
        f"# === END OF DATA DESCRIPTION FILE {'=' * 47}",
        "",
    ]
    return "\r\n".join(lines)


def _line(
    k: int,
    series: Series,
    index: int,
    shape: tuple[int, ...],
    lps: npt.NDArray[np.float64],
    angles: npt.NDArray[np.float64],
) -> str:
    size = np.linalg.norm(lps[:3, :3], axis=0)
    middle = np.asarray([(shape[0] - 1) / 2, (shape[1] - 1) / 2, k])
    centre = _LPS_TO_PSL @ (lps[:3, :3] @ middle + lps[:3, 3])
    # value = (stored * slope + 0) = displayed; slope * scale slope = 1 makes the other rule agree
    scaling = f"0.00000 {_SLOPE:.5f} {1 / _SLOPE:.5f}"
    begin_s = index * series.tr_s
    return (
        f"{k + 1} 1 1 1 0 2 {k} 16 100 {shape[0]} {shape[1]} {scaling} 1000 2000 "
        f"{_numbers(angles)} {_numbers(centre)} {size[2]:.6f} 0.000 0 1 0 2 "
        f"{size[0]:.6f} {size[1]:.6f} 30.00 {begin_s:.4f} 0.00 0.00 1 60.00 0 0 0 1 0.0 1 1 0 0 "
        "0.000 0.000 0.000 1"
    )


def _angles(unit: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Angles about ap, fh, rl in degrees of (column, row, slice) directions in LPS, (3, 3)."""
    # columns run left, rows posterior, slices superior in an upright transverse stack
    turn = _LPS_TO_PSL @ unit @ _LPS_TO_PSL.T
    if np.linalg.det(turn) < 0:
        raise ConfigError(
            problem("affine", "mirrored", "a right-handed grid", "Choose another vendor.")
        )
    # turn = Rz(rl) Rx(ap) Ry(fh)
    ap = np.arcsin(np.clip(turn[2, 1], -1, 1))
    fh = np.arctan2(-turn[2, 0], turn[2, 2])
    rl = np.arctan2(-turn[0, 1], turn[1, 1])
    return np.degrees([ap, fh, rl])


def _numbers(values: npt.NDArray[np.float64]) -> str:
    return "  ".join(f"{v:.6f}" for v in values)
