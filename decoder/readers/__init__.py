"""Readers of data sets that are already cut into trials: arrays in .npz and .mat, epochs of EEG."""

from __future__ import annotations

from decoder.readers.options import ReadOptions
from decoder.readers.read import kind_of, read_source

__all__ = ["ReadOptions", "kind_of", "read_source"]
