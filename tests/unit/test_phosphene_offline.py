"""Nothing calls home: no telemetry, no look for updates, no report of a crash."""

from __future__ import annotations

import subprocess
import sys

DENY = """
import importlib, pkgutil, sys

tried = []

def local(address):
    if not isinstance(address, tuple):
        return True  # a name in the file system
    return str(address[0]) in ("127.0.0.1", "::1", "localhost")

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto") and not local(arguments[-1]):
        tried.append((event, arguments[-1]))
        raise PermissionError(f"{event} {arguments[-1]}")
    if event in ("socket.getaddrinfo", "socket.gethostbyname") and not local((arguments[0],)):
        tried.append((event, arguments[0]))
        raise PermissionError(f"{event} {arguments[0]}")

sys.addaudithook(watch)
"""
CORE = """
import phosphene, phosphene.cli, phosphene.run, phosphene.report, phosphene.doctor
import phosphene.gate.node, phosphene.recorder.node, phosphene.marking
import acquisition.node, decoder.node, renderer.node
import numpy as np
from phosphene.cli import main
from phosphene.stimuli.encoder import space_hash
from phosphene.normalise import *
from phosphene.marking import png_bytes
png_bytes(np.zeros((8, 8, 3), np.uint8)); space_hash()
for command in (["keys", "--help"], ["live", "--help"]):
    try:
        main(command)
    except SystemExit:
        pass
print("TRIED", tried)
"""
WINDOWS = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
import gui, phosphene.network.joining, phosphene.network.watching
for part in pkgutil.walk_packages(gui.__path__, "gui."):
    if not part.name.endswith("__main__"):
        importlib.import_module(part.name)
from PySide6.QtWidgets import QApplication
application = QApplication([])
application.processEvents()
print("TRIED", tried)
"""
CATCHES = """
import socket
for call in (lambda: socket.create_connection(("192.0.2.1", 9), 0.1),
             lambda: socket.getaddrinfo("example.org", 80),
             lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 9))):
    try:
        call()
    except PermissionError:
        continue
    raise SystemExit("not denied")
print("TRIED", len(tried))
"""


def said(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DENY + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_the_watch_sees_whoever_calls() -> None:
    assert said(CATCHES) == "TRIED 3"


def test_loading_every_node_and_working_calls_nobody() -> None:
    assert said(CORE) == "TRIED []"


def test_loading_every_window_and_the_network_calls_nobody() -> None:
    assert said(WINDOWS) == "TRIED []"
