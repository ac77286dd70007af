"""Named arrays of one file: .npz, .mat of version 5 (`scipy.io`) and of version 7.3 (`h5py`).

Shapes are read without the values, so that a file that is too large is refused before it fills the
memory.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.io
from numpy.lib import format as npy

from phosphene.errors import InputError, problem

__all__ = ["ArrayFile", "ArrayInfo", "open_arrays"]

Array = npt.NDArray[Any]

_HDF5_MARK = b"\x89HDF\r\n\x1a\n"
_MATLAB_HEADER = 512  # bytes that MATLAB writes before the HDF5 part of a 7.3 file
_KINDS = {"char": "text", "logical": "bool"}


@dataclass(frozen=True)
class ArrayInfo:
    """Shape, kind of values, and bytes of one array."""

    shape: tuple[int, ...]
    kind: str
    bytes: int

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape)) or 'one value'} {self.kind}"


@dataclass(frozen=True)
class ArrayFile:
    """A file of named arrays.

    Attributes
    ----------
    path : Path
        Where it lies.
    infos : mapping of str to ArrayInfo
        What it holds.
    """

    path: Path
    infos: Mapping[str, ArrayInfo]
    _load: Callable[[str], Array] = field(repr=False)

    def __contains__(self, name: object) -> bool:
        return name in self.infos

    def load(self, name: str) -> Array:
        """Read one array.

        Raises
        ------
        InputError
            If it cannot be read, or holds objects in place of values.
        """
        if self.path.suffix.lower() == ".npz" and self.infos[name].kind == "object":
            raise InputError(
                problem(f"{self.path}: {name}", "Python objects", "numbers or text",
                        f"Save it as text: {name}.astype(str).")
            )  # fmt: skip
        try:
            values = self._load(name)
        except (OSError, ValueError, KeyError, MemoryError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path}: array {name} cannot be read: {error}") from error
        if values.dtype == object:
            raise InputError(
                problem(f"{self.path}: {name}", "cells or structures", "numbers or text",
                        "Save it as a plain array.")
            )  # fmt: skip
        return values

    def held(self, names: Collection[str] | None = None) -> str:
        """Say what the file holds, all or some of it, for a message."""
        told = {name: info for name, info in self.infos.items() if names is None or name in names}
        return ", ".join(f"{name} ({info})" for name, info in told.items()) or "nothing"


def open_arrays(path: Path) -> ArrayFile:
    """Look into a file of arrays.

    Raises
    ------
    InputError
        If it cannot be read, or needs a package that is not installed.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix.lower() == ".npz":
            return _npz(path)
        with path.open("rb") as file:
            head = file.read(_MATLAB_HEADER + len(_HDF5_MARK))
        if head.startswith(_HDF5_MARK) or head[_MATLAB_HEADER:] == _HDF5_MARK:
            return _hdf5(path)
        return _mat5(path)
    except InputError:
        raise
    except Exception as error:  # scipy tells of damage by many kinds of error
        raise InputError(f"{path}: cannot be read: {error}") from error


def _npz(path: Path) -> ArrayFile:
    infos = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            with archive.open(entry) as file:
                shape, dtype = _npy_header(file)
            infos[entry.removesuffix(".npy")] = _info(shape, dtype)

    def load(name: str) -> Array:
        with np.load(path, allow_pickle=False) as held:
            found: Array = held[name]
            return found

    return ArrayFile(path, infos, load)


def _npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    return shape, dtype


def _info(shape: tuple[int, ...], dtype: np.dtype[Any]) -> ArrayInfo:
    kind = "text" if dtype.kind in "US" else dtype.name
    return ArrayInfo(tuple(shape), kind, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)


def _mat5(path: Path) -> ArrayFile:
    infos = {}
    for name, shape, kind in scipy.io.whosmat(path):
        try:
            size = np.dtype(kind).itemsize
        except TypeError:
            size = 1
        number = int(np.prod(shape, dtype=np.int64))
        infos[name] = ArrayInfo(tuple(shape), _KINDS.get(kind, kind), number * size)

    def load(name: str) -> Array:
        found: Array = scipy.io.loadmat(path, variable_names=[name], chars_as_strings=True)[name]
        if found.dtype == object and all(_is_text(cell) for cell in found.flat):
            return np.array([str(cell[0]) if len(cell) else "" for cell in found.flat])
        return np.char.strip(found) if found.dtype.kind == "U" else found

    return ArrayFile(path, infos, load)


def _is_text(cell: Any) -> bool:
    return isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size <= 1


def _hdf5(path: Path) -> ArrayFile:
    try:
        import h5py  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise InputError(
            problem(str(path), "a .mat file of version 7.3", "version 5, or the package h5py",
                    "Install h5py, or save the file in MATLAB with save(..., '-v7').")
        ) from error  # fmt: skip
    infos = {}
    with h5py.File(path, "r") as file:
        for name, held in file.items():
            if isinstance(held, h5py.Dataset):
                # MATLAB counts axes from the other end.
                infos[name] = _info(tuple(reversed(held.shape)), held.dtype)

    def load(name: str) -> Array:
        with h5py.File(path, "r") as file:
            held = file[name]
            if h5py.check_ref_dtype(held.dtype) is not None:
                # A cell array points to its cells; those of text are rows of characters.
                cells = [np.asarray(file[where]) for where in np.asarray(held).ravel()]
                if all(cell.dtype == np.uint16 for cell in cells):
                    return np.array(["".join(map(chr, cell.ravel())) for cell in cells])
            values: Array = np.asarray(held).T
            if held.attrs.get("MATLAB_class", b"") == b"char":
                return np.array(["".join(map(chr, row)).strip() for row in values])
            return values

    return ArrayFile(path, infos, load)
