"""The window on a screen of high resolution, in Japanese: a process with its own environment."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.system.test_gui_process import PATIENCE_S, Surroundings, environment

WIDE_PX, HIGH_PX = 1264, 684


@pytest.mark.parametrize("scale", [1.25, 2.0])
def test_the_window_is_drawn_at_the_scale_of_its_screen(tmp_path: Path, scale: float) -> None:
    target = tmp_path / "window.png"
    with tempfile.TemporaryDirectory(prefix="ph-") as folder, ExitStack() as stack:
        around = Surroundings(Path(folder), stack)
        command = [sys.executable, "-m", "gui", "--plan", str(around.plan_file)]
        gui = subprocess.Popen(
            [*command, "--screenshot", str(target), "--after", "0.5"],
            env=environment(
                QT_QPA_PLATFORM="offscreen", QT_SCALE_FACTOR=f"{scale}", PHOSPHENE_LANGUAGE="ja"
            ),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            around.until(lambda: any(b.state == "ready" for b in around.beats))
            around.command("go")
            picture = np.full((64, 64, 3), (10, 200, 90), np.uint8)
            around.until(target.exists, lambda: around.show(picture))
            around.command("stop")
            assert gui.wait(PATIENCE_S) == 0
        finally:
            gui.kill()
            words = gui.communicate()[1]
    assert "Traceback" not in words
    shot = np.asarray(Image.open(target).convert("RGB"))
    assert shot.shape[:2] == (HIGH_PX * scale, WIDE_PX * scale)
    shown = (shot == picture[0, 0]).all(axis=2)
    rows, columns = np.nonzero(shown.any(axis=1))[0], np.nonzero(shown.any(axis=0))[0]
    assert np.ptp(rows) > 300 * scale
    assert np.ptp(columns) > 300 * scale
