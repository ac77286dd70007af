"""What tests of DICOM files share."""

from __future__ import annotations

import io

import pydicom

__all__ = ["edited"]


def edited(raw: bytes, **changes: object) -> bytes:
    """Return a file with other elements; None takes one away."""
    dataset = pydicom.dcmread(io.BytesIO(raw))
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()
