from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.replay.axis import Axis
from gui.replay.compare import (
    Variant,
    agreement,
    command_of,
    doubts,
    steps_told,
)
from gui.replay.keyring import Keyring, locked_among
from gui.replay.lanes import graphs_of, hint_at, views_of
from gui.replay.load import StoppedError, is_ours, load
from gui.replay.opened import open_all, place_words
from gui.replay.player import Player
from gui.replay.recording import Recording
from gui.replay.rights import Rights
from phosphene.commands import replay as replay_command
from phosphene.errors import RecordingError, SealError
from phosphene.recorder.access import Place, messages_of, picture_at
from phosphene.recorder.reader import Ending, RecordingReader
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import KEYS_VARIABLE
from tests.unit.replay_bench import (
    NOW,
    STEPS,
    TR_S,
    facts_with,
    grey_of,
    run_messages,
    write,
)

FREE = Rights("", "", "", 4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("run"), run_messages())


@pytest.fixture(scope="module")
def recording(run: Path) -> Recording:
    return load(run, Keyring().open)


# ---- pictures from any place ---------------------------------------------------------------------


def test_every_picture_is_found_again_in_any_order(run: Path) -> None:
    with run.open("rb") as file:
        places = [place for _, place in messages_of(file, Ending()) if place is not None]
        order = np.random.default_rng(0).permutation(len(places))
        greys = {int(k): int(np.median(picture_at(file, places[k]))) for k in order}
    assert greys == {k: grey_of(k) for k in range(STEPS)}


def test_the_messages_are_those_of_the_reader(run: Path) -> None:
    with run.open("rb") as file:
        ending = Ending()
        ours = [message.header for message, _ in messages_of(file, ending)]
    reader = RecordingReader(run, pictures=False)
    assert ours == [message.header for message in reader]
    assert ending.complete
    assert ending.read_bytes == reader.ending.read_bytes


@pytest.mark.parametrize("place", [Place(3, 0, (64, 64, 3)), Place(10**9, 0, (64, 64, 3))])
def test_a_place_where_no_picture_lies_is_an_error(run: Path, place: Place) -> None:
    with run.open("rb") as file, pytest.raises(RecordingError, match="picture at byte"):
        picture_at(file, place)


def test_a_damaged_chunk_gives_an_error_and_no_picture(run: Path, tmp_path: Path) -> None:
    with run.open("rb") as file:
        place = next(p for _, p in messages_of(file, Ending()) if p is not None)
    raw = bytearray(run.read_bytes())
    raw[place.at + 200] ^= 0xFF
    bad = tmp_path / "bad.mcap"
    bad.write_bytes(raw)
    with bad.open("rb") as file, pytest.raises(RecordingError):
        picture_at(file, place)


# ---- reading -------------------------------------------------------------------------------------


def test_a_run_lies_on_its_own_axis(recording: Recording) -> None:
    assert [step.t_s for step in recording.steps] == [TR_S * (k + 1) for k in range(STEPS)]
    assert [p.t_s for p in recording.painted] == sorted(p.t_s for p in recording.painted)
    # A frame is on show from its percept on, and until the next one.
    assert [recording.painted_at(TR_S * (k + 1.9)).percept_sent_s  # type: ignore[union-attr]
            for k in range(STEPS - 1)] == [d.sent_s for d in recording.decoded[:-1]]  # fmt: skip
    assert recording.painted_at(1.9) is None, "no picture before the first percept"
    assert recording.decoded_at(1.9) is None
    assert recording.decoded_at(TR_S) is recording.decoded[0]
    assert [(b.label, b.start_s, b.end_s) for b in recording.blocks] == [
        ("face", 0.0, 8.0), ("house", 8.0, 16.0), ("face", 16.0, 24.0)]  # fmt: skip
    assert recording.end_s == pytest.approx(TR_S * STEPS)
    assert not recording.damage


