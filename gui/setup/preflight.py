"""All checks before a run, in their order, and whether it may begin. No Qt.

Of a finding's levels ``ok`` and ``hint`` are fine, ``warning`` is worth a look, ``error`` and
``waiting`` keep the run from beginning.
"""

from __future__ import annotations

from collections.abc import Sequence

from gui.setup import checks
from gui.setup.subject import Check, Probes, Row, Subject
from gui.texts import told, tr
from phosphene.errors import PhospheneError

__all__ = ["holds", "rows_of"]

_WITHOUT_SETTINGS = ("study", "clock", "screen")


def rows_of(subject: Subject, probes: Probes) -> tuple[Row, ...]:
    """Make every check that this kind of run has.

    Parameters
    ----------
    subject : Subject
        The run that is to begin.
    probes : Probes
        What looks at the world.
    """
    found = []
    for name, title, check in _checks():
        if subject.problems and name not in _WITHOUT_SETTINGS:
            continue  # what they would look at is not known
        try:
            answer = check(subject, probes)
        except (PhospheneError, OSError) as error:
            answer = "error", told(str(error)), ""
        if answer is not None:
            found.append(Row(name, title, *answer))
    return tuple(found)


def holds(rows: Sequence[Row]) -> bool:
    """Tell whether the run may begin as far as these checks go."""
    return bool(rows) and all(row.level not in ("error", "waiting") for row in rows)


def _checks() -> tuple[tuple[str, str, Check], ...]:
    return (
        ("study", tr("Settings"), checks.study),
        ("source", tr("Source"), checks.source),
        ("streams", tr("Streams"), checks.streams),
        ("bundle", tr("Decoder"), checks.bundle),
        ("engine", tr("Engines"), checks.engine),
        ("folder", tr("Recording"), checks.folder),
        ("disk", tr("Disk"), checks.disk),
        ("clock", tr("Clock"), checks.clock),
        ("screen", tr("Participant's screen"), checks.screen),
        ("consent", tr("Consent"), checks.consent),
        ("confirmed", tr("Confirmed in words"), checks.confirmed),
        ("stop", tr("Stop button"), checks.stop),
        ("filter", tr("Content filter"), checks.content),
        ("seal", tr("Encryption"), checks.seal),
        ("swap", tr("Swap"), checks.swap),
    )
