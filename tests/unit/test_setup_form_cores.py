from __future__ import annotations

import os
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gui.setup.draft import Draft
from gui.setup.modes import PilotChoice, ReplayChoice, live_arguments
from gui.setup.problems import beside
from gui.setup.schema import Setting, tables_of
from gui.setup.study import Around, Study
from gui.setup.values import in_one_line, read, shown
from phosphene.cli import _parser
from phosphene.commands.live import _confirmed
from phosphene.consent import Consent, Scope
from phosphene.consent.confirm import Confirmation, confirm
from phosphene.consent.words import Circumstances
from phosphene.errors import ConfigError, ConsentError
from phosphene.session import Session

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "session-scanner.toml"
TABLES = tables_of(Session)
SETTINGS = {setting.dotted: setting for table in TABLES for setting in table.settings}


def leaves(model: type[BaseModel], path: str = "") -> set[str]:
    """Names of all settings of a model, found another way: from its JSON schema."""
    schema = model.model_json_schema()
    known = schema.get("$defs", {})

    def walk(table: dict[str, object], before: str) -> set[str]:
        found: set[str] = set()
        for name, entry in table["properties"].items():  # type: ignore[attr-defined]
            text = str({k: v for k, v in entry.items() if k in ("$ref", "anyOf")})
            inner = re.search(r"#/\$defs/(\w+)", text)
            if inner is None:
                found.add(before + name)
            else:
                found |= walk(known[inner[1]], f"{before}{name}.")
        return found

    return walk(schema, path)


def test_every_setting_of_the_schema_has_its_place_once() -> None:
    names = [setting.dotted for table in TABLES for setting in table.settings]
    assert len(names) == len(set(names))
    assert set(names) == leaves(Session)


def test_every_setting_is_explained_by_its_model() -> None:
    silent = [name for name, setting in SETTINGS.items() if not setting.help]
    assert silent == [], "the docstring of their model does not name them"
    assert "`" not in " ".join(setting.help for setting in SETTINGS.values())
    assert all(table.help for table in TABLES)


@pytest.mark.parametrize(
    ("name", "kind", "shape", "needed"),
    [
        ("person", "text", "one", True),
        ("source.kind", "choice", "one", True),
        ("source.labels", "text", "map", False),
        ("acquisition.eeg.band_hz", "number", "list", False),
        ("acquisition.eeg.interpolate", "switch", "one", False),
        ("acquisition.fmri.rois", "path", "map", False),
        ("decoder.bundle", "path", "one", False),
        ("renderer.cores", "whole", "list", False),
        ("protocol.blocks", "value", "rows", False),
        ("protocol.score.options", "value", "map", False),
        ("recorder.seal", "path", "list", False),
    ],
)
def test_kinds(name: str, kind: str, shape: str, needed: bool) -> None:
    setting = SETTINGS[name]
    assert (setting.kind, setting.shape, setting.needed) == (kind, shape, needed)


def test_rows_and_tables_that_need_not_be_there() -> None:
    columns = [column.name for column in SETTINGS["protocol.blocks"].columns]
    assert columns[:3] == ["kind", "onset_s", "duration_s"]
    assert {table.dotted for table in TABLES if table.optional} >= {"protocol"}


def setting(kind: str, shape: str = "one") -> Setting:
    return Setting(("a",), kind, shape, (), None, False, "")  # type: ignore[arg-type]


WORD = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1).filter(
    lambda text: "=" not in text
)


@settings(max_examples=15)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_as_they_were(values: list[float]) -> None:
    wanted = setting("number", "list")
    assert read(shown(values, wanted), wanted) == values


@settings(max_examples=15)
@given(st.dictionaries(WORD, WORD, min_size=1))
def test_maps_come_back_as_they_were(values: dict[str, str]) -> None:
    wanted = setting("text", "map")
    assert read(shown(values, wanted), wanted) == values


def test_what_cannot_be_read_stays_a_text_for_the_model_to_refuse() -> None:
    assert read("fast", setting("number")) == "fast"
    assert read("1.5", setting("whole")) == "1.5"
    assert read("1, x", setting("whole", "list")) == [1, "x"]
    assert read("no sign", setting("text", "map")) == "no sign"
    assert read("  ", setting("text")) is None
    assert read("12", setting("text")) == "12", "an id that looks like a number stays a text"
    assert read("true", setting("value")) is True
    assert in_one_line(setting("number", "list"))
    assert not in_one_line(setting("path", "list"))


def test_a_file_that_is_not_edited_is_not_touched() -> None:
    draft = Draft.open(Session, EXAMPLE)
    assert draft.text == EXAMPLE.read_text("utf-8")
    draft.set(("renderer", "fps"), 24.0)
    assert not draft.changed, "it was so already"


