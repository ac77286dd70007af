from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pytest
from PySide6.QtGui import QPainter
from pytestqt.qtbot import QtBot

from gui.pictures import PicturePanel


@pytest.mark.parametrize(
    ("picture_px", "side_px", "smooth"), [(64, 320, False), (256, 320, True), (256, 128, True)]
)
def test_pixels_are_drawn_as_they_are_only_at_whole_multiples(
    qtbot: QtBot, picture_px: int, side_px: int, smooth: bool
) -> None:
    panel = PicturePanel("frames", side_px)
    qtbot.addWidget(panel)
    panel.show_picture(np.zeros((picture_px, picture_px, 3), np.uint8))
    hint = QPainter.RenderHint.SmoothPixmapTransform
    assert bool(panel.view.renderHints() & hint) is smooth
    panel.set_side(2 * picture_px)
    assert not panel.view.renderHints() & hint
