"""Held for export: nothing leaves before a release and its delay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.errors import ConfigError, ConsentError, SealError
from phosphene.release import (
    DELAY_S,
    RELEASE_FILE,
    release,
    require_release,
    why_held,
    withdraw,
)

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class Log:
    """An audit log that keeps its lines in memory; `broken` says why it cannot be written."""

    def __init__(self, broken: str = "") -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.broken = broken

    def __call__(self, what: str, _folder: Path | None = None, **facts: Any) -> str:
        self.lines.append((what, facts))
        return self.broken


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_run_is_held_until_its_release_and_the_delay_are_over(tmp_path: Path) -> None:
    log = Log()
    assert "until somebody releases it" in why_held(tmp_path, "r", NOW)
    release(tmp_path, "r", "AB", NOW, log)
    assert why_held(tmp_path, "r", later(1)) == "it is held until 12:00:30 UTC"
    assert why_held(tmp_path, "r", later(DELAY_S)) == ""
    require_release(tmp_path / "recording.mcap", "r", later(DELAY_S))
    assert "another run" in why_held(tmp_path, "other", later(60))
    assert "future" in why_held(tmp_path, "r", later(-1))
    withdraw(tmp_path, "r", log)
    with pytest.raises(ConsentError, match="held until somebody"):
        require_release(tmp_path, "r", later(60))
    assert log.lines == [
        ("released for export", {"run": "r", "by": "AB"}),
        ("held for export", {"run": "r"}),
    ]
    assert (tmp_path / RELEASE_FILE).exists() is False


@given(st.binary(max_size=60))
def test_a_release_that_cannot_be_read_holds(tmp_path_factory: Any, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk")
    (folder / RELEASE_FILE).write_bytes(junk)
    assert why_held(folder, "r", NOW) == "its release cannot be read: release it again"


def test_without_a_name_or_a_line_in_the_log_nothing_is_released(tmp_path: Path) -> None:
    for name in ("", "  ", "x" * 33):
        with pytest.raises(ConfigError, match="--by"):
            release(tmp_path, "r", name, NOW, Log())
    with pytest.raises(SealError, match="no room"):
        release(tmp_path, "r", "AB", NOW, Log("no room"))
    assert why_held(tmp_path, "r", later(60)) != ""
    assert not (tmp_path / RELEASE_FILE).exists()


def test_a_release_is_for_its_owner_only(tmp_path: Path) -> None:
    release(tmp_path, "r", "AB", NOW, Log())
    assert (tmp_path / RELEASE_FILE).stat().st_mode & 0o077 == 0
    assert "p01" not in (tmp_path / RELEASE_FILE).read_text()
