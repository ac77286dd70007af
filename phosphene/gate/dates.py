"""The latest date that a run has seen: it never goes back, so what has expired stays expired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["LatestDate"]

KEEP_EVERY = timedelta(seconds=1)


class LatestDate:
    """Holds the date against a clock that is set back.

    Parameters
    ----------
    seen : datetime or None
        What an earlier process has seen.
    keep : Callable or None
        Keeps a date for later processes: once a second, and the moment that a consent expires.
    expires : datetime or None
        End of the consent's validity.
    """

    def __init__(
        self,
        seen: datetime | None = None,
        keep: Callable[[datetime], None] | None = None,
        expires: datetime | None = None,
    ) -> None:
        self._latest = self._kept = seen
        self._keep, self._expires = keep, expires

    def of(self, wall: datetime) -> datetime:
        """Return the present date and time, or the latest one seen where the clock is behind it."""
        latest = wall if self._latest is None else max(self._latest, wall)
        self._latest = latest
        if self._keep is not None and self._worth_keeping(latest):
            self._keep(latest)
            self._kept = latest
        return latest

    def _worth_keeping(self, latest: datetime) -> bool:
        if self._kept is None or latest - self._kept >= KEEP_EVERY:
            return True
        return self._expires is not None and self._kept < self._expires <= latest