def test_the_operators_markers_are_told_apart_and_end_no_condition(recording: Recording) -> None:
    assert [(m.t_s, m.label) for m in recording.marks if m.own] == [(7.0, "coughed")]
    assert recording.truth.at(7.5).label == "face"


def test_blank_spells_have_begin_end_and_reason(recording: Recording) -> None:
    (spell,) = recording.blank["operator"]
    assert (spell.start_s, spell.end_s) == (pytest.approx(9.0), pytest.approx(13.0))
    assert recording.blank_at("operator", 8.9) is None
    assert recording.blank_at("operator", 11.0) == spell
    assert recording.blank_at("operator", 13.5) is None
    assert recording.blank_at("self", 11.0) is None


def test_steps_go_from_volume_to_volume_and_stay_inside(recording: Recording) -> None:
    assert recording.step_of(5.0, 1) == 6.0
    assert recording.step_of(5.0, -1) == 2.0
    assert recording.step_of(5.0, 0) == 4.0
    assert recording.step_of(0.0, -5) == TR_S
    assert recording.step_of(0.0, 99) == TR_S * STEPS


def test_a_cut_recording_is_read_as_far_as_it_goes(run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "recording.mcap.part"
    with run.open("rb") as file:
        places = [place for _, place in messages_of(file, Ending()) if place is not None]
    cut.write_bytes(run.read_bytes()[: places[6].at + 50])
    found = load(cut, Keyring().open)
    assert 0 < len(found.steps) < STEPS
    assert found.stop is None
    assert "cut off" in found.damage[0]


def test_reading_tells_how_far_it_is_and_leaves_off_when_asked(run: Path) -> None:
    told: list[float] = []
    load(run, Keyring().open, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with pytest.raises(StoppedError):
        load(run, Keyring().open, stopped=lambda: True)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        load(tmp_path / "none.mcap", Keyring().open)
    with pytest.raises(RecordingError, match="no recording"):
        load(tmp_path, Keyring().open)


def test_what_is_ours_is_known_by_name(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_bytes(b"XDF:")
    assert is_ours(run)
    assert is_ours(run.parent)
    assert not is_ours(tmp_path / "a.xdf")
    assert not is_ours(tmp_path)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=12),
       st.lists(st.floats(-10, 200), min_size=2, max_size=12))  # fmt: skip
def test_the_axis_never_leads_back(anchors: list[tuple[float, float]], clocks: list[float]) -> None:
    found = Axis(anchors).at(sorted(clocks))
    assert (np.diff(found) >= 0).all()
    assert (found >= 0).all()


# ---- sealed --------------------------------------------------------------------------------------


def test_a_sealed_run_opens_with_its_key_only(tmp_path: Path) -> None:
    key = StewardKey.new()
    path = write(tmp_path / "s", run_messages(), key)
    assert locked_among(path.parent) == [path]
    with pytest.raises(SealError, match="private key"):
        load(path, Keyring().open)
    with pytest.raises(SealError):
        load(path, Keyring(StewardKey.new()).open)
    keyring = Keyring(key)
    found = load(path, keyring.open)
    assert len(found.steps) == STEPS
    with keyring.open(path) as file:
        assert int(np.median(picture_at(file, found.painted[3].place))) == grey_of(3)


def test_a_child_gets_one_recordings_key_and_no_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_PASSPHRASE", "secret words")
    monkeypatch.setenv(KEYS_VARIABLE, "other:00")
    key = StewardKey.new()
    path = write(tmp_path / "s", run_messages(), key)
    keyring = Keyring(key)
    lent = keyring.lend([path])
    assert "PHOSPHENE_PASSPHRASE" not in lent
    assert key.secret.hex() not in str(lent)
    monkeypatch.setenv(KEYS_VARIABLE, lent[KEYS_VARIABLE])
    assert sum(1 for _ in RecordingReader(path, pictures=False)) == len(run_messages())
    assert KEYS_VARIABLE not in keyring.lend([])


# ---- words and curves ----------------------------------------------------------------------------


def test_curves_follow_the_rights(recording: Recording) -> None:
    assert [g.words for g in graphs_of(recording, FREE)] == ["FD, mm", "confidence"]
    hidden = graphs_of(recording, Rights.none("no"))
    assert [g.words for g in hidden] == ["FD, mm"], "what was decoded is not drawn"
    assert hidden[0].levels == (0.2, 0.5)
    assert views_of(recording) == ["operator", "self"]


def test_the_hint_names_what_was_there(recording: Recording) -> None:
    words = hint_at(recording, 7.0, 0.1)
    assert "coughed" in words
    assert "shown: face" in words
    assert "blank" in hint_at(recording, 10.0, 0.1)
    assert place_words(recording, 5.0) == "5.0 of 24.0 s · volume 2 of 12"


def test_the_player_keeps_inside_and_stops_at_the_end() -> None:
    player = Player(end_s=10.0, speed=4.0)
    player.play()
    player.advance(1.5)
    assert player.t_s == 6.0
    player.advance(5.0)
    assert (player.t_s, player.playing) == (10.0, False)
    player.play()
    assert (player.t_s, player.playing) == (0.0, True), "from the begin again"
    player.go_to(-3)
    assert player.t_s == 0.0


# ---- two runs ------------------------------------------------------------------------------------


def test_agreement_stands_beside_chance(recording: Recording, tmp_path: Path) -> None:
    labels = ["face"] * 6 + ["house"] * 6
    other = load(write(tmp_path / "b", run_messages(labels)), Keyring().open)
    found = agreement(recording, other)
    assert (found.both, found.only) == (STEPS, (0, 0))
    assert found.same == pytest.approx(0.5)
    assert found.by_chance == pytest.approx(0.5)
    assert agreement(recording, recording).same == 1.0
    assert doubts(recording, other) == []
    cut = Recording(tmp_path, [], decoded=recording.decoded[:4], end_s=8.0)
    assert agreement(recording, cut).only == (STEPS - 4, 0)
    assert len(doubts(recording, cut)) == 2, "another length, other events"


def test_the_command_is_one_that_replay_takes(tmp_path: Path) -> None:
    import argparse

    variant = Variant(tmp_path / "b.phos", model="world-64", mode="zc", steps=4, seed=3)
    words = command_of(variant, tmp_path / "r.mcap", tmp_path / "a", tmp_path / "c.toml",
                       tmp_path / "k.pub")  # fmt: skip
    parser = argparse.ArgumentParser()
    replay_command.REPLAY.configure(parser)
    read = parser.parse_args(words[words.index("replay") + 1 :])
    assert (read.recording, read.out) == (tmp_path / "r.mcap", tmp_path / "a")
    assert (read.bundle, read.consent) == (tmp_path / "b.phos", tmp_path / "c.toml")
    assert (read.model, read.mode, read.steps, read.seed) == ("world-64", "zc", 4, 3)
    assert read.headless
    assert read.speed == "max"
    assert read.seal == [tmp_path / "k.pub"]


@pytest.mark.parametrize(
    ("said", "steps"),
    [("", None), ("run ended: success", None), ("12volume [00:03,  4.00volume/s]", 12),
     ("3volume [00:01]\r 17volume [00:02]", 17), ("  5/80 epoch", 5)],
)  # fmt: skip
def test_progress_is_read_from_what_a_replay_says(said: str, steps: int | None) -> None:
    assert steps_told(said) == steps


def test_both_are_opened_with_one_progress_and_the_log_says_so(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path))
    told: list[float] = []
    found = open_all([run, run.parent], Keyring, lambda: NOW, told.append)
    assert (tmp_path / "audit.jsonl").read_text().count('"shows":"pictures"') == 2
    assert [len(o.recording.steps) for o in found] == [STEPS, STEPS]
    assert told == sorted(told)
    assert found[0].rights == FREE
    assert facts_with()["consent_person"] == "p01"
