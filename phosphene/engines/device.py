"""Which NVIDIA GPU this machine has: its name and compute capability, asked of the driver."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

__all__ = ["NONE", "Device", "device_here", "why_no_driver"]

_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver's interface."""


@dataclass(frozen=True)
class Device:
    """A GPU.

    Attributes
    ----------
    name : str
        As its maker calls it.
    capability : str
        Compute capability, such as ``8.9``.
    """

    name: str
    capability: str


NONE = Device("no GPU", "")


def why_no_driver() -> str | None:
    """Say that there is no NVIDIA driver; None where there is one."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver"
    return None


def device_here() -> Device:
    """Return the first GPU, or `NONE`."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return NONE
    device, name = ctypes.c_int(), ctypes.create_string_buffer(256)
    major, minor = ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    if failed:
        return NONE
    return Device(name.value.decode("ascii", "replace"), f"{major.value}.{minor.value}")
