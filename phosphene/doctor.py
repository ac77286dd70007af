"""The checks behind ``phosphene doctor``; each gives a finding with the exact fix."""

from __future__ import annotations

import ctypes.util
import os
import platform
import re
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

from phosphene.bus import RunFolder
from phosphene.errors import PhospheneError

__all__ = ["CHECKS", "SYSTEM_LIBRARIES", "Check", "Finding", "missing_libraries"]

Level = Literal["ok", "hint", "warning", "error"]
LOW_DISK_GIB = 5.0
LSL_PORT = 16571

SYSTEM_LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon": "libxkbcommon0",
    "fontconfig": "libfontconfig1",
    "dbus-1": "libdbus-1-3",
    "glib-2.0": "libglib2.0-0",
}


@dataclass(frozen=True)
class Finding:
    """What a check has found.

    Attributes
    ----------
    level : str
        ``ok``, ``hint`` (only to be known), ``warning`` or ``error``.
    text : str
        What is the case.
    fix : str
        What to do; empty when all is well.
    """

    level: Level
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """A named check; ``slow`` ones take seconds."""

    name: str
    look: Callable[[], Finding]
    slow: bool = False


def missing_libraries() -> list[str]:
    """Return the Debian packages of the system libraries that Qt needs and that are absent."""
    return [
        package
        for library, package in SYSTEM_LIBRARIES.items()
        if ctypes.util.find_library(library) is None
    ]


def _python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("error", text, "use Python 3.11, 3.12 or 3.13")
    return Finding("ok", text)


def _packages() -> Finding:
    try:
        wanted = [r for r in requires("phosphene") or [] if "extra ==" not in r]
    except PackageNotFoundError:
        return Finding("error", "phosphene itself is not installed", "pip install .")
    missing = []
    for requirement in wanted:
        name = re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0]
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("error", "missing: " + ", ".join(missing), "pip install .")
    return Finding("ok", f"phosphene {version('phosphene')} with {len(wanted)} packages")


def _qt_version() -> Finding:
    found = version("PySide6-Essentials")
    if found in ("6.11.0", "6.11.1", "6.12.0"):
        return Finding(
            "error", f"PySide6 {found} crashes", 'pip install "PySide6-Essentials==6.11.3"'
        )
    return Finding("ok", f"PySide6 {found}")


def _libraries() -> Finding:
    missing = missing_libraries()
    if missing:
        return Finding(
            "warning",
            "the window needs system libraries that are missing (headless runs work)",
            "apt-get install " + " ".join(missing),
        )
    return Finding("ok", "system libraries of the window are there")


def _display() -> Finding:
    name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if name:
        return Finding("ok", f"display {name}")
    return Finding("warning", "no display; runs are headless", "set DISPLAY, or use --headless")


def _lsl() -> Finding:
    import pylsl

    session = f"phosphene-doctor-{uuid.uuid4().hex[:8]}"
    pylsl.set_config_content(
        f"[lab]\nKnownPeers = {{127.0.0.1}}\nSessionID = {session}\n"
        "[multicast]\nResolveScope = machine\n[log]\nlevel = -2\n"
    )
    info = pylsl.StreamInfo("doctor", "test", 1, 100, "float32", session)
    outlet = pylsl.StreamOutlet(info)
    seen = pylsl.resolve_byprop("source_id", session, minimum=1, timeout=5.0)
    del outlet
    if not seen:
        return Finding(
            "error",
            "a loopback stream was not seen within 5 s",
            f"allow UDP {LSL_PORT} and TCP/UDP 16572-16604 on this machine's own addresses",
        )
    return Finding("ok", f"loopback stream seen (liblsl {pylsl.library_version()})")


def _gpu() -> Finding:
    from phosphene.engines.choose import ENGINES, why_not_built, why_not_here

    reasons = {name: why_not_here(name) for name in ENGINES if name != "auto"}
    able = ", ".join(name for name, reason in reasons.items() if reason is None)
    not_able = "; ".join(f"{name}: {reason}" for name, reason in reasons.items() if reason)
    text = f"run here: {able}" + (f" (not {not_able})" if not_able else "")
    missing = why_not_built()
    text += "; engine files are " + (f"not built here: {missing}" if missing else "built here")
    if shutil.which("nvidia-smi") is None:
        return Finding("ok", f"no NVIDIA GPU; {text}")
    if reasons["cuda"] is not None and reasons["torch"] is not None:
        return Finding("warning", f"a GPU, but {text}", 'pip install "phosphene[gpu]"')
    return Finding("ok", text)


def _weights() -> Finding:
    root = Path(__file__).resolve().parent
    wanted = [root / "data" / "world_encoder.onnx", root.parent / "renderer" / "weights"]
    missing = [str(p) for p in wanted if not p.exists()]
    if missing:
        return Finding("error", "missing: " + ", ".join(missing), "pip install --force-reinstall .")
    return Finding("ok", "shipped model weights are there")


def _disk() -> Finding:
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    if free_gib < LOW_DISK_GIB:
        return Finding("warning", f"{free_gib:.1f} GiB free here", "free some space, or use --out")
    return Finding("ok", f"{free_gib:.0f} GiB free here")


def _run_folder() -> Finding:
    try:
        folder = RunFolder.create(f"doctor-{uuid.uuid4().hex[:6]}")
    except (OSError, PhospheneError) as error:
        return Finding("error", f"no private run folder: {error}", "set XDG_RUNTIME_DIR")
    where = folder.path.parent
    folder.remove()
    return Finding("ok", f"private sockets below {where}")


def _temporary() -> Finding:
    try:
        with tempfile.NamedTemporaryFile():
            pass
    except OSError as error:
        return Finding("error", f"no temporary file: {error}", "set TMPDIR to a writable folder")
    return Finding("ok", f"temporary files in {tempfile.gettempdir()}")


def _swap() -> Finding:
    from phosphene.doctor_swap import swap_finding

    return swap_finding()


def _audit() -> Finding:
    from phosphene.doctor_audit import second_place_finding

    return second_place_finding()


def _ports() -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", LSL_PORT))
        except OSError:
            return Finding("ok", f"UDP {LSL_PORT} is in use, by LSL as a rule")
    return Finding("ok", f"UDP {LSL_PORT} (LSL discovery) is free; ZeroMQ uses no network port")


CHECKS = (
    Check("Python", _python),
    Check("packages", _packages),
    Check("Qt", _qt_version),
    Check("libraries", _libraries),
    Check("display", _display),
    Check("LSL", _lsl, slow=True),
    Check("engines", _gpu),
    Check("weights", _weights),
    Check("disk", _disk),
    Check("sockets", _run_folder),
    Check("temporary files", _temporary),
    Check("ports", _ports),
    Check("swap", _swap),
    Check("audit log", _audit),
)
