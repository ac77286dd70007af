"""Keeps names of files and folders out of what a run tells, logs and records.

A recording may be called after a person. Errors name the file, which is right on the terminal of
whoever typed that name, and wrong in anything that is kept; so the shell of a run words them anew.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from phosphene.identity import new_key, public_name
from phosphene.plan import Plan

__all__ = ["DiscreetLog", "Discretion"]

_MOST_NAMES = 20_000
_DEPTH = 6
_LEAST_PARTS = 3
"""Above that, folders belong to the machine: ``/home/somebody``."""
_WORD = re.compile(r"[a-z]{1,12}|.{0,3}")


class Discretion:
    """Replaces names of files by what `phosphene.identity.public_name` leaves of them.

    Parameters
    ----------
    paths : iterable of Path
        What a session names: files, or folders of which the files count as well.

    Examples
    --------
    ``/data/Doe_Jane/eeg.xdf: no streams`` becomes ``file-1a2b3c4d.xdf: no streams``.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = [path.absolute() for path in paths]
        self._key = new_key()
        self._names: list[str] | None = None
        self._known = lru_cache(maxsize=64)(self._reworded)

    @classmethod
    def of(cls, plan: Plan) -> Discretion:
        """Return that of a run's source and pictures."""
        source, fmri = plan.session.source, plan.session.acquisition.fmri
        named = (source.path, source.events, fmri.mask, fmri.rois_reference, *fmri.rois.values())
        return cls(path for path in named if path is not None)

    def __call__(self, text: str) -> str:
        """Return a text without the names."""
        return self._known(text) if text and self._paths else text

    def _reworded(self, text: str) -> str:
        if self._names is None:
            self._names = sorted(set(self._all_names()), key=len, reverse=True)
        for name in self._names:
            if name in text:
                text = text.replace(name, public_name(name, self._key))
        for folder in {p for path in self._paths for p in (path, *path.parents[:4])}:
            if len(folder.parts) >= _LEAST_PARTS:
                # what is not there, or came later: all that follows the folder
                pattern = re.escape(str(folder)) + r"(?:/[^'\":\n]*)?(?![\w-])"
                text = re.sub(pattern, lambda found: public_name(found[0], self._key), text)
        return text

    def _all_names(self) -> Iterator[str]:
        for path in self._paths:
            inside = _tree(path if path.is_dir() else path.parent, _DEPTH if path.is_dir() else 0)
            for count, found in enumerate((path, *inside)):
                yield str(found)
                # words of everyday are no names, and must not vanish from other sentences
                stem = found.name.split(".")[0]
                some = (found.name, found.stem, stem, stem.rpartition("_")[0])
                yield from (name for name in some if not _WORD.fullmatch(name))
                if count >= _MOST_NAMES:
                    break


def _tree(folder: Path, depth: int) -> Iterator[Path]:
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        yield path
        if depth and path.is_dir() and not path.is_symlink():
            yield from _tree(path, depth - 1)


class DiscreetLog(logging.Filter):
    """Words every line of a log by a `Discretion`.

    Parameters
    ----------
    discretion : Discretion
        Of the run.
    """

    def __init__(self, discretion: Discretion) -> None:
        super().__init__()
        self._discretion = discretion

    def filter(self, record: logging.LogRecord) -> bool:
        """Reword a line; all are kept."""
        record.msg, record.args = self._discretion(record.getMessage()), ()
        return True
