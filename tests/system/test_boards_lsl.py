"""BrainFlow's synthetic board in another process, read as any EEG stream."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from itertools import pairwise

import numpy as np
import pylsl
import pytest

from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.inlet import EegInlet

pytest.importorskip("brainflow")


def test_the_synthetic_board_is_a_regular_stream() -> None:
    configure_lsl(LslConfig(session_id=f"phosphene-test-{os.getpid()}"))
    source = f"board-{uuid.uuid4().hex[:8]}"
    board = subprocess.Popen(
        [sys.executable, "-m", "acquisition.simulate", "eeg", "--board", "SYNTHETIC",
         "--source-id", source, "--session", f"phosphene-test-{os.getpid()}", "--seconds", "60"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    inlet = EegInlet((source,), time.monotonic)
    try:
        layout = inlet.open(20.0)
        assert layout.fs_hz == 250.0
        assert layout.channel_names[:3] == ("Fz", "C3", "Cz")
        rows, stamps, indices = 0, [], []
        end_s = time.monotonic() + 10
        while rows < 250 and time.monotonic() < end_s:
            for chunk in inlet.pull(0.5):
                rows += len(chunk.data)
                assert np.isfinite(chunk.data).all()
                stamps += chunk.stamps_s.tolist()
                indices.append((chunk.first_index, len(chunk.data)))
        assert rows >= 250
        assert inlet.n_lost == 0
        assert all(a + n == b for (a, n), (b, _) in pairwise(indices))
        age_s = pylsl.local_clock() - stamps[-1]
        assert -0.005 < age_s < 5.0  # BrainFlow's UNIX stamps are on the LSL clock now
    finally:
        inlet.close()
        board.send_signal(signal.SIGTERM)
        said, _ = board.communicate(timeout=10)
    assert "switched off" in said
