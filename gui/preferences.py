"""What the console remembers of its user between two starts, and what it never remembers.

A consent, a recording switch and an open view belong to one session: they have no place here, and
a name that is not in the list below is refused. Folders of recordings may be named after people and
have no place either.
"""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from gui.texts import LANGUAGES
from phosphene.errors import ConfigError, problem

__all__ = ["KEPT", "Preferences", "settings_file"]

KEPT = ("language", "window/geometry", "folder/study")
"""Everything that is ever written."""


def settings_file() -> Path:
    """Return the file of this user's settings."""
    if own := os.environ.get("PHOSPHENE_CONFIG"):
        return Path(own) / "console.ini"
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "phosphene" / "console.ini"


class Preferences:
    """Settings of one user.

    Parameters
    ----------
    file : Path or None
        Where they are kept; None takes `settings_file`.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = settings_file() if file is None else file
        self._settings = QSettings(str(self.file), QSettings.Format.IniFormat)

    @property
    def language(self) -> str:
        """Code of the language; empty where nothing was chosen, or a language that is gone."""
        found = str(self._get("language") or "")
        return found if found in LANGUAGES else ""

    def keep_language(self, language: str) -> None:
        """Remember a language.

        Raises
        ------
        ConfigError
            If there is no such language.
        """
        if language not in LANGUAGES:
            raise ConfigError(problem("language", language, ", ".join(LANGUAGES), "Choose one."))
        self._put("language", language)

    @property
    def study_folder(self) -> Path:
        """Where a study file was chosen last; the home folder where that is gone."""
        known = Path(str(self._get("folder/study") or ""))
        return known if known.is_absolute() and known.is_dir() else Path.home()

    def keep_study_folder(self, folder: Path) -> None:
        """Remember where a study file was chosen."""
        self._put("folder/study", str(folder.absolute()))

    def geometry(self) -> QByteArray:
        """Return place and size of the console's window; empty where nothing is known."""
        return self._bytes("window/geometry")

    def keep_geometry(self, geometry: QByteArray) -> None:
        """Remember place and size of the console's window."""
        self._put("window/geometry", geometry)

    def save(self) -> None:
        """Write what has changed, readable for its owner only.

        Raises
        ------
        ConfigError
            If it cannot be written.
        """
        allowed = "a file that can be written"
        wrong = ConfigError(problem("settings", str(self.file), allowed, "See its rights."))
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._settings.sync()
            if self._settings.status() != QSettings.Status.NoError:
                raise wrong
            if self.file.exists():
                self.file.chmod(0o600)
        except OSError as error:
            raise wrong from error

    def _get(self, name: str) -> object:
        return self._settings.value(name)

    def _bytes(self, name: str) -> QByteArray:
        found = self._get(name)
        return found if isinstance(found, QByteArray) else QByteArray()

    def _put(self, name: str, value: object) -> None:
        if name not in KEPT:
            raise ConfigError(problem("setting", name, ", ".join(KEPT), "It is never kept."))
        self._settings.setValue(name, value)
