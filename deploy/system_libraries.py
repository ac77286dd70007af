"""Tell which system libraries the window needs and lacks; as root on Debian, install them.

With ``--display`` also those of a virtual X display, on which tests look at the windows. Runs
before anything is installed, so it uses the standard library only.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys

LIBRARIES = {
    "EGL": "libegl1",
    "GL": "libgl1",
    "xkbcommon": "libxkbcommon0",
    "fontconfig": "libfontconfig1",
    "dbus-1": "libdbus-1-3",
    "glib-2.0": "libglib2.0-0",
}


DISPLAY_LIBRARIES = {
    "xcb-cursor": "libxcb-cursor0",
    "xcb-icccm": "libxcb-icccm4",
    "xcb-image": "libxcb-image0",
    "xcb-keysyms": "libxcb-keysyms1",
    "xcb-render-util": "libxcb-render-util0",
    "xkbcommon-x11": "libxkbcommon-x11-0",
}


def missing(*, display: bool = False) -> list[str]:
    """Return the Debian packages of the libraries that are absent."""
    wanted = LIBRARIES | (DISPLAY_LIBRARIES if display else {})
    found = [p for name, p in wanted.items() if ctypes.util.find_library(name) is None]
    return [*found, "xvfb"] if display and shutil.which("Xvfb") is None else found


def main() -> int:
    """Install what is missing where that is possible, otherwise say what to install."""
    packages = missing(display="--display" in sys.argv[1:])
    if not packages:
        return 0
    line = "apt-get install -y " + " ".join(packages)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"== system libraries of the window are missing: {line}", flush=True)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], line.split()):
            if subprocess.run(command, check=False, env=environment, **quiet).returncode != 0:
                print(f"   '{' '.join(command)}' failed; headless runs work without them")
                return 0
        return 0
    print(f"== missing system libraries; the window needs: sudo {line}")
    print("   headless runs and all other tests work without them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
