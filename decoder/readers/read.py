"""Opens a source that is already cut into trials, whatever kind of file it is."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

from msgspec import structs

from decoder.memory import Need, check_memory, fit_bytes
from decoder.readers.arrays import ArrayFile, open_arrays
from decoder.readers.epochs import EPOCH_ROLES, read_epoch_arrays, read_epoch_file
from decoder.readers.options import ReadOptions
from decoder.readers.pairs import ROLES, read_pairs, roles_of
from phosphene.dataset import PreparedData, read_prepared
from phosphene.errors import InputError, problem

__all__ = ["Kind", "kind_of", "read_source"]

Kind = Literal["prepared", "pairs", "epoch-arrays", "epoch-file"]

_PREPARED = {"meta", "responses", "runs", "t_data"}
_OWN_EPOCHS = {"epochs", "times", "channels"}


def kind_of(path: Path, options: ReadOptions | None = None) -> Kind:
    """Tell what kind of source a file is.

    Raises
    ------
    InputError
        If it is none of them.
    """
    suffix = path.suffix.lower()
    if suffix in (".fif", ".set"):
        return "epoch-file"
    if suffix not in (".npz", ".mat"):
        allowed = ".npz, .mat, -epo.fif, .set with epochs"
        raise InputError(problem(str(path), "an unknown kind of file", allowed, "Convert it."))
    return _kind_of_arrays(open_arrays(path), options or ReadOptions())


def read_source(
    path: Path, options: ReadOptions | None = None
) -> tuple[PreparedData, tuple[str, ...]]:
    """Read a source.

    Parameters
    ----------
    path : Path
        Prepared data, pairs of responses and stimuli (.npz, .mat), or epochs (.npz, -epo.fif,
        .set).
    options : ReadOptions, optional
        Names of arrays and so on; prepared data need none.

    Returns
    -------
    PreparedData
    tuple of str
        What the reader should know, in words.

    Raises
    ------
    InputError
        Listing what cannot be used; also if it would take more memory than it may.
    """
    options = options or ReadOptions()
    kind = kind_of(path, options)
    if kind == "prepared":
        held = sum(info.bytes for info in open_arrays(path).infos.values())
        check_memory(held, options.memory_bytes, str(path))
        return read_prepared(path), ()
    if kind == "epoch-file":
        _check_size(path.stat().st_size * 2, path, options)
        data, notes = read_epoch_file(path, options)
    else:
        file = open_arrays(path)
        _check_arrays(file, options)
        read = read_pairs if kind == "pairs" else read_epoch_arrays
        data, notes = read(file, options)
    with path.open("rb") as raw:
        sources = {path.name: hashlib.file_digest(raw, "sha256").hexdigest()}
    return replace(data, meta=structs.replace(data.meta, sources=sources)), notes


def _kind_of_arrays(file: ArrayFile, options: ReadOptions) -> Kind:
    if set(file.infos) >= _PREPARED:
        return "prepared"
    if "epochs" in options.arrays or set(file.infos) >= _OWN_EPOCHS:
        return "epoch-arrays"
    return "pairs"


def _check_arrays(file: ArrayFile, options: ReadOptions) -> None:
    names = roles_of(file, options, (*ROLES, *EPOCH_ROLES))
    raw = sum(file.infos[name].bytes for name in set(names.values()) if name in file)
    _check_size(raw, file.path, options)
    rows = features = 0
    for role in ("responses", "test_responses"):
        shape = file.infos[names[role]].shape if names.get(role) in file else ()
        if len(shape) == 2:
            rows, features = rows + shape[0], shape[1]
    check_memory(fit_bytes(Need(rows, features)), options.memory_bytes, str(file.path))


def _check_size(raw: int, path: Path, options: ReadOptions) -> None:
    check_memory(raw * 2, options.memory_bytes, str(path))
