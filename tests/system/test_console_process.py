"""The console as a real process: it comes up, remembers little, and leaves nothing behind."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gui.preferences import KEPT
from tests.system.chain import wait_for

PATIENCE_S = 60.0


def environment(config: Path, **more: str) -> dict[str, str]:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    kept = {k: v for k, v in os.environ.items() if k not in hidden}
    return {**kept, "PHOSPHENE_CONFIG": str(config), **more}


def listens_to(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler of its own for a signal: its window is there."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def stands(pid: int) -> bool:
    """Return whether the console's window has every handler; the command before it has them too."""
    return "gui.console" in psutil.Process(pid).cmdline() and listens_to(pid, signal.SIGHUP)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_closes_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "phosphene.cli", "console", "--language", "ja"]
    before = set(tmp_path.iterdir())
    with subprocess.Popen(
        command,
        env=environment(tmp_path / "config", QT_QPA_PLATFORM="offscreen"),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as console:
        try:
            wait_for(
                "the window", lambda: console.poll() is not None or stands(console.pid), PATIENCE_S
            )
            assert console.poll() is None
            console.send_signal(number)
            assert console.wait(PATIENCE_S) == 0
        finally:
            console.kill()
        assert console.stderr is not None
        assert "Traceback" not in console.stderr.read()
    kept = configparser.ConfigParser()
    kept.read(tmp_path / "config" / "console.ini")
    names = {f"{section}/{name}" for section in kept.sections() for name in kept[section]}
    assert {name.removeprefix("General/") for name in names} <= set(KEPT)
    assert kept["General"]["language"] == "ja"
    assert set(tmp_path.iterdir()) - before == {tmp_path / "config"}


def test_without_a_display_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "phosphene.cli", "console"],
        env=environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "display" in done.stderr
    assert "Traceback" not in done.stderr