def test_an_edit_changes_its_line_and_leaves_every_comment() -> None:
    draft = Draft.open(Session, EXAMPLE)
    before = draft.text.splitlines()
    draft.set(("renderer", "fps"), 30.0)
    draft.set(("source", "series"), 12)
    draft.set(("source", "labels"), {"1": "house"})
    draft.set(("gate", "task", "on"), True)
    draft.set(("recorder", "images"), None)
    after = draft.text.splitlines()
    comments = [line.partition("#")[2] for line in before if "#" in line]
    assert [c for c in comments if c not in draft.text] == [
        " frames too, where the consent includes record_images"
    ], "only the comment of the line that was taken out"
    assert "fps = 30.0              # frames per second, above 0 to 240" in after
    held = tomllib.loads(draft.text)
    assert held["source"]["series"] == 12
    assert held["source"]["labels"] == {"1": "house"}
    assert held["gate"]["task"]["on"] is True
    assert "images" not in held["recorder"]
    unchanged = [line for line in before if line and line in after]
    assert len(unchanged) == len([line for line in before if line]) - 2


VALUES = {
    "renderer.fps": st.floats(1, 200), "renderer.steps": st.sampled_from([1, 2, 4]),
    "source.labels": st.dictionaries(WORD, WORD), "acquisition.eeg.bad_channels": st.lists(WORD),
    "gate.task.on": st.booleans(), "recorder.out": WORD, "protocol.cycles": st.integers(1, 9),
    "renderer.large.tiny": WORD, "consent.visit": WORD,
}  # fmt: skip


DOTTED = """\
acquisition.fmri.realign = "auto"
renderer.large.tiny = "x"
person = "p01"
[source]
kind = "folder"
[gate]
task.on = false
[consent]
"""


@settings(max_examples=15)
@given(st.lists(st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.tuples(st.just(name), st.none() | VALUES[name])), max_size=8))  # fmt: skip
def test_what_was_set_is_what_the_file_says(edits: list[tuple[str, object]]) -> None:
    for text in (EXAMPLE.read_text("utf-8"), DOTTED):
        draft = Draft(Session, text)
        wanted: dict[str, object] = {}
        for name, value in edits:
            draft.set(tuple(name.split(".")), value)
            wanted[name] = value
        held = Draft(Session, draft.text)
        for name, value in wanted.items():
            assert held.get(tuple(name.split("."))) == value
        assert held.get(("acquisition", "fmri", "realign")) == "auto", "others stay"
        assert held.get(("source", "kind")) == "folder"


def test_rows_are_added_changed_and_removed() -> None:
    draft = Draft(Session, "# kept\n")
    path = ("protocol", "blocks")
    draft.add_row(path, {"kind": "rest"})
    draft.add_row(path, {"kind": "regulate"})
    draft.set((*path, 1, "duration_s"), 40.0)
    draft.remove_row(path, 0)
    assert draft.get(path) == [{"kind": "regulate", "duration_s": 40.0}]
    draft.remove_row(path, 0)
    assert draft.get(path) is None
    inline = Draft(Session, 'protocol.blocks = [{kind = "rest", duration_s = 1}]\n')
    inline.add_row(path, {"kind": "task"})
    assert [row["kind"] for row in inline.get(path)] == ["rest", "task"]


WRONG = """\
person = 7
source = 3
gate = [1]
acquisition.fmri = "x"
protocol.blocks = [1, 2]
[renderer]
large = "small"
steps = { a = 1 }
"""


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_file_that_is_wrong_in_every_place_can_be_mended(name: str) -> None:
    path = SETTINGS[name].path
    draft = Draft(Session, WRONG)
    assert draft.check().problems
    draft.set(path, None)
    assert draft.get(path) is None
    draft.set(path, "new")
    assert tomllib.loads(draft.text) == draft.values
    assert draft.get(path) == "new"


def test_rows_that_are_no_rows_are_replaced() -> None:
    draft, path = Draft(Session, WRONG), ("protocol", "blocks")
    draft.set((*path, 1, "kind"), "rest")
    assert draft.get(path) == [1, {"kind": "rest"}]
    draft.remove_row(path, 0)
    draft.add_row(path, {"kind": "task"})
    assert draft.get(path) == [{"kind": "rest"}, {"kind": "task"}]
    assert tomllib.loads(draft.text)["protocol"]["blocks"] == draft.get(path)
    draft.add_row(("network", "machines"), {"name": "a"})
    assert draft.get(("network", "machines", 0, "name")) == "a"


def test_cores_know_no_qt() -> None:
    folder = ROOT / "gui" / "setup"
    cores = [file for file in folder.glob("*.py") if "No Qt." in file.read_text().split('"""')[1]]
    assert len(cores) >= 11
    views = {file.stem for file in folder.glob("*.py")} - {file.stem for file in cores}
    for file in cores:
        imported = set(re.findall(r"^\s*(?:from|import) ([\w.]+)", file.read_text(), re.MULTILINE))
        assert not any(name.startswith("PySide6") for name in imported), file
        assert not {name.removeprefix("gui.setup.") for name in imported} & views, file


