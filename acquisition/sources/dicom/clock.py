"""Times of the scanner's own clock; only their differences leave the reader."""

from __future__ import annotations

import re
from datetime import datetime

from acquisition.sources.dicom.elements import Elements

__all__ = ["DAY_S", "clock_of", "seconds_of"]

DAY_S = 86400.0
_DAY_0 = datetime(2000, 1, 1).toordinal()
"""Counting days from here keeps the microseconds of a date and time exact enough."""
_DATE_TIME = re.compile(r"(\d{14})(\.\d{1,6})?")
_TIME = re.compile(r"(\d\d):?(\d\d):?(\d\d(?:\.\d{1,6})?)")


def seconds_of(text: str) -> float | None:
    """Return the seconds of a time of day, or of a date and time, that DICOM writes as text.

    Examples
    --------
    >>> seconds_of("000130.5")
    90.5
    """
    found = _DATE_TIME.match(text)
    if found is not None:
        try:
            moment = datetime.strptime(found[1], "%Y%m%d%H%M%S")
        except ValueError:
            return None
        of_day = moment.hour * 3600 + moment.minute * 60 + moment.second
        return (moment.toordinal() - _DAY_0) * DAY_S + of_day + float(found[2] or 0)
    found = _TIME.match(text)
    if found is None:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


def clock_of(elements: Elements) -> float | None:
    """Return the acquisition time of an image, as a time of day in seconds."""
    for name in ("AcquisitionDateTime", "AcquisitionTime", "ContentTime"):
        seconds = seconds_of(elements.text(name))
        if seconds is not None:
            return seconds % DAY_S
    return None
