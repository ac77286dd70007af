from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gui import texts
from gui.facts import BLANKED_HERE
from gui.notes import line_words
from gui.setup.modes import PilotChoice, ReplayChoice
from gui.setup.schema import Table, tables_of
from gui.texts import LANGUAGES, Translator, load, mark, told, tr, use
from phosphene import quality
from phosphene.consent import Consent, Scope, why_not
from phosphene.errors import ConfigError, problem
from phosphene.gate.latch import STOPPED
from phosphene.gate.policy import BETWEEN_BLOCKS, PAUSED
from phosphene.messages import View
from phosphene.session import Session
from phosphene.sink import SinkState
from tests.unit.gui_sentences import GUI, bare, found, holes

JAPANESE = json.loads((GUI / "translations" / "ja.json").read_text(encoding="utf-8"))
EVERYTHING = JAPANESE["sentences"] | JAPANESE["nodes"] | JAPANESE["help"]
SAME = {
    "EEG", "tSNR", "{n} mm", "{what}: {done} of {total}", "{name}: {before} → {now}",
    "{screen}: {why}", "{k} of {n} ({share} %)",
}  # fmt: skip
"""What needs no Japanese letter."""
NAMES = ("'EEG'", "'renderer.'")
"""What is shown as it is: a method, and the name of a table of settings."""


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    use("en")


def test_every_sentence_of_the_windows_has_its_japanese() -> None:
    missing = sorted({f"{s.english!r}  ({s.place})" for s in found()
                      if s.english not in JAPANESE["sentences"]})  # fmt: skip
    assert not missing, f"{len(missing)} without Japanese:\n" + "\n".join(missing)


def test_no_sentence_is_left_over() -> None:
    known = {s.english for s in found()}
    assert set(JAPANESE["sentences"]) <= known, set(JAPANESE["sentences"]) - known


def test_placeholders_are_those_of_the_english_and_get_their_values() -> None:
    for english, japanese in (JAPANESE["sentences"] | JAPANESE["nodes"]).items():
        assert holes(english) == holes(japanese), english
    for sentence in found():
        if sentence.values is not None:
            assert holes(sentence.english) == sentence.values, f"{sentence.place}: {sentence}"


def test_the_japanese_is_japanese() -> None:
    def foreign(sentence: str) -> bool:
        # Commas and brackets of its own count: "FD、mm".
        return not any("\u3000" <= letter <= "\u9fff" for letter in sentence)

    assert {english for english, japanese in EVERYTHING.items() if foreign(japanese)} <= SAME


def test_every_setting_is_explained_in_japanese() -> None:
    models = (Session, ReplayChoice, PilotChoice)
    helps = {text for model in models for text in _helps(tables_of(model))} - {""}
    known = JAPANESE["help"].keys() | JAPANESE["sentences"].keys()
    assert helps <= known, helps - known
    assert JAPANESE["help"].keys() <= helps, JAPANESE["help"].keys() - helps


def _helps(tables: Iterable[Table]) -> Iterator[str]:
    for table in tables:
        yield table.help
        for setting in table.settings:
            yield setting.help
            yield from (column.help for column in setting.columns)


def test_no_text_reaches_the_screen_past_the_translator() -> None:
    past = [line for line in bare() if not line.endswith(NAMES)]
    assert not past, "\n".join(past)


def test_what_is_found_in_source(tmp_path: Path) -> None:
    source = tmp_path / "gui" / "x.py"
    source.parent.mkdir()
    source.write_text(
        'tr("a {n}" if x else "b {n}", n=1)\nmark("c")\nQLabel("Do it")\nQLabel(tr("d"))\n'
        'tr(f"e {n}")\nlabel.setText(f"<b>{n}</b> &nbsp; mm")\nQLabel("x: 3")\n'
    )
    sentences = {(s.english, s.values) for s in found(source.parent)}
    none: frozenset[str] = frozenset()
    assert sentences == {
        ("a {n}", frozenset({"n"})), ("b {n}", frozenset({"n"})), ("c", None), ("d", none),
    }  # fmt: skip
    assert [line.split(":", 2)[1] for line in bare(source.parent)] == ["3", "5", "6"]


def test_a_sentence_without_translation_stays_english() -> None:
    use("ja")
    assert texts.language() == "ja"
    assert tr("no such sentence, {n}", n=3) == "no such sentence, 3"
    assert mark("no such sentence") == told("no such sentence") == "no such sentence"