def test_all_problems_at_once_each_beside_its_setting() -> None:
    draft = Draft.open(Session, EXAMPLE)
    draft.set(("renderer", "fps"), "fast")
    draft.set(("renderer", "steps"), 3)
    draft.set(("person",), None)
    draft.set(("source", "echo"), 0)
    draft.set(("recorder", "colour"), 1)
    draft.add_row(("protocol", "blocks"), {"kind": "sleep", "duration_s": -1})
    found = draft.check()
    assert found.model is None
    told = beside(found.problems, TABLES)
    assert told[("renderer", "fps")] == ["must be a number"]
    assert told[("renderer", "steps")] == ["must be one of 1, 2 or 4"]
    assert told[("person",)] == ["has to be set"]
    assert told[("source", "echo")] == ["must be at least 1"]
    assert told[("recorder",)] == [
        "colour: there is no such setting; remove it or correct its name"
    ]
    lines = told[("protocol", "blocks")]
    assert lines[0].startswith("line 1, kind: must be one of ")
    assert lines[1] == "line 1, duration_s: must be above 0.0"


def test_a_rule_of_a_whole_table_is_told_there() -> None:
    draft = Draft(Session, 'person = "p01"\nmodality = "eeg"\n[source]\nkind = "lsl-eeg"\n')
    told = beside(draft.check().problems, TABLES)
    assert list(told) == [("source",)]
    assert "needs source_ids" in told[("source",)][0]


def test_saving_is_whole_keeps_links_and_never_overwrites_others(tmp_path: Path) -> None:
    file, link = tmp_path / "study.toml", tmp_path / "link.toml"
    file.write_text(EXAMPLE.read_text("utf-8"))
    file.chmod(0o640)
    link.symlink_to(file)
    draft = Draft.open(Session, link)
    draft.set(("renderer", "seed"), 7)
    draft.save()
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert tomllib.loads(file.read_text())["renderer"]["seed"] == 7
    assert not draft.changed
    file.write_text(file.read_text() + "# by another hand\n")
    draft.set(("renderer", "seed"), 8)
    with pytest.raises(ConfigError, match="another program"):
        draft.save()
    draft.save(tmp_path / "mine.toml")
    assert "another hand" in file.read_text()
    assert (tmp_path / "mine.toml").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_study_stays_readable_for_whom_it_was(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(EXAMPLE.read_text("utf-8"))
    file.chmod(0o640)
    draft = Draft.open(Session, file)
    draft.set(("renderer", "seed"), 7)
    before = os.umask(0o077)  # that of every command
    try:
        draft.save()
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_is_no_toml_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("person = \n")
    with pytest.raises(ConfigError, match=r"s\.toml: not valid TOML"):
        Draft.open(Session, file)
    with pytest.raises(ConfigError, match="nothing"):
        Draft.open(Session, tmp_path / "nothing.toml")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    draft = Draft(Session, "")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot be written"):
        draft.save(tmp_path / "file" / "s.toml")


def test_the_command_lines_are_understood_by_phosphene(tmp_path: Path) -> None:
    study = Study(mode="pilot")
    study.pilot.set(("modality",), "eeg")
    study.pilot.set(("seal",), ["a.pub", "b.pub"])
    arguments = study.arguments(Around(screen="PROJECTOR"))
    held = _parser("demo").parse_args(arguments)
    assert held.eeg
    assert held.seal == [Path("a.pub"), Path("b.pub")]
    assert held.participant_screen == "PROJECTOR"
    study.mode = "replay"
    study.replay.set(("recording",), str(tmp_path / "r.mcap"))
    study.replay.set(("speed",), "max")
    held = _parser("replay").parse_args(study.arguments(Around()))
    assert (held.recording, held.speed, held.out) == (tmp_path / "r.mcap", "max", None)
    words = Confirmation(
        by="AB", at=datetime.now(UTC), consent="c", language="ja", version=1, words_sha256="12ab"
    )
    held = _parser("live").parse_args(live_arguments(tmp_path / "s.toml", "lab", words))
    assert (held.confirmed_by, held.language, held.lsl_session) == ("AB", "ja", "lab")
    assert held.confirmed_words == "12ab"
    assert live_arguments(Path("s.toml"), "default") == ["live", "s.toml"]


@pytest.mark.parametrize("model", [ReplayChoice, PilotChoice])
def test_replays_and_pilots_have_forms_too(model: type[BaseModel]) -> None:
    (table,) = tables_of(model)
    assert all(setting.help for setting in table.settings)


def test_a_run_does_not_begin_with_other_words_than_were_confirmed() -> None:
    session = Session.model_validate(
        {"person": "p01", "modality": "fmri", "source": {"kind": "folder", "path": "/in"},
         "consent": {"unsigned": True}}
    )  # fmt: skip
    consent = Consent(person="p01", scopes=frozenset(), expires=datetime(2099, 1, 1, tzinfo=UTC))
    at = datetime.now(UTC)
    words = confirm(consent, Circumstances.of(session), "AB", at)
    arguments = _parser("live").parse_args(live_arguments(Path("s.toml"), "", words))
    held = _confirmed(session, consent, arguments)
    assert held is not None
    assert held.words_sha256 == words.words_sha256
    gate = session.gate.model_copy(update={"level_self": 1})
    others = consent.model_copy(update={"scopes": frozenset(Scope)})
    with pytest.raises(ConsentError, match="other words"):
        _confirmed(session.model_copy(update={"gate": gate}), others, arguments)
