"""What a JSON file beside an image tells of its timing; nothing else of it is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from nibabel.filename_parser import splitext_addext

from phosphene.errors import InputError, problem

__all__ = ["Sidecar", "parse_sidecar", "sidecar_beside", "sidecar_in", "stem_of"]

_LONGEST = 2**22


class Sidecar(msgspec.Struct, frozen=True):
    """Timing as BIDS names it.

    Attributes
    ----------
    tr_s : float or None
        Repetition time in seconds.
    slice_times_s : tuple of float or None
        Time of each slice along the third axis, in seconds.
    """

    tr_s: float | None = msgspec.field(default=None, name="RepetitionTime")
    slice_times_s: tuple[float, ...] | None = msgspec.field(default=None, name="SliceTiming")
    direction: str = msgspec.field(default="k", name="SliceEncodingDirection")

    def along_k(self, slices: int) -> tuple[float, ...] | None:
        """Return the slice times if there is one for each slice of the third axis."""
        if self.slice_times_s is None or len(self.slice_times_s) != slices:
            return None
        if not self.direction.startswith("k"):
            return None
        return self.slice_times_s[::-1] if self.direction == "k-" else self.slice_times_s


def parse_sidecar(*raws: bytes, shown: str) -> Sidecar:
    """Read one sidecar, or several of which later ones win.

    Raises
    ------
    InputError
        If one is no JSON object, or a value is not what BIDS says.
    """
    merged: dict[str, Any] = {}
    try:
        for raw in raws:
            merged |= msgspec.json.decode(raw[:_LONGEST], type=dict[str, Any])
        return msgspec.convert(merged, Sidecar)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InputError(
            problem(shown, str(error), "a BIDS sidecar (JSON)", "Correct or remove it.")
        ) from error


def stem_of(name: str) -> str:
    """Return a file's name without ``.nii``, ``.nii.gz``, ``.json`` and their like."""
    stem: str = splitext_addext(Path(name).name)[0]
    return stem


def sidecar_beside(image: Path) -> Sidecar:
    """Read the JSON file of the same name; empty where there is none."""
    own = image.with_name(f"{stem_of(image.name)}.json")
    return parse_sidecar(own.read_bytes(), shown=own.name) if own.is_file() else Sidecar()


def sidecar_in(folder: Path) -> Sidecar:
    """Read the only JSON file of a folder of volumes; empty where there is none, or several."""
    found = sorted(folder.glob("*.json"))
    if len(found) != 1:
        return Sidecar()
    try:
        return parse_sidecar(found[0].read_bytes(), shown=found[0].name)
    except (InputError, OSError):
        return Sidecar()  # some other program's file
