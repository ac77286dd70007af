"""The peer: mne-lsl's StreamLSL on the same kind of stream (extra ``bench``).

It bundles a liblsl of its own, so it runs in a process of its own, without Phosphene.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

WINDOW_S, STEP_S = 1.0, 0.1


def configure(session: str) -> None:
    """Tell liblsl who sees whom, before it is loaded."""
    text = (
        "[multicast]\nResolveScope = machine\n[lab]\nKnownPeers = {127.0.0.1}\n"
        f"SessionID = {session}\n[log]\nlevel = -3\n"
    )
    path = Path(tempfile.mkdtemp()) / "lsl_api.cfg"
    path.write_text(text)
    os.environ["LSLAPICFG"] = str(path)
    os.environ["MNE_LSL_LOG_LEVEL"] = "ERROR"


def watch(source_id: str, fs: int, total: int, *, manual: bool) -> dict[str, Any]:
    """Fetch each window as soon as it is complete; return when each was there.

    Parameters
    ----------
    source_id : str
        The stream.
    fs : int
        Samples per second.
    total : int
        Samples to come.
    manual : bool
        True: acquire by hand right before get_data, the quickest way there is; False: leave it to
        the peer's own thread, every millisecond.
    """
    import psutil
    from mne_lsl import __version__
    from mne_lsl.stream import StreamLSL

    stream = StreamLSL(bufsize=5, source_id=source_id)
    stream.connect(acquisition_delay=None if manual else 0.001, timeout=20)
    names = stream.ch_names
    stream.set_channel_types({names[-1]: "misc"}, on_unit_change="ignore")
    eeg = names[:-1]
    stream.notch_filter(50.0, picks=eeg)
    stream.filter(1.0, 40.0, picks=eeg)
    stream.set_eeg_reference("average")
    print("ready", flush=True)
    process, begin = psutil.Process(), None
    window, step = round(WINDOW_S * fs), round(STEP_S * fs)
    due, found = window - 1, []
    limit_s = time.monotonic() + total / fs + 40
    while due < total and time.monotonic() < limit_s:
        if manual:
            stream.acquire()
        data, _ = stream.get_data(winsize=WINDOW_S)
        newest = int(data[-1, -1])
        if newest >= due and np.isfinite(data).all():
            now = time.monotonic()
            while due <= newest:
                found.append((due, now))
                due += step
            if begin is None and newest > 5 * fs:
                begin = (now, process.cpu_times())
        time.sleep(0.0005)
    spent = process.cpu_times()
    assert begin is not None
    used_s = spent.user + spent.system - begin[1].user - begin[1].system
    stream.disconnect()
    cpu = 100 * used_s / (time.monotonic() - begin[0])
    return {"found": found, "cpu_percent": cpu, "version": __version__}


if __name__ == "__main__":
    configure(sys.argv[1])
    result = watch(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), manual=sys.argv[5] == "manual")
    Path(sys.argv[6]).write_text(json.dumps(result))
