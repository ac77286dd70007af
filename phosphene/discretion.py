"""Keeps names of files and folders out of what a run tells, logs and records.

A recording may be called after a person. Errors name the file, which is right on the terminal of
whoever typed that name, and wrong in anything that is kept; so the shell of a run words them anew.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from phosphene.identity import new_key, public_name
from phosphene.plan import Plan

__all__ = ["DiscreetLog", "Discretion"]

_MOST_FILES = 2_000
_DEPTH = 6
_LEAST_PARTS = 3
"""Above that, folders belong to the machine: ``/home/somebody``."""
_SPLIT = re.compile(r"[^\W\d_]+|\d+")
_EVERYDAY = re.compile(r"[a-z]{1,12}|.{0,3}")
_COUNTED = re.compile(
    "run|task|ses|session|sub|subject|series|scan|volume|vol|image|img|slice|echo|epi|bold|eeg|rest"
    "|file|part|block|trial|dcm|nii|[0-9]{1,4}",
    re.IGNORECASE,
)


class Discretion:
    """Replaces names of files by what `phosphene.identity.public_name` leaves of them.

    Parameters
    ----------
    paths : iterable of Path
        What a session names: files, or folders of which the files count as well (the first 2000).
    unlisted : iterable of Path
        The same, of which only the path itself counts.

    Examples
    --------
    ``/data/Doe_Jane/eeg.xdf: no streams`` becomes ``file-1a2b3c4d.xdf: no streams``.
    """

    def __init__(self, paths: Iterable[Path], unlisted: Iterable[Path] = ()) -> None:
        listed = [path.absolute() for path in paths]
        self._paths = [*listed, *(path.absolute() for path in unlisted)]
        self._key = new_key()
        # All at once, and not too many: nobody waits for a folder while a node has to beat.
        found = {path for listing in map(_listing, listed) for path in listing}
        words = {word for path in {*found, *self._paths} for word in _words(path)}
        self._files = sorted(map(str, found), key=len, reverse=True)
        self._words = sorted(words, key=len, reverse=True)
        self._known = lru_cache(maxsize=64)(self._reworded)

    @classmethod
    def of(cls, plan: Plan) -> Discretion:
        """Return that of a run's source and pictures."""
        source, fmri = plan.session.source, plan.session.acquisition.fmri
        named = (source.events, fmri.mask, fmri.rois_reference, *fmri.rois.values(), source.path)
        paths = [path for path in named if path is not None]
        if source.live_volumes and source.path is not None:
            # It fills up, with any number of files; who reads it words their names itself.
            return cls(paths[:-1], [source.path])
        return cls(paths)

    def __call__(self, text: str) -> str:
        """Return a text without the names."""
        return self._known(text) if text and self._paths else text

    def _reworded(self, text: str) -> str:
        for file in self._files:
            text = self._without(text, file, rf"{re.escape(file)}(?![\w/-])")
        for folder in {p for path in self._paths for p in (path, *path.parents[:4])}:
            if len(folder.parts) >= _LEAST_PARTS:
                # what is not there, or came later: all that follows the folder
                after = r"(?:/[^'\":\n]*)?(?![\w-])"
                text = self._without(text, str(folder), re.escape(str(folder)) + after)
        for word in self._words:
            text = self._without(text, word, rf"(?<![^\W_]){re.escape(word)}(?![^\W_])")
        return text

    def _without(self, text: str, name: str, pattern: str) -> str:
        if name not in text:
            return text
        return re.sub(pattern, lambda found: public_name(found[0], self._key), text)


def _listing(path: Path) -> Iterator[Path]:
    """Yield what is in a folder, or beside a file, as far as it is not too much."""
    tree = _tree(path, _DEPTH) if path.is_dir() else _tree(path.parent, 0)
    return islice(tree, _MOST_FILES)


def _words(path: Path) -> Iterator[str]:
    stem = path.name.split(".")[0]
    some = (path.name, path.stem, stem, stem.rpartition("_")[0])
    yield from (name for name in some if not _is_plain(name))


def _is_plain(name: str) -> bool:
    """Tell whether a name is made of words that other sentences have too, such as ``run 1``."""
    if _EVERYDAY.fullmatch(name):
        return True
    return all(_COUNTED.fullmatch(part) for part in _SPLIT.findall(name))


def _tree(folder: Path, depth: int) -> Iterator[Path]:
    deeper = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                yield path
                if depth and entry.is_dir(follow_symlinks=False):
                    deeper.append(path)
    except OSError:
        return
    for path in deeper:
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
