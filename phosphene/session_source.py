"""Where brain data comes from: the source table of a session file."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["LOCALHOST", "SourceSettings"]

LOCALHOST = "127.0.0.1"
_PORTS = {"vsend": 15000, "afni": 7954}
_FOLDERS, _NETWORK = ("folder", "dicom-folder"), tuple(_PORTS)
# Settings that only some kinds use; anything else would be accepted and do nothing.
_ONLY_OF: dict[str, tuple[str, ...]] = {
    "path": (*_FOLDERS, "recording"),
    "host": _NETWORK,
    "port": _NETWORK,
    "allowed_hosts": _NETWORK,
    "run": ("recording",),
    "events": ("recording",),
    "poll_s": _FOLDERS,
    "series": _FOLDERS,
    "images": (*_FOLDERS, "vsend"),
    "echo": (*_FOLDERS, "recording"),
    "trigger": (*_FOLDERS, *_NETWORK),
    "trigger_skip": (*_FOLDERS, *_NETWORK),
}


class SourceSettings(BaseModel):
    """Where brain data comes from.

    Parameters
    ----------
    kind : str
        ``folder`` (that a scanner writes to, in any format; also called ``dicom-folder``),
        ``vsend`` (MURFI's protocol over TCP), ``afni`` (AFNI's real-time protocol over TCP),
        ``recording`` (any file or folder that `phosphene replay` reads) or ``lsl-eeg`` (a live LSL
        stream).
    path : Path or None
        Folder or recording.
    host : str
        Address of this machine at which ``vsend`` and ``afni`` listen.
    port : int or None
        Port at which they listen; None takes the usual one, 15000 for ``vsend`` and 7954 for
        ``afni`` (whose sender names a second port, usually 7953, for the data).
    allowed_hosts : tuple of str
        Addresses or networks (``192.168.2.0/24``) that may send; all others are turned away.
    source_ids : tuple of str
        Exact LSL source ids that may be taken: for EEG first its stream, then marker streams; for
        fMRI marker streams, among them one with the scanner's pulses.
    run : str or None
        Which run of a recording that holds several, for instance ``"12"``.
    events : Path or None
        BIDS ``events.tsv`` that tells what was shown, instead of one beside the recording.
    labels : dict
        Renames marker labels, for instance ``{"1": "house"}``.
    poll_s : float or None
        Look at the folder at this interval in seconds, whatever it lies on. None waits for file
        events on a local disk and looks ten times a second on a network share, which raises none.
    series : int or None
        Number of the DICOM series to take; None takes the series that comes first.
    images : str
        Where the scanner sends each volume twice, as measured and corrected for motion: ``first``
        takes those that come first, or ``original`` or ``moco``.
    echo : int
        Which echo to take where the scanner measures several.
    trigger : str
        Text of the markers that are the scanner's pulses, one for each volume.
    trigger_skip : int
        Pulses before the first volume that is sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["folder", "dicom-folder", "vsend", "afni", "recording", "lsl-eeg"]
    path: Path | None = None
    host: str = LOCALHOST
    port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    allowed_hosts: tuple[str, ...] = (LOCALHOST,)
    source_ids: tuple[str, ...] = ()
    run: str | None = None
    events: Path | None = None
    labels: dict[str, str] = {}
    poll_s: Annotated[float, Field(gt=0, le=60)] | None = None
    series: Annotated[int, Field(ge=0)] | None = None
    images: Literal["first", "original", "moco"] = "first"
    echo: Annotated[int, Field(ge=1, le=64)] = 1
    trigger: str = "trigger"
    trigger_skip: Annotated[int, Field(ge=0, le=1000)] = 0

    @property
    def folder(self) -> bool:
        """Whether a scanner writes files into a folder."""
        return self.kind in ("folder", "dicom-folder")

    @property
    def usual_port(self) -> int | None:
        """Port to listen at, None for kinds that do not."""
        return self.port or _PORTS[self.kind] if self.kind in _PORTS else None

    @property
    def live_volumes(self) -> bool:
        """Whether volumes come as a scanner measures them."""
        return self.folder or self.kind in _PORTS

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "lsl-eeg" and not self.source_ids:
            raise ValueError("kind 'lsl-eeg' needs source_ids, the exact id of the EEG stream")
        if self.kind == "recording" and self.source_ids:
            raise ValueError("kind 'recording' has its own events and takes no source_ids")
        if (self.folder or self.kind == "recording") and self.path is None:
            raise ValueError(f"kind {self.kind!r} needs a path")
        if self.kind in _PORTS:
            self._check_addresses()
        self._check_idle()
        return self

    def _check_idle(self) -> None:
        """Refuse what this kind would silently ignore."""
        fields = type(self).model_fields
        idle = [
            f"{name} (only of kind {', '.join(kinds)})"
            for name, kinds in _ONLY_OF.items()
            if self.kind not in kinds and getattr(self, name) != fields[name].default
        ]
        if idle:
            raise ValueError(f"kind {self.kind!r} does not use {'; '.join(idle)}; remove it")

    def _check_addresses(self) -> None:
        wrong = [f"host {self.host!r}"] if _network(self.host, ip_address) is None else []
        wrong += [
            f"allowed host {h!r}" for h in self.allowed_hosts if _network(h, ip_network) is None
        ]
        if wrong or not self.allowed_hosts:
            raise ValueError(
                f"{', '.join(wrong) or 'no allowed host'}; host takes an address, allowed_hosts "
                "take addresses or networks such as 192.168.2.0/24; names are not looked up"
            )


def _network(text: str, kind: Callable[[str], object]) -> object | None:
    try:
        return kind(text)
    except ValueError:
        return None
