"""What starts with every run loads only what every run needs: users wait for it."""

from __future__ import annotations

import subprocess
import sys

STARTED = (
    "phosphene.cli",
    "phosphene.recorder.__main__",
    "phosphene.gate.__main__",
    "phosphene.sink.__main__",
    "acquisition.__main__",
    "acquisition.bridge.__main__",
    "acquisition.simulate.__main__",
    "decoder.__main__",
    "renderer.__main__",
    "gui.__main__",
)
SLOW = ("scipy.stats", "scipy.optimize", "scipy.signal", "scipy.interpolate", "matplotlib", "numba")
"""Each takes a quarter of a second or more; who needs one loads it where it is used."""


def loaded(modules: tuple[str, ...], slow: tuple[str, ...]) -> str:
    words = f"import sys, {', '.join(modules)}; print([m for m in {slow} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.strip()


def test_no_process_of_a_run_loads_what_it_may_not_need() -> None:
    assert loaded(STARTED, SLOW) == "[]"


def test_a_report_without_maps_loads_no_reader_of_scans() -> None:
    assert loaded(("phosphene.report",), ("nibabel", "pydicom")) == "[]"
