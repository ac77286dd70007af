"""The participant's choice after the run: keep it, or have it deleted. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gui.summary.erasing import goes, stays
from gui.texts import told, tr
from phosphene.errors import SealError
from phosphene.seal.leftovers import NOTHING, Leftovers, is_ours, leftovers_of, rest_of
from phosphene.seal.places import note
from phosphene.seal.purge import Candidate, candidates, erase, erase_rest

__all__ = ["Choice", "Deleted", "choice_of", "delete", "keep"]

WHY = "the participant asked for it after the run"
Note = Callable[..., str]


@dataclass(frozen=True)
class Choice:
    """What the choice is about.

    Attributes
    ----------
    folder : Path
        Its output folder.
    run : str
        Identifier of the run.
    files : tuple of Candidate
        Its recordings that can be erased.
    obstacles : tuple of str
        Why others cannot.
    beside : Leftovers
        What lies beside them.
    """

    folder: Path
    run: str
    files: tuple[Candidate, ...]
    obstacles: tuple[str, ...] = ()
    beside: Leftovers = NOTHING

    @property
    def anything(self) -> bool:
        """Whether there is anything to delete."""
        return bool(self.files or self.beside.goes)

    @property
    def sealed(self) -> bool:
        """Whether every one of them is sealed, so that erasing its keys makes it unreadable."""
        return bool(self.files) and all(found.sealed for found in self.files)

    @property
    def question(self) -> str:
        """The question before anything is deleted: what goes and what stays."""
        recordings = [found.path for found in self.files]
        parts = [goes(self.folder, recordings, self.beside), stays(self.folder, self.beside)]
        if self.files:
            parts.insert(1, [self._how()])
        return "\n\n".join([tr("Delete this run for ever?"), *("\n".join(part) for part in parts)])

    def _how(self) -> str:
        if self.sealed:
            return tr("The keys in the sealed recording are overwritten first: nobody can open it "
                      "any more, whatever the disk keeps.")  # fmt: skip
        return tr("The recording is not sealed: it is deleted, but its blocks may stay readable on "
                  "the disk.")  # fmt: skip


@dataclass(frozen=True)
class Deleted:
    """What came of deleting: files that are gone, and what is wrong."""

    gone: tuple[Path, ...]
    troubles: tuple[str, ...]


def choice_of(folder: Path, run: str) -> Choice:
    """Find the recordings of a run in its folder, not in folders below it.

    Parameters
    ----------
    folder : Path
        Output folder of the run.
    run : str
        Identifier; those of other runs are left alone.
    """
    files, obstacles = [], []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        for found in candidates(path) if is_ours(path) else ():
            if found.run not in ("", run):
                continue
            if found.obstacle:
                obstacles.append(f"{path.name}: {told(found.obstacle)}")
            else:
                files.append(found)
    # Without a recording there may be the rest of what somebody has begun to delete.
    beside = leftovers_of(folder, [found.path for found in files]) if files else rest_of(folder)
    return Choice(folder, run, tuple(files), tuple(obstacles), beside)


def delete(choice: Choice, write: Note = note) -> Deleted:
    """Erase all recordings of a run, each with a line in the audit log; one failure keeps no other.

    Parameters
    ----------
    choice : Choice
        What to erase.
    write : Callable
        Writes the audit log; returns what is wrong.
    """
    gone: list[Path] = []
    troubles: list[str] = list(choice.obstacles)
    for found in choice.files:
        try:
            erased = erase(found)
        except OSError as error:
            troubles.append(tr("{file}: NOT erased: {why}", file=found.path.name,
                               why=error.strerror or error))  # fmt: skip
            continue
        except SealError as error:
            troubles.append(told(str(error)))
            continue
        gone += erased.gone
        troubles += erased.troubles
        why = write("erased", None, why=WHY, run=found.run, recording=found.id,
                    sealed=str(found.sealed).lower(), files=str(len(erased.gone)))  # fmt: skip
        troubles += [told(why)] if why else []
    if choice.beside.goes and not choice.files:
        rest = erase_rest(choice.folder)
        gone += rest.gone
        troubles += rest.troubles
        why = write("erased", None, why=WHY, run=choice.run, files=str(len(rest.gone)))
        troubles += [told(why)] if why else []
    return Deleted(tuple(gone), tuple(troubles))


def keep(choice: Choice, write: Note = note) -> str:
    """Note in the audit log that the participant lets the run be kept; return what is wrong."""
    return told(write("kept", None, run=choice.run, why="the participant was asked after the run"))
