"""Senders on real sockets, into real bridge and acquisition processes."""

from __future__ import annotations

import socket
import subprocess
import sys

import numpy as np
import psutil
import pytest

from acquisition.simulate.send_afni import AfniSender
from acquisition.sources.tcp.afni_header import AfniHeader
from phosphene.clock import MonotonicClock
from tests.system.acquisition_rig import Rig

VOLUMES, TR_S = 8, 0.5
HOST = "127.0.0.1"


@pytest.fixture
def port() -> int:
    """Find a port that is free, and below which one is free too."""
    for number in range(20000, 30000, 7):
        try:
            with socket.create_server((HOST, number)), socket.create_server((HOST, number - 1)):
                return number
        except OSError:
            continue
    raise AssertionError("no free ports")


def listening(rig: Rig, port: int) -> None:
    """Start the chain, and let a stranger speak first."""
    rig.start("acquisition", "bridge")
    rig.go("acquisition", "bridge")
    with socket.create_connection((HOST, port), 5) as stranger:
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n\0")
    rig.until(lambda: rig.count("bridge", "foreign_files") == 1)


def held(rig: Rig, port: int) -> list[int]:
    """Return which of the two ports the bridge has sockets at."""
    bridge = psutil.Process(rig.processes["bridge"].pid)
    found = (c.laddr.port for c in bridge.net_connections("tcp"))
    return [number for number in found if number in (port, port - 1)]


def session(kind: str, port: int) -> dict[str, object]:
    return {"person": "t", "modality": "fmri", "source": {"kind": kind, "port": port}}


def test_a_scanner_that_speaks_vsend_is_followed_and_its_gap_is_counted(port: int) -> None:
    with Rig(session("vsend", port), mode="live") as rig:
        listening(rig, port)
        command = [sys.executable, "-m", "acquisition.simulate", "scanner", "--vendor", "vsend"]
        command += ["--to", f"{HOST}:{port}", "--volumes", str(VOLUMES), "--tr", str(TR_S)]
        command += ["--matrix", "24x24x10", "--speed", "8", "--drop", "5"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        rig.until(lambda: len(rig.features()) == VOLUMES - 1)
        assert [m.header.index for m in rig.features()] == [0, 1, 2, 3, 4, 6, 7]
        assert [m.header.t_data for m in rig.features()][-1] == VOLUMES * TR_S
        rig.until(lambda: rig.count("bridge", "gaps") == 1)
        rig.until(lambda: held(rig, port) == [port])


def test_a_sender_for_afni_is_followed_and_hangs_up_without_a_trace(port: int) -> None:
    noise = np.random.default_rng(0).normal(0, 8, (VOLUMES, 20, 20, 10))
    data = np.where(np.hypot(*np.mgrid[-10:10, -10:10])[..., None] < 7, 800, 20) + noise
    affine = np.diag([3.0, 3.0, 4.0, 1.0])
    header = AfniHeader((20, 20, 10), affine, np.dtype("<i2"), TR_S, by_slice=True)
    with Rig(session("afni", port), mode="live") as rig:
        listening(rig, port)
        with AfniSender(HOST, port, header, MonotonicClock()) as sender:
            for volume in data:
                sender.send(volume.astype(np.int16))
            rig.until(lambda: len(rig.features()) == VOLUMES)
        assert [m.header.index for m in rig.features()] == list(range(VOLUMES))
        rig.until(lambda: held(rig, port) == [port])
        assert rig.count("bridge", "truncated") == 0
