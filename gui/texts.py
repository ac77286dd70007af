"""Every text that people see, in the language of this process. No Qt.

The English sentence is the key: ``tr("{n} volumes lost", n=3)``. A language is one JSON file in
``gui/translations``; a sentence that it lacks is shown in English. JSON because the cores below the
windows word things without Qt, which rules out Qt's own tool chain, and because gettext would add
a compiled file to keep in step with its source.

One translator object belongs to the process, set once by `use` before the first window is made.
It is read only, and setting it is one assignment, so every thread may call `tr`. A parameter
through each function that words anything would carry the same object everywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from phosphene.errors import ConfigError, problem

__all__ = ["LANGUAGES", "Translator", "language", "load", "mark", "told", "tr", "use"]

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "ja": "日本語"})
"""Codes of the languages, with their own names."""
_FOLDER = Path(__file__).parent / "translations"
_HOLE = re.compile(r"\\\{(\w+)\\\}")
_QUOTED = re.compile(r'"\{(\w+)\}"')


@dataclass(frozen=True)
class Translator:
    """The sentences of one language.

    Attributes
    ----------
    language : str
        Its code.
    sentences : mapping of str to str
        English to this language; with the same ``{name}`` placeholders.
    nodes : mapping of str to str
        The same for what other processes tell in English, matched as a whole.
    help : mapping of str to str
        What the settings are for, as their own documentation has it; without placeholders.
    """

    language: str = "en"
    sentences: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    nodes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    help: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def tr(self, english: str, values: Mapping[str, object]) -> str:
        """Return a sentence with its values."""
        sentence = self.sentences.get(english, english)
        return sentence.format(**values) if values else sentence

    def told(self, english: str) -> str:
        """Return what was worded elsewhere; its values are found in the sentence."""
        for known in (self.sentences, self.nodes, self.help):
            if english in known:
                return known[english]
        for pattern, quoted, sentence in self._patterns:
            if found := pattern.fullmatch(english):
                # What stands in a hole may be a sentence of its own; in quotes it is a setting.
                values = {
                    name: value if name in quoted else self.told(value)
                    for name, value in found.groupdict().items()
                }
                return sentence.format(**values)
        return english

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], frozenset[str], str], ...]:
        return tuple(
            (_pattern(k), frozenset(_QUOTED.findall(k)), v)
            for k, v in self.nodes.items() if "{" in k
        )  # fmt: skip


def _pattern(english: str) -> re.Pattern[str]:
    """Return what finds a sentence whatever its values are."""
    return re.compile(_HOLE.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL)


def load(language: str) -> Translator:
    """Read a language.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.

    Raises
    ------
    ConfigError
        If there is no such language, or its file is damaged.
    """
    if language not in LANGUAGES:
        allowed = ", ".join(f"{code} ({name})" for code, name in LANGUAGES.items())
        raise ConfigError(problem("language", language, allowed, "Choose one of them."))
    if language == "en":
        return Translator()
    file = _FOLDER / f"{language}.json"
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        parts = [MappingProxyType({**known[part]}) for part in ("sentences", "nodes", "help")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "a file with the objects 'sentences', 'nodes' and 'help'"
        raise ConfigError(problem(str(file), repr(error), what, "Install again.")) from error
    return Translator(language, *parts)


_translator = Translator()


def use(language: str) -> None:
    """Set the language of this process; call it once, before the first window is made.

    Parameters
    ----------
    language : str
        One of `LANGUAGES`.

    Raises
    ------
    ConfigError
        If there is no such language, or its file is damaged.
    """
    global _translator
    _translator = load(language)


def language() -> str:
    """Return the code of the language in use."""
    return _translator.language


def tr(english: str, **values: object) -> str:
    """Return a sentence in the language in use.

    Parameters
    ----------
    english : str
        The English sentence with ``{name}`` placeholders. Write it out where `tr` is called, or
        pass it through `mark` where it is written.
    **values : object
        What takes the placeholders' places.
    """
    return _translator.tr(english, values)


def told(english: str) -> str:
    """Return a sentence that was worded elsewhere in English, in the language in use.

    Another process has told it, or it explains a setting.

    Parameters
    ----------
    english : str
        As it came, values included; what is not known is returned as it is.
    """
    return _translator.told(english)


def mark(english: str) -> str:
    """Return a sentence unchanged, for `tr` to translate where it is shown.

    For tables made at import, when the language is not known yet: ``mark("Blank")`` in the table,
    ``tr(action.text)`` at the button.
    """
    return english
