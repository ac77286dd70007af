"""Reads the files of one series, whatever scanner wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from acquisition.fmri.volume import Volume
from acquisition.sources.assemble import Pending
from acquisition.sources.dicom import DicomReader
from acquisition.sources.identity import new_key
from acquisition.sources.nifti import NiftiReader
from acquisition.sources.parrec import ParRecReader

__all__ = ["NIFTI_ENDINGS", "PARREC_ENDINGS", "AnyReader"]

NIFTI_ENDINGS = (".nii", ".nii.gz", ".hdr", ".img", ".json")
PARREC_ENDINGS = (".par", ".rec")


class _Reader(Protocol):
    def read(self, raw: bytes, name: str) -> list[Volume]: ...


class AnyReader:
    """Knows NIfTI, Analyze and PAR/REC files by their endings; all others are taken for DICOM.

    Parameters
    ----------
    tr_s : float or None
        Repetition time in seconds for NIfTI files, which seldom say.
    key : bytes or None
        Random key of the run; None for a new one.
    folder : Path or None
        Where the files are: a JSON sidecar may lie there already.
    series_number, images, echo
        Which DICOM images to take, see `DicomReader`.
    """

    def __init__(
        self,
        tr_s: float | None = None,
        key: bytes | None = None,
        folder: Path | None = None,
        series_number: int | None = None,
        images: Literal["first", "original", "moco"] = "first",
        echo: int = 1,
    ) -> None:
        key = key or new_key()
        self._dicom = DicomReader(key, series_number, echo=echo, images=images)
        nifti, parrec = NiftiReader(tr_s or 0.0, key=key, folder=folder), ParRecReader(key)
        self._by_ending: dict[tuple[str, ...], _Reader] = {
            NIFTI_ENDINGS: nifti,
            PARREC_ENDINGS: parrec,
        }

    @property
    def counts(self) -> Mapping[str, int]:
        """What the DICOM reader counts, such as slices that came again."""
        return self._dicom.counts

    def read(self, raw: bytes, name: str) -> list[Volume]:
        """Read one file; see `acquisition.sources.folder.VolumeReader`."""
        lower = name.lower()
        for endings, reader in self._by_ending.items():
            if lower.endswith(endings):
                return reader.read(raw, name)
        return self._dicom.read(raw, name)

    def pending(self) -> Sequence[Pending]:
        """Return the volumes of which slices are still missing."""
        return self._dicom.pending()
