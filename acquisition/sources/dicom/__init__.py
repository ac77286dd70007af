"""DICOM files of every vendor to volumes, and nothing of the person with them."""

from acquisition.sources.dicom.reader import DicomReader, series_of

__all__ = ["DicomReader", "series_of"]
