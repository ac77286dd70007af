"""Tells in words what Qt would only abort over: no display, or a missing system library. No Qt."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Mapping

from phosphene.errors import ConfigError, check_all, problem

__all__ = ["PACKAGES", "check_display", "explain_import"]

PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""Shared library to Debian package (Ubuntu 24.04 and Debian 13 say libglib2.0-0t64)."""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def check_display(
    environment: Mapping[str, str] = os.environ, loads: Callable[[str], bool] = _loads
) -> None:
    """Check that a window can be shown.

    Parameters
    ----------
    environment : mapping
        Environment variables.
    loads : Callable
        Tells whether a shared library can be loaded.

    Raises
    ------
    ConfigError
        If there is no display, or the X11 plug-in misses libraries (all are named).
    """
    if not sys.platform.startswith("linux"):
        return
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    if not any(environment.get(name) for name in names):
        raise ConfigError(
            problem("display", None, "a running desktop", "Run with --headless to have no window.")
        )
    platform = environment.get("QT_QPA_PLATFORM", "")
    if platform.startswith("xcb") or (not platform and not environment.get("WAYLAND_DISPLAY")):
        wanted = [lib for lib in PACKAGES if "xcb" in lib or "x11" in lib]
        missing = [lib for lib in wanted if not loads(lib)]
        check_all([_install(lib) for lib in missing], ConfigError, "system libraries of the window")


def explain_import(error: ImportError) -> ConfigError:
    """Turn a failed import of Qt into words: which package to install."""
    found = re.search(r"(lib[\w.+-]+\.so[\w.]*)", str(error))
    if found is None:
        cure = "Install it with: pip install PySide6-Essentials pyqtgraph"
        return ConfigError(problem("gui", str(error), "PySide6 and pyqtgraph", cure))
    return ConfigError(_install(found.group(1)))


def _install(library: str) -> str:
    package = PACKAGES.get(library, f"the package that holds {library}")
    return problem("library", library, "installed", f"Install it with: apt-get install {package}")
