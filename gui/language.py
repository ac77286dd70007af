"""Which language a window speaks: the one that was chosen, where the screen has letters for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from PySide6.QtGui import QFontDatabase

from gui.texts import LANGUAGES, use

__all__ = ["VARIABLE", "has_letters", "speak", "why_not_shown"]

VARIABLE = "PHOSPHENE_LANGUAGE"
"""Environment variable that hands the language on to windows of other processes."""
_WRITING = {"ja": QFontDatabase.WritingSystem.Japanese}
_MISSING = {
    "ja": "Japanese is not shown: no font of this machine has its letters; install the package"
    " fonts-noto-cjk or fonts-ipafont-gothic"
}


def has_letters(language: str) -> bool:
    """Tell whether any font of this machine has the letters of a language."""
    writing = _WRITING.get(language)
    return writing is None or bool(QFontDatabase.families(writing))


def why_not_shown(language: str, letters: Callable[[str], bool] = has_letters) -> str:
    """Tell why a language cannot be read on this machine; empty where it can."""
    return "" if letters(language) else _MISSING[language]


def speak(
    wanted: str | None,
    environment: Mapping[str, str] = os.environ,
    letters: Callable[[str], bool] = has_letters,
) -> str:
    """Set the language of this process; call it after the application, before its first window.

    Parameters
    ----------
    wanted : str or None
        Code of the language; None asks the environment variable `VARIABLE`, then takes English.
    environment : mapping
        Environment variables.
    letters : Callable
        Tells whether there is a font for a language.

    Returns
    -------
    str
        Why it is English instead, for the log; empty where the choice stands.

    Raises
    ------
    ConfigError
        If there is no such language.
    """
    chosen = wanted or environment.get(VARIABLE) or "en"
    if chosen not in LANGUAGES and wanted is None:
        # A window of a run does not fail over a variable.
        use("en")
        return f"{VARIABLE}: there is no language {chosen!r}; there are {', '.join(LANGUAGES)}"
    if chosen in LANGUAGES and not letters(chosen):
        use("en")
        # Boxes in place of letters would hide alarms.
        return _MISSING[chosen]
    use(chosen)
    return ""
