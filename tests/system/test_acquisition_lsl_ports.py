"""Streams of a machine on which many programs look for streams are found all the same."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import socket, sys
import pylsl
from acquisition.lsl.config import LslConfig, configure_lsl
from acquisition.lsl.formats import marker_info

configure_lsl(LslConfig(session_id=sys.argv[2]))
def free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True

if sys.argv[1] == "search":
    held = [pylsl.ContinuousResolver(pred=f"source_id='none-{k}'") for k in range(24)]
    while any(map(free, range(16572, 16604))):  # those that programs ask at by default
        pass
else:
    held = [pylsl.StreamOutlet(marker_info(f"{sys.argv[2]}-{k}")) for k in range(6)]
print("there", flush=True)
sys.stdin.read()
"""
LOOK = """
import sys
import pylsl
from acquisition.lsl.config import LslConfig, configure_lsl

configure_lsl(LslConfig(session_id=sys.argv[1]))
for k in range(6):
    print(len(pylsl.resolve_bypred(f"source_id='{sys.argv[1]}-{k}'", 1, 10.0)))
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    """Start a program that holds searches or outlets until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "there\n"
    return process


def test_outlets_are_found_while_others_search(tmp_path: object) -> None:
    session = f"ports-{id(tmp_path)}"
    with started("search", "others") as search, started("offer", session) as offer:
        look = [sys.executable, "-c", LOOK, session]
        found = subprocess.run(look, capture_output=True, text=True, timeout=60, check=True)
        assert found.stdout == "1\n" * 6
        for process in (offer, search):
            process.communicate(timeout=20)
