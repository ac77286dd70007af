"""The few calls of the CUDA driver that an engine file needs: memory, copies, a stream."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from phosphene.errors import ConfigError, problem

__all__ = ["Gpu"]

Array = npt.NDArray[Any]


class Gpu:
    """The first NVIDIA GPU, through its driver library.

    Raises
    ------
    ConfigError
        If there is no driver or no GPU.
    """

    def __init__(self) -> None:
        try:
            self._driver = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise _no_gpu(str(error)) from error
        self._context = ctypes.c_void_p()
        device = ctypes.c_int()
        self._call("cuInit", 0)
        self._call("cuDeviceGet", ctypes.byref(device), 0)
        self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._context), device)
        self._call("cuCtxSetCurrent", self._context)
        stream = ctypes.c_void_p()
        self._call("cuStreamCreate", ctypes.byref(stream), 0)
        self.stream = int(stream.value or 0)

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes."""
        address = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return address.value

    def upload(self, address: int, array: Array) -> None:
        """Copy an array to the GPU, in order with what else is on the stream."""
        held = np.ascontiguousarray(array)
        pointer = held.ctypes.data_as(ctypes.c_void_p)
        size = ctypes.c_size_t(held.nbytes)
        # The thread that runs an engine may not be the one that has opened it.
        self._call("cuCtxSetCurrent", self._context)
        # Not asynchronous: the array may be gone when the call returns.
        self._call("cuMemcpyHtoD_v2", ctypes.c_uint64(address), pointer, size)

    def download(self, address: int, array: Array) -> None:
        """Wait for the stream and fill an array from the GPU."""
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.stream))
        pointer = array.ctypes.data_as(ctypes.c_void_p)
        size = ctypes.c_size_t(array.nbytes)
        self._call("cuMemcpyDtoH_v2", pointer, ctypes.c_uint64(address), size)

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._driver, name)(*arguments)
        if status != 0:
            raise _no_gpu(f"{name} gave CUDA error {status}")


def _no_gpu(got: str) -> ConfigError:
    return ConfigError(problem("GPU", got, "an NVIDIA GPU with its driver", "Use the engine cpu."))
