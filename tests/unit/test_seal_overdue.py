"""What is kept longer than was promised is told at each start."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from phosphene.seal.overdue import overdue_words
from tests.unit.report_bench import PROGRAMME, Script, write

UNTIL = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_recording_is_overdue_from_its_day_on(tmp_path: Path) -> None:
    script = Script(PROGRAMME)
    write(tmp_path / "a", [script.start(keep_until=UNTIL.isoformat()), script.stop()])
    write(tmp_path / "b", [script.start(), script.stop()])
    assert overdue_words(tmp_path, UNTIL.replace(hour=11)) == ""
    words = overdue_words(tmp_path, UNTIL)
    assert words.startswith("1 recording(s)") and f"phosphene purge {tmp_path}" in words


def test_where_nothing_can_lie_nothing_is_told(tmp_path: Path) -> None:
    assert overdue_words(None, UNTIL) == overdue_words(tmp_path / "missing", UNTIL) == ""
