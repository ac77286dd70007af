"""The windows on a real X display: what stands on the screen is read from the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from phosphene.messages import View
from tests.system.chain import wait_for
from tests.system.test_gui_process import PATIENCE_S, Surroundings, around
from tests.system.xdisplay import XDisplay, x_display

__all__ = ["around"]

pytestmark = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
ODD = (250, 10, 240)
"""A colour that no window of ours has."""
LEAST_PIXELS = 200 * 200


@pytest.fixture
def display(tmp_path: Path) -> Iterator[XDisplay]:
    with x_display(tmp_path) as found:
        yield found


def odd_pixels(display: XDisplay) -> int:
    return int((display.pixels() == ODD).all(axis=2).sum())


def keep(display: XDisplay, name: str) -> None:
    """Keep what is on the screen where PHOSPHENE_SCREENSHOTS says so."""
    if folder := os.environ.get("PHOSPHENE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(display.pixels())).save(Path(folder) / f"{name}.png")


def test_the_window_stands_on_the_screen_and_goes_blank(
    around: Surroundings, display: XDisplay
) -> None:
    gui = subprocess.Popen(
        [sys.executable, "-m", "gui", "--plan", str(around.plan_file)],
        env=display.environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    picture = np.full((64, 64, 3), ODD, np.uint8)
    try:
        around.until(lambda: any(b.state == "ready" for b in around.beats))
        around.command("go")
        around.until(lambda: odd_pixels(display) >= LEAST_PIXELS, lambda: around.show(picture))
        keep(display, "xvfb-window")
        now = around.context.clock.now()
        blank = {"sink": "operator", "passing": False, "reason": "blank", "passed": 1}
        around.operator.send(around.context.message(View, t_acquired=now, **blank))
        around.until(lambda: odd_pixels(display) == 0)
        keep(display, "xvfb-window-blank")
        around.command("stop")
        assert gui.wait(PATIENCE_S) == 0
    finally:
        gui.kill()
        words = gui.communicate()[1]
    assert "Traceback" not in words


def test_the_console_opens_whole_on_a_small_screen(display: XDisplay, tmp_path: Path) -> None:
    environment = {**display.environment(), "XDG_CONFIG_HOME": str(tmp_path / "config"),
                   "PHOSPHENE_STATE": str(tmp_path / "state")}  # fmt: skip
    console = subprocess.Popen(
        [sys.executable, "-m", "phosphene.cli", "console"],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        # The screen is black before; a window of ours has words and panels all over it.
        wait_for("the console", lambda: drawn(display) > 0.5, PATIENCE_S)
        keep(display, "xvfb-console")
        console.send_signal(signal.SIGTERM)
        assert console.wait(PATIENCE_S) == 0
    finally:
        console.kill()
        words = console.communicate()[1]
    assert "Traceback" not in words


def drawn(display: XDisplay) -> float:
    """Return the share of the screen that is not black."""
    return float(display.pixels().any(axis=2).mean())
