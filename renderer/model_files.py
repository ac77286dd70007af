"""Folders of weights: model.json and the files that it names, each checked by its SHA-256."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from phosphene.errors import InputError

__all__ = ["Description", "ModelFiles"]


class _Space(msgspec.Struct):
    id: str
    sha256: str


class Description(msgspec.Struct):
    """What `model.json` says; further entries tell how the weights were trained.

    Attributes
    ----------
    space : struct
        Target space that the model paints: id and SHA-256 of its encoder.
    files : dict of str to str
        SHA-256 of each file.
    guidance : float
        How far c leads in one evaluation already, because it was trained so; 1 is no further than
        its own pull.
    """

    space: _Space
    files: dict[str, str]
    guidance: float = 1.0


class ModelFiles:
    """Reads a folder of weights.

    Parameters
    ----------
    folder : pathlib.Path
        Holds model.json.
    write_with : str
        Command that writes such a folder, for messages.

    Raises
    ------
    InputError
        If there is no model.json that can be read.
    """

    def __init__(self, folder: Path, write_with: str = "python -m renderer.train export") -> None:
        self._folder = folder
        self._cure = f"Install the package again, or write the files with `{write_with}`."
        try:
            text = (folder / "model.json").read_bytes()
            self.description = msgspec.json.decode(text, type=Description)
        except (OSError, msgspec.MsgspecError) as cause:
            raise InputError(
                f"weights in {folder} cannot be used: model.json: {cause}. {self._cure}"
            ) from cause

    def identity(self, name: str) -> str:
        """Return the beginning of a file's SHA-256, to name the model by."""
        return self.description.files.get(name, "")[:16]

    def content(self, name: str) -> bytes:
        """Return the bytes of a file of the folder.

        Raises
        ------
        InputError
            If it cannot be read or is not the one that model.json describes.
        """
        file = self._folder / name
        try:
            content = file.read_bytes()
        except OSError as cause:
            raise InputError(f"weights {file} cannot be read: {cause}. {self._cure}") from cause
        return self.checked(name, content, str(file))

    def checked(self, name: str, content: bytes, shown: str | None = None) -> bytes:
        """Return content from elsewhere, if it is what model.json describes by this name."""
        found = hashlib.sha256(content).hexdigest()
        wanted = self.description.files.get(name)
        if found != wanted:
            raise InputError(
                f"weights {shown or name} have SHA-256 {found}, model.json says {wanted}: the "
                "files do not belong together. Take both from the same export."
            )
        return content
