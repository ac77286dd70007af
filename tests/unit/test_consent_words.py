"""The consent in plain words, and its confirmation at the start."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from phosphene.cli import main
from phosphene.consent import LANGUAGES, Consent, Scope, write_consent
from phosphene.consent import words as pages
from phosphene.consent.confirm import LASTS, confirm, confirm_here, why_unconfirmed
from phosphene.consent.phrases import Phrases
from phosphene.consent.words import Circumstances, summary
from phosphene.errors import ConsentError
from phosphene.run import RunOptions, run_chain
from phosphene.seal.retention import keep_until
from phosphene.session import Session

NOW = datetime(2026, 6, 1, tzinfo=UTC)
BASE = Consent(
    person="p01", visit="v07", scopes=frozenset(), expires=datetime(2027, 2, 3, tzinfo=UTC)
)
AT = Circumstances(modality="fmri", levels={"self": 4, "operator": 3, "observer": 0})


SESSION = """
person = "p01"
modality = "fmri"
[source]
kind = "folder"
path = "incoming"
[consent]
unsigned = true
visit = "v07"
[stop]
none = "a test"
"""


def session(**parts: Any) -> Session:
    source = {"kind": "recording", "path": "x"}
    return Session.model_validate({"person": "p01", "modality": "eeg", "source": source, **parts})


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_says_whether_it_is_given(language: str, scope: Scope) -> None:
    yes, no = pages._PHRASES[language].scopes[scope]
    given = summary(BASE.model_copy(update={"scopes": frozenset({scope})}), None, language).text
    denied = summary(BASE, None, language).text
    assert yes in given
    assert no not in given
    assert no in denied
    assert yes not in denied


CHANGED: dict[str, tuple[Any, str]] = {
    "person": ("p99", "p99"),
    "visit": ("v99", "v99"),
    "study": ("ST-5", "ST-5"),
    "expires": (datetime(2031, 5, 6, tzinfo=UTC), "2031-05-06"),
    "contact": ("Dr. Ito, 5-5555", "Dr. Ito, 5-5555"),
    "retention_days": (17, "17"),
    "scopes": (frozenset(), ""),
    "sealed": (True, ""),
    "language": ("ja", ""),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", sorted(set(Consent.model_fields) - {"signature"}))
def test_every_field_of_the_file_shows_in_the_words(field: str, language: str) -> None:
    full = BASE.model_copy(update={"scopes": frozenset(Scope)})
    value, wanted = CHANGED[field]
    changed = full.model_copy(update={field: value})
    chosen = None if field == "language" else language
    text = summary(changed, AT, chosen).text
    assert wanted in text
    assert text != summary(full, AT, chosen).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_leaves_a_sentence_out(language: str) -> None:
    phrases = pages._PHRASES[language]
    english = pages._PHRASES["en"]
    for field in fields(Phrases):
        told, wanted = getattr(phrases, field.name), getattr(english, field.name)
        assert told
        if isinstance(wanted, dict):
            assert set(told) == set(wanted)
        if isinstance(wanted, tuple):
            assert len(told) == len(wanted)
        for placeholder in ("{person}", "{visit}", "{study}", "{date}", "{days}", "{key}"):
            assert (placeholder in str(told)) == (placeholder in str(wanted)), field.name
    assert set(phrases.scopes) == set(Scope)
    assert set(phrases.levels) == set(range(5))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", range(5))
def test_the_words_say_at_which_level_somebody_sees(language: str, level: int) -> None:
    consent = BASE.model_copy(update={"scopes": frozenset({Scope.VIEW_OBSERVER})})
    at = Circumstances.of(session(gate={"level_operator": 4, "level_observer": level}))
    say = pages._PHRASES[language]
    wanted = say.scopes[Scope.VIEW_OBSERVER][0] + say.levels[level]
    assert wanted in summary(consent, at, language).text


@pytest.mark.parametrize("own", [None, 10, 400])
@pytest.mark.parametrize("persons", [None, 20])
@pytest.mark.parametrize("images", [True, False])
def test_the_words_say_the_time_that_is_kept(
    own: int | None, persons: int | None, images: bool
) -> None:
    scopes = frozenset({Scope.RECORD_BRAIN, Scope.RECORD_IMAGES})
    consent = BASE.model_copy(update={"scopes": scopes, "retention_days": persons})
    recorder = {"out": "out", "images": images, "retention_days": own}
    held = session(recorder=recorder)
    until = keep_until(held.recorder, consent, NOW)
    text = summary(consent, Circumstances.of(held)).text
    if until is None:
        assert "no fixed day" in text
    else:
        assert f"deleted after {(until - NOW).days} days" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_not_recorded_today_is_said(language: str) -> None:
    consent = BASE.model_copy(update={"scopes": frozenset(Scope)})
    text = summary(consent, Circumstances.of(session()), language).text
    say = pages._PHRASES[language]
    assert say.nothing_kept in text
    assert text.count(say.not_today) == 3  # brain data, pictures, results


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_session_the_words_promise_nothing_that_a_start_can_change(language: str) -> None:
    say = pages._PHRASES[language]
    both = {Scope.RECORD_BRAIN, Scope.RECORD_IMAGES}
    for scopes, told in (
        (both, (say.pictures_sealed, say.perhaps_unsealed)),
        ({Scope.RECORD_IMAGES}, (say.pictures_sealed,)),
        ({Scope.RECORD_BRAIN}, (say.perhaps_unsealed, say.perhaps_no_end)),
    ):
        consent = BASE.model_copy(update={"scopes": frozenset(scopes)})
        text = summary(consent, None, language).text
        assert all(words in text for words in told)
        lines = [line.removeprefix("  - ") for line in text.splitlines()]
        for words in (say.sealed, say.unsealed, say.no_end, say.nothing_kept,
                      say.days.format(days=30)):  # fmt: skip
            assert words not in lines
        assert say.not_today not in text
        if Scope.RECORD_IMAGES in scopes:
            assert say.perhaps_days.format(days=30) in text
    own = {"scopes": frozenset(both), "sealed": True, "retention_days": 12}
    text = summary(BASE.model_copy(update=own), None, language).text
    assert say.sealed in text, "the consent itself says so"
    assert say.days.format(days=12) in text
    assert say.perhaps_unsealed not in text


SHOWN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "out": (("--out", "o", "--seal", "lab.pub"), ("--out", "o", "--seal", "lab.pub")),
    "brain": (("--out", "o", "--record", "brain"), ("--out", "o", "--record", "brain")),
    "nothing": (("--record", "nothing"), ()),
}


@pytest.mark.parametrize("case", SHOWN)
def test_consent_show_prints_the_words_of_the_start(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "incoming").mkdir()
    Path("s.toml").write_text(SESSION)
    write_consent(Path("c.toml"), BASE.model_copy(update={"scopes": frozenset(Scope)}))
    shown, given = SHOWN[case]
    asked: list[Any] = []

    def confirmed(consent: Consent, at: Circumstances, *_: object) -> None:
        asked.append(summary(consent, at).text)
        raise ConsentError("that is all")

    monkeypatch.setattr("phosphene.commands.live.confirm_here", confirmed)
    assert main(["live", "s.toml", "--consent", "c.toml", *given]) == 1
    capsys.readouterr()
    assert main(["consent", "show", "c.toml", "--words", "--session", "s.toml", *shown]) == 0
    assert capsys.readouterr().out.startswith(asked[0])


def test_before_a_folder_is_named_the_page_does_not_say_that_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SESSION + '[decoder]\nbundle = "b"\n')
    write_consent(Path("c.toml"), BASE.model_copy(update={"scopes": frozenset(Scope)}))
    say = pages._PHRASES["en"]
    show = ["consent", "show", "c.toml", "--words"]
    for more in ([], ["--session", "s.toml"], ["--session", "s.toml", "--out", "o"]):
        assert main([*show, *more]) == 0
        text = capsys.readouterr().out
        assert say.nothing_kept not in text
        assert say.unsealed not in text, "such a live session does not start"
        assert say.pictures_sealed in text
    assert main([*show, "--out", "o"]) == 1
    assert "--session" in capsys.readouterr().err


def test_the_page_is_one_and_loads_nothing() -> None:
    consent = BASE.model_copy(update={"scopes": frozenset(Scope), "contact": "<script>&"})
    for language in LANGUAGES:
        page = summary(consent, AT, language)
        assert len(page.text.splitlines()) < 50
        assert f'lang="{language}"' in page.html
        for word in ("<script>", "http", "src="):
            assert word not in page.html
        assert "&lt;script&gt;&amp;" in page.html


def test_what_was_confirmed_are_these_words_at_this_start() -> None:
    made = confirm(BASE, AT, " ab ", NOW)
    assert made.by == "ab"
    assert why_unconfirmed(None, AT, None, NOW) is None
    assert why_unconfirmed(BASE, AT, made, NOW + LASTS) is None
    refused = {
        "was not confirmed": (BASE, AT, None, NOW),
        "another consent": (BASE.model_copy(update={"study": "s"}), AT, made, NOW),
        "other words": (BASE.model_copy(update={"scopes": frozenset()}),
                        replace(AT, levels={"self": 4, "operator": 4, "observer": 0}),
                        made, NOW),
        "others by now": (BASE, AT, made.model_copy(update={"version": 0}), NOW),
        "too long ago": (BASE, AT, made, NOW + LASTS + timedelta(seconds=1)),
        "in the future": (BASE, AT, made, NOW - timedelta(seconds=1)),
    }  # fmt: skip
    viewed = BASE.model_copy(update={"scopes": frozenset({Scope.VIEW_OPERATOR})})
    for words, (consent, at, confirmation, now) in refused.items():
        if words == "other words":
            consent, confirmation = viewed, confirm(viewed, AT, "ab", NOW)
        assert words in (why_unconfirmed(consent, at, confirmation, now) or "")
    with pytest.raises(ConsentError):
        confirm(BASE, AT, "  ", NOW)


def test_a_person_is_asked_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConsentError, match="--confirmed-by"):
        confirm_here(BASE, AT, None, lambda: NOW)
    assert confirm_here(BASE, AT, "ab", lambda: NOW, "ja").language == "ja"
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    answers = iter(["no", "yes", "cd"])
    monkeypatch.setattr("builtins.input", lambda _words: next(answers))
    with pytest.raises(ConsentError, match="not confirmed"):
        confirm_here(BASE, AT, None, lambda: NOW)
    assert confirm_here(BASE, AT, None, lambda: NOW).by == "cd"
    assert "The pictures are guesses" in capsys.readouterr().out


def test_a_live_session_does_not_start_unconfirmed() -> None:
    held = session(consent={"unsigned": True, "visit": "v07"})
    with pytest.raises(ConsentError, match="not confirmed at the start"):
        run_chain(held, RunOptions(mode="live", consent=BASE))
    late = confirm(BASE, Circumstances.of(held), "ab", datetime.now(UTC) - 2 * LASTS)
    with pytest.raises(ConsentError, match="too long ago"):
        run_chain(held, RunOptions(mode="live", consent=BASE, confirmation=late))