def test_braces_without_values_are_left_alone_and_a_forgotten_value_is_an_error() -> None:
    assert tr("{not a value}") == "{not a value}"
    with pytest.raises(KeyError):
        tr("{n} of {all}", n=3)


def test_what_a_node_tells_is_found_with_its_values() -> None:
    nodes = {"no {unit} for {n} s": "{unit}が{n}秒間来ない", "volume": "ボリューム"}
    translator = Translator("ja", {"epoch": "エポック"}, nodes)
    assert translator.told("no volume for 3 s") == "ボリュームが3秒間来ない"
    assert translator.told("no epoch for 0.5 s") == "エポックが0.5秒間来ない"
    assert translator.told("no volume for 3 seconds") == "no volume for 3 seconds"
    shown = Translator("ja", {"auto": "自動"}, {'engine "{name}": runs': 'エンジン "{name}":動く'})
    assert shown.told('engine "auto": runs') == 'エンジン "auto":動く', "as the file has it"


@pytest.mark.parametrize("line", [
    "bridge: waiting for acquisition to listen to the data, and answer",
    "bridge: the folder is on ext4, a local disk: read as soon as the system tells of a file",
    "bridge: the folder is on nfs, a network share: looked at every 0.5 s",
    "acquisition: getting ready: compiling for this machine, once",
    "▲ acquisition: eeg: no data for 3 s; markers mk: the source went away",
    "▲ acquisition: no LSL stream with source id eeg within 1 s; start the source, and check that "
    "the session ids agree",
    "renderer: no decode: the category is undecided; such percepts stay neutral",
    "renderer: painting with model world-64, 64 pixels",
    "renderer: set strength=0.5",
])  # fmt: skip
def test_what_nodes_tell_is_known(line: str) -> None:
    use("ja")
    words = line_words(line)
    front = line[: line.index(": ") + 2]
    assert words.startswith(front), "the mark and the name of the node stay"
    rest = words.removeprefix(front)
    assert all(re.search("[\u3040-\u9fff]", part) for part in rest.split("; ")), rest
    use("en")
    assert line_words(line) == line


def test_a_line_that_nobody_knows_stays_as_it_is() -> None:
    use("ja")
    assert line_words("▲ decoder: it broke; no data for 3 s") == (
        "▲ decoder: it broke; 3 秒間データがありません"
    )
    assert line_words("a: b") == "a: b"


def test_what_gate_and_consent_say_is_known() -> None:
    use("ja")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    consent = Consent.for_synthetic("p01", now).model_copy(update={"scopes": frozenset()})
    sink = SinkState("self")
    silent = sink.showing(0.0).reason
    view = {"run": "r", "seq": 0, "t_acquired": 0.0, "t_sent": 0.0, "producer": "gate"}
    sink.on_view(View(**view, sink="self", passing=True, reason="", passed=0))
    scope = Scope.VIEW_OPERATOR
    said = [
        silent, sink.showing(0.1).reason, sink.showing(9.0).reason, PAUSED, BETWEEN_BLOCKS,
        STOPPED, BLANKED_HERE, f"nothing is decoded: {STOPPED}",
        why_not(None, scope, "p01", now), why_not(consent, scope, "p02", now),
        why_not(consent, scope, "p01", now + timedelta(days=9)),
        why_not(consent, scope, "p01", now), problem("fps", 0, "above 0", "Correct it."),
        "decoder, renderer: no sign of life for more than 0.75 s",
    ]  # fmt: skip
    for sentence in said:
        assert sentence is not None
        words = told(sentence)
        assert words != sentence
        assert "{" not in words
    assert told(str(said[8])) == "同意ファイルがありません"


def test_names_of_quality_figures_are_known() -> None:
    use("ja")
    for name in quality.MOTION:
        words = quality.FIGURES[name].words
        assert told(words) != words


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="日本語"):
        use("xx")
    assert texts.language() == "en"
    assert all(load(code).language == code for code in LANGUAGES)


def test_threads_may_translate_while_the_language_is_set() -> None:
    use("ja")
    known = JAPANESE["sentences"]["volume"]
    seen: set[str] = set()
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            seen.add(tr("volume"))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        use("en")
        use("ja")
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {"volume", known}
    assert seen
