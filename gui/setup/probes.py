"""The real looks at files, processes, clocks and devices. No Qt."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gui.setup.streams import Streams
from gui.setup.subject import Probes, Subject
from phosphene.bundle import Bundle
from phosphene.clock import utc_now
from phosphene.consent import Consent, consent_beside, load_consent
from phosphene.consent.signing import require_consent
from phosphene.doctor import Finding
from phosphene.doctor_swap import swap_finding
from phosphene.engines.choose import why_not_here
from phosphene.filters.look import filter_finding
from phosphene.live_bundle import live_bundle
from phosphene.seal.places import LOG, state_folder
from phosphene.seal.present import times_of
from phosphene.session_check import source_findings
from phosphene.session_gate import StopSettings
from phosphene.session_grid import grid_finding
from phosphene.session_look import renderer_findings
from phosphene.session_seal import key_finding, seal_findings
from phosphene.stop.sources import Source, open_sources

__all__ = ["World", "free_bytes", "synchronised", "why_not_readable", "why_not_writable"]

_JITTER = timedelta(minutes=1)
_TIME_ERROR = 5
"""What `adjtimex` returns for a clock that follows no time server (linux/timex.h)."""


def free_bytes(path: Path) -> int:
    """Return the free bytes where a folder is or will be."""
    return shutil.disk_usage(_nearest(path)).free


def why_not_writable(folder: Path) -> str:
    """Tell why a folder cannot be made or written; empty where it can. Nothing is made."""
    place = _nearest(folder)
    if not place.is_dir():
        return f"{place} is not a folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written"


def why_not_readable(path: Path) -> str:
    """Tell why a recording cannot be read; empty where it can."""
    if not path.exists():
        return "does not exist"
    return "" if os.access(path, os.R_OK) else "cannot be read"


def synchronised() -> bool | None:
    """Tell whether this machine's clock follows a time server; None where nobody knows."""
    try:
        state = ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def _nearest(path: Path) -> Path:
    """Return the deepest folder or file on the way to a path that is there."""
    at = path.absolute()
    while not at.exists() and at != at.parent:
        at = at.parent
    return at


class World:
    """Looks that keep something between two of them; one thread uses them, and closes them.

    Parameters
    ----------
    monotonic : Callable
        Clock in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._streams = Streams(monotonic)
        self._stamp: tuple[object, ...] = ()
        self._held: Bundle | None = None
        self._stop: StopSettings | None = None
        self._devices: list[Source] = []
        self._presses = 0

    def probes(self) -> Probes:
        """Return all looks."""
        return Probes(
            source=source_findings,
            streams=self._look_for_streams,
            free_bytes=free_bytes,
            why_not_writable=why_not_writable,
            why_not_readable=why_not_readable,
            renderer=renderer_findings,
            engine=why_not_here,
            bundle=self._bundle,
            grid=grid_finding,
            consent=_consent,
            now=utc_now,
            clock_trouble=_clock_trouble,
            synchronised=synchronised,
            presses=self._count_presses,
            locked=_locked,
            seal=seal_findings,
            swap=swap_finding,
            filter=filter_finding,
        )

    def close(self) -> None:
        """Let the devices go and end what is still looking; the run needs them."""
        self._streams.close()
        self._close_devices()

    def _look_for_streams(self, subject: Subject) -> Sequence[Finding] | None:
        if subject.file is None:
            return ()
        return self._streams.look(subject.file, subject.lsl_session)

    def _bundle(self, subject: Subject) -> Bundle | None:
        """Read the decoder when it, or what it has to fit, is another one."""
        if subject.bundle is None:
            return None
        files = sorted(subject.bundle.iterdir()) if subject.bundle.is_dir() else [subject.bundle]
        seen = [(file.name, file.stat().st_mtime_ns) for file in files]
        session = subject.session
        fits = () if session is None else (session.person, session.modality, session.results)
        stamp = (subject.bundle, *fits, *seen)
        if stamp != self._stamp:
            self._stamp = ()
            self._held = Bundle.load(subject.bundle) if session is None else live_bundle(session)
            self._stamp = stamp
        return self._held

    def _count_presses(self, settings: StopSettings) -> int:
        if settings != self._stop:
            self._close_devices()
            self._presses = 0
            self._devices = open_sources(settings)
            self._stop = settings
        self._presses += sum(device.presses() for device in self._devices)
        return self._presses

    def _close_devices(self) -> None:
        for device in self._devices:
            device.close()
        self._devices, self._stop = [], None


def _consent(subject: Subject) -> Consent | None:
    path = subject.consent
    if path is None and subject.mode == "replay" and subject.recording is not None:
        path = consent_beside(subject.recording)
    if path is None:
        return None
    consent = load_consent(path)
    if subject.session is not None:
        require_consent(consent, subject.session, subject.mode)
    return consent


def _locked(subject: Subject) -> Finding | None:
    if subject.bundle is None or subject.mode == "pilot":
        return None
    return key_finding(subject.bundle, subject.key, typed=subject.typed)


def _clock_trouble(at: datetime) -> str:
    """Tell that the clock has gone back; a console may well have been off for weeks."""
    newest = max(times_of(state_folder() / LOG, ()).values(), default=at)
    if at >= newest - _JITTER:
        return ""
    return f"the clock is before the newest line of the audit log ({newest:%Y-%m-%d %H:%M} UTC)"
