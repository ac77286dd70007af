"""What is in a recording, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from phosphene.messages import Grant, Quality, RunStart, RunStop, topic_of
from phosphene.quality import HEADER, TR_ANNOUNCED, TR_MEASURED, TRIGGER, TRIGGER_TR
from phosphene.recorder.gaps import GapWatch
from phosphene.recorder.reader import RecordingReader, parts_of

__all__ = ["Contents", "contents", "info", "scanner_tr_s"]


_CLOCKS = frozenset([TR_ANNOUNCED, TR_MEASURED, TRIGGER_TR, TRIGGER, HEADER])


@dataclass
class Contents:
    """What one run's files hold.

    Attributes
    ----------
    topics : Counter
        Messages of each topic.
    missing : Counter
        Numbers missing in each topic.
    first_s, last_s : float or None
        Earliest and latest time of sending, in seconds.
    start : RunStart or None
        First start document.
    stop : RunStop or None
        Last stop document.
    scopes : set of str
        Consent scopes that held at some time.
    files : list of tuple
        Path, whether complete, and damage of each file.
    clocks : dict of str to list of tuple
        Number of the volume and value, of every figure about time that was recorded.
    volumes : list of tuple
        Number (from 0) and end in seconds of data, of each volume with figures.
    until_s : float or None
        End of the data on its own axis, in seconds.
    """

    topics: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    first_s: float | None = None
    last_s: float | None = None
    start: RunStart | None = None
    stop: RunStop | None = None
    scopes: set[str] = field(default_factory=set)
    files: list[tuple[Path, bool, str]] = field(default_factory=list)
    clocks: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    volumes: list[tuple[int, float]] = field(default_factory=list)
    until_s: float | None = None


def contents(where: Path, run: str | None = None) -> Contents:
    """Read a run's files once and sum up what they hold.

    Parameters
    ----------
    where : Path
        Recording file or folder.
    run : str or None
        Identifier of the run; None takes the newest.
    """
    found = Contents()
    watch = GapWatch()
    for path in parts_of(where, run):
        reader = RecordingReader(path, pictures=False)
        for message in reader:
            header = message.header
            found.topics[topic_of(header).decode()] += 1
            watch.see(header)
            found.first_s = min(header.t_sent, found.first_s or header.t_sent)
            found.last_s = max(header.t_sent, found.last_s or header.t_sent)
            if isinstance(header, RunStart):
                found.start = found.start or header
                found.scopes.update(header.facts.get("consent_scopes", "").split())
            elif isinstance(header, RunStop):
                found.stop = header
            elif isinstance(header, Grant):
                found.scopes.update(header.scopes)
            elif isinstance(header, Quality):
                found.until_s = max(header.t_data, found.until_s or 0.0)
                found.volumes.append((header.index, header.t_data))
                for name in _CLOCKS & header.values.keys():
                    at = (header.index, header.values[name])
                    found.clocks.setdefault(name, []).append(at)
        found.files.append((path, reader.ending.complete, reader.ending.damage))
    found.missing = watch.missing
    return found


def _ending(found: Contents) -> str:
    if found.stop is None:
        return "no stop document: the recorder did not end regularly"
    interrupted = ", interrupted" if found.stop.interrupted else ""
    return f"{found.stop.exit_status}{interrupted}: {found.stop.reason or 'no reason given'}"


def scanner_tr_s(header: Sequence[tuple[int, float]]) -> float | None:
    """Return the repetition time by the scanner's own clock, in seconds; None if not known.

    Parameters
    ----------
    header : sequence of tuple
        Number of a volume and the scanner's clock at it, in seconds.
    """
    if len(header) < 2 or header[-1][0] == header[0][0]:
        return None
    (first, first_s), (last, last_s) = header[0], header[-1]
    return (last_s - first_s) / (last - first)


def _scan(clocks: dict[str, list[tuple[int, float]]]) -> str:
    """Say what each clock makes of the repetition time, and how long export took."""
    said = []
    for name, words in (
        (TR_ANNOUNCED, "announced"),
        (TR_MEASURED, "by arrival"),
        (TRIGGER_TR, "by pulses"),
    ):
        if name in clocks:
            said.append(f"{clocks[name][-1][1]:.4f} s {words}")
    if (scanner_s := scanner_tr_s(clocks.get(HEADER, []))) is not None:
        said.append(f"{scanner_s:.4f} s by the scanner's clock")
    if TRIGGER in clocks:
        delay_ms = median(value for _, value in clocks[TRIGGER])
        said.append(f"volume begun to file closed {delay_ms:.0f} ms (median)")
    return ", ".join(said)


def _announced(found: Contents) -> dict[str, list[tuple[int, float]]]:
    """Return the clocks, with the announced repetition time that volumes are stamped with."""
    fmri = found.start is not None and found.start.modality == "fmri"
    if TR_ANNOUNCED in found.clocks or not fmri:
        return found.clocks
    # Stamps count from the first volume's begin, as do the scanner's own seconds.
    tr_s = scanner_tr_s(found.volumes)
    return found.clocks if tr_s is None else {TR_ANNOUNCED: [(0, tr_s)], **found.clocks}


def info(where: Path, run: str | None = None) -> str:
    """Describe a recording.

    Parameters
    ----------
    where : Path
        Recording file or folder.
    run : str or None
        Identifier of the run; None takes the newest.

    Returns
    -------
    str
        Several lines.
    """
    found = contents(where, run)
    lines = []
    for path, complete, damage in found.files:
        state = "complete" if complete else "cut off: phosphene recover gives it an index"
        lines.append(f"file      {path.name}, {path.stat().st_size} bytes, {damage or state}")
    if found.start is not None:
        start = found.start
        lines.append(f"run       {start.run}, {start.mode}, {start.modality}, {start.person}")
    lines.append(f"consent   {' '.join(sorted(found.scopes)) or 'none'}")
    lines.append(f"end       {_ending(found)}")
    if found.first_s is not None and found.last_s is not None:
        data = "" if found.until_s is None else f"{found.until_s:.1f} s of data in "
        lines.append(f"duration  {data}{found.last_s - found.first_s:.1f} s by the clock")
    if told := _scan(_announced(found)):
        lines.append(f"TR        {told}")
    lines.append(f"percepts  {found.topics['percept']}")
    lines.append(f"frames    {found.topics['frameinfo']} shown, {found.topics['frame']} recorded")
    lines.append("topics")
    for topic, count in sorted(found.topics.items()):
        gap = found.missing[topic]
        lines.append(f"  {topic:<10}{count:>8}" + (f"  {gap} missing" if gap else ""))
    return "\n".join(lines)
