"""What goes and what stays when a run is deleted, in plain words. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from gui.texts import mark, tr
from phosphene.seal.leftovers import Leftovers, short_names

__all__ = ["goes", "stays"]

_CONSENT = "*consent.*"
_KINDS = (
    ("recording*", mark("the recording: {files}")),
    ("report.*", mark("the report: {files}")),
    ("preview.mp4", mark("the film: {files}")),
    ("volumes.csv", mark("the table of volumes: {files}")),
    ("*tmap-*", mark("the maps: {files}")),
    ("*.scores*", mark("the scores: {files}")),
    ("released.json*", mark("the release for export: {files}")),
    ("logs/*", mark("what the programs wrote down: {files}")),
    ("bundle*", mark("the copy of the decoder: {files}")),
    (_CONSENT, mark("the copy of the consent: {files}")),
)
"""What files are called by people, the first that fits."""


def goes(folder: Path, recordings: Collection[Path], beside: Leftovers) -> list[str]:
    """Say what is deleted, one line for each kind of thing.

    Parameters
    ----------
    folder : Path
        The run's.
    recordings : collection of Path
        Its recordings.
    beside : Leftovers
        What lies beside them.
    """
    lines = [tr("This goes:"), *_kinds(folder, [*recordings, *beside.goes])]
    if beside.waits:
        lines.append(tr("Another recording lies in this folder: report, logs and copies stay until "
                        "it is deleted as well."))  # fmt: skip
    return lines


def stays(folder: Path, beside: Leftovers) -> list[str]:
    """Say what is not deleted, one line for each kind of thing."""
    lines = [
        tr("This stays:"),
        _line(tr("the audit log: no data and no picture, but whose run it was, who saw it, and "
                 "that it was deleted")),
        _line(tr("decoders and consents outside of this folder, and all copies elsewhere")),
    ]  # fmt: skip
    if beside.stays:
        names = ", ".join(short_names(folder, beside.stays))
        lines.append(_line(tr("not of the run: {files}", files=names)))
    return lines


def _kinds(folder: Path, paths: Collection[Path]) -> Iterator[str]:
    for pattern, words in _KINDS:
        found = [path for path in paths if _kind(path, folder) == pattern]
        if found:
            yield _line(tr(words, files=", ".join(short_names(folder, found))))


def _kind(path: Path, folder: Path) -> str:
    name = path.relative_to(folder).as_posix()
    if fnmatchcase(name, _CONSENT):
        return _CONSENT  # also of a recording's name
    return next((pattern for pattern, _ in _KINDS if fnmatchcase(name, pattern)), "")


def _line(words: str) -> str:
    return f"– {words}"
