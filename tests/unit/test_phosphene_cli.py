from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from phosphene.cli import main
from phosphene.commands.demo import DEMO, _session, demo_programme
from phosphene.commands.fit import person_in
from phosphene.commands.options import add_painting_options, painting, pairs, validated
from phosphene.commands.replay import REPLAY, _acquisition, person_of, speed_of
from phosphene.consent import Consent, Scope
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent, read_prepared, write_prepared
from phosphene.doctor import CHECKS, Finding
from phosphene.errors import ConfigError, InputError, check_all, problem
from phosphene.messages import Message, RunStart, encode
from phosphene.recorder.writer import RecordingFile
from phosphene.run import _wrap_up, check_out, set_aside
from phosphene.session import GateSettings, RendererSettings
from phosphene.supervisor import Outcome


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("2.5", 2.5), ("max", None)])
def test_speeds_are_read(text: str, speed: float | None) -> None:
    assert speed_of(text) == speed


@pytest.mark.parametrize("text", ["banana", "0", "-1", "nan", "1e9", ""])
def test_other_speeds_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--speed"):
        speed_of(text)


def test_pairs_are_read_or_refused() -> None:
    assert pairs("--labels", "1=house,2=face") == {"1": "house", "2": "face"}
    assert pairs("--labels", "") == {}
    with pytest.raises(ConfigError, match="--labels: got '2'"):
        pairs("--labels", "1=house,2")


@pytest.mark.parametrize(
    "command",
    [
        ["replay", "/nowhere/recording"],
        ["live", "/nowhere/session.toml"],
        ["info", "/nowhere/recording.mcap"],
        ["recover", "/nowhere/recording.mcap"],
        ["report", "/nowhere/out"],
        ["fit", "/nowhere/run.csv", "--out", "/nowhere/bundle"],
        ["demo", "--seconds", "1"],
    ],
)
def test_a_told_error_ends_with_status_1(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("phosphene: ")
    assert "Traceback" not in said


def test_an_unknown_command_ends_with_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
    assert "dance" in capsys.readouterr().err


def test_an_own_recording_says_itself_whose_brain_it_is() -> None:
    own = RunStart(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="recorder", person="p01",
        mode="live", modality="eeg", t_wall=0.0, facts={},
    )  # fmt: skip
    other = Consent(person="p02", scopes=frozenset(Scope), expires=datetime(2099, 1, 1, tzinfo=UTC))
    assert person_of(None, own, None, other) == "p01", "a consent names nobody else's data"
    assert person_of("p01", own, None, other) == "p01"
    with pytest.raises(ConfigError, match="--person: got 'p02'; allowed: p01"):
        person_of("p02", own, None, other)
    assert person_of(None, None, None, other) == "p02"


def recording_of(folder: Path, person: str) -> Path:
    folder.mkdir()
    file = RecordingFile(folder / "recording.mcap.part")
    start = RunStart(
        run="r", seq=0, t_acquired=0.0, t_sent=0.0, producer="recorder", person=person,
        mode="live", modality="eeg", t_wall=0.0, facts={},
    )  # fmt: skip
    file.add(Message(start, {}), encode(Message(start, {})))
    return file.finish()


def test_a_fit_is_of_the_person_in_the_recording(tmp_path: Path) -> None:
    first, again = (recording_of(tmp_path / name, "p07") for name in ("a", "b"))
    other, foreign = recording_of(tmp_path / "c", "p08"), tmp_path / "run.csv"
    foreign.write_text("1,2")
    assert person_in(None, [first, again.parent, foreign]) == person_in("p07", [first]) == "p07"
    with pytest.raises(ConfigError, match="--person: got 'p01'; allowed: p07"):
        person_in("p01", [first])
    with pytest.raises(
        ConfigError, match=r"p07 in .*a/recording\.mcap, p08 in .*c/recording\.mcap"
    ):
        person_in(None, [first, other])
    assert (person_in(None, [foreign]), person_in("p02", [foreign])) == ("p01", "p02")


def test_an_earlier_run_is_renamed_and_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert set_aside(out) is None
    for number in (1, 2):
        out.mkdir()
        (out / "report.json").write_text(str(number))
        assert set_aside(out) == tmp_path / f"out_old{number}"
    assert [(tmp_path / f"out_old{n}" / "report.json").read_text() for n in (1, 2)] == ["1", "2"]


def test_a_folder_without_a_run_is_never_renamed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert set_aside(tmp_path) is None
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        check_out(tmp_path / "file" / "out")


def test_all_problems_are_told_together() -> None:
    lines = [problem("a", 1, "2", "Do b."), problem("c", 3, "4", "Do d.")]
    with pytest.raises(InputError, match=r"thing: 2 problem\(s\)") as caught:
        check_all(lines, InputError, "thing")
    assert all(line in str(caught.value) for line in lines)
    check_all([], InputError, "thing")


def options_of(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_painting_options(parser)
    return parser.parse_args(given)


def test_only_the_settings_of_painting_that_are_given_are_set() -> None:
    assert painting(options_of()) == {}, "so that bundle and session have their say"
    given = options_of(
        "--model", "world-64", "--engine", "cpu", "--precision", "fp32", "--steps", "4",
        "--threads", "2", "--fps", "30", "--mode", "c", "--strength", "0.4",
        "--renderer", '{"path": "hold", "steps": 1}',
    )  # fmt: skip
    held = validated(RendererSettings, painting(given))
    assert (held.model, held.engine, held.precision) == ("world-64", "cpu", "fp32")
    assert (held.steps, held.threads, held.fps) == (4, 2, 30.0), "options stand above the table"
    assert (held.mode, held.strength, held.path) == ("c", 0.4, "hold")
    assert "min_confidence" not in held.model_fields_set
    with pytest.raises(ConfigError, match="threads"):
        validated(RendererSettings, painting(options_of("--threads", "0")))
    assert painting(argparse.Namespace(renderer={}, seed=3)) == {"seed": 3}


@pytest.mark.parametrize("eeg", [False, True])
def test_the_demo_fits_its_time_and_other_seeds_show_other_clips(eeg: bool) -> None:
    programme = demo_programme(1, 60.0, eeg=eeg)
    assert 30.0 < programme.duration_s <= 60.0
    assert programme == demo_programme(1, 60.0, eeg=eeg)
    others = {b.clip for b in demo_programme(2, 60.0, eeg=eeg).blocks}
    assert not others & {b.clip for b in programme.blocks}


def test_prepared_data_is_read_as_written(tmp_path: Path) -> None:
    meta = PreparedMeta(
        person="p", modality="fmri", kind="fmri", mask_hash="m", tr_s=1.0, affine=(), channels=(),
        times_s=(), settings="{}", sources={"a": "b"},
        events=[TimedEvent(run="1", t_s=0.0, duration_s=1.0, label="face")],
    )  # fmt: skip
    data = PreparedData(
        meta,
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.array(["1", "1"]),
        np.array([1.0, 2.0]),
        np.array([np.nan, np.nan]),
        np.ones((1, 3, 1), bool),
    )
    file = tmp_path / "d.npz"
    write_prepared(file, data)
    held = read_prepared(file)
    assert held.meta == meta
    np.testing.assert_array_equal(held.responses, data.responses)
    np.testing.assert_array_equal(held.runs, data.runs)
    assert list(tmp_path.iterdir()) == [file]
    more = replace(
        data, meta=structs.replace(meta, delays_s=(6.0, 8.0)), spikes=np.array([False, True]),
        at_delays=np.ones((2, 2, 3), np.float32),
    )  # fmt: skip
    write_prepared(file, more)
    held = read_prepared(file)
    assert held.spikes is not None and held.spikes.tolist() == [False, True]
    assert held.at_delays is not None and held.at_delays.shape == (2, 2, 3)
    shown = replace(
        data, pictures=np.ones((1, 2, 2, 3), np.uint8), embeddings=np.ones((1, 4), np.float32),
        sessions=np.array(["s", "t"]), given=np.array(["train", "test"]),
        further={"voxels": np.arange(3.0)},
    )  # fmt: skip
    write_prepared(file, shown)
    held = read_prepared(file)
    for name in ("pictures", "embeddings", "sessions", "given"):
        np.testing.assert_array_equal(getattr(held, name), getattr(shown, name))
    assert held.clips is None and list(held.further) == ["voxels"]
    write_prepared(file, replace(more, meta=meta))
    with pytest.raises(InputError, match="different lengths"):
        read_prepared(file)


def test_cut_prepared_data_is_told(tmp_path: Path) -> None:
    file = tmp_path / "d.npz"
    file.write_bytes(b"PK\x03\x04 not all of it")
    with pytest.raises(InputError, match=r"d\.npz"):
        read_prepared(file)


@pytest.mark.parametrize("check", [c for c in CHECKS if not c.slow], ids=lambda c: c.name)
def test_every_quick_check_gives_a_finding_with_a_fix_where_it_is_not_ok(check: object) -> None:
    finding = check.look()  # type: ignore[attr-defined]
    assert isinstance(finding, Finding)
    assert finding.text
    assert (finding.level == "ok") == (finding.fix == "")


def test_recover_says_when_there_is_nothing_to_recover(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["recover", str(tmp_path)]) == 1
    assert f"{tmp_path}: holds no recording" in capsys.readouterr().err
    whole = recording_of(tmp_path / "a", "p07").parent
    assert main(["recover", str(whole)]) == 0
    assert "nothing to repair" in capsys.readouterr().out
    stub = tmp_path / "recording.mcap.part"
    stub.write_bytes((whole / "recording.mcap").read_bytes()[:30])
    assert main(["recover", str(stub)]) == 1
    assert "nothing could be recovered" in capsys.readouterr().out


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    file = recording_of(tmp_path / "a", "p07")
    command = [sys.executable, "-m", "phosphene.cli", "info", str(file)]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, check=False, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_run_that_never_began_leaves_no_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording_of(tmp_path / "a", "p07")
    _wrap_up(tmp_path / "a", Outcome(status="fail"))
    assert list((tmp_path / "a").iterdir()) == []
    assert "did not begin" in capsys.readouterr().out


def test_pictures_of_a_synthetic_person_are_shown_whole_those_of_others_when_asked_for() -> None:
    demo, replay = argparse.ArgumentParser(), argparse.ArgumentParser()
    DEMO.configure(demo)
    REPLAY.configure(replay)
    shown = _session(demo.parse_args(["--eeg"]), Path("/in"), "pilot-0", Path("/bundle"))
    assert shown.gate.level_operator == 4
    assert replay.parse_args(["x"]).operator_level == GateSettings().level_operator == 3
    assert replay.parse_args(["x", "--operator-level", "4"]).operator_level == 4


def test_a_replay_takes_settings_of_the_cleaning_and_its_own_options_stand_above() -> None:
    parser = argparse.ArgumentParser()
    REPLAY.configure(parser)
    table = '{"eeg": {"notch_hz": 60}, "fmri": {"smooth_mm": 4, "high_pass_s": 90}}'
    given = parser.parse_args(["x", "--acquisition", table, "--smooth-mm", "6"])
    assert _acquisition(given) == {
        "eeg": {"notch_hz": 60}, "fmri": {"smooth_mm": 6.0, "high_pass_s": 90},
    }  # fmt: skip
    assert _acquisition(parser.parse_args(["x"])) == {"fmri": {}}
    with pytest.raises(SystemExit):
        parser.parse_args(["x", "--acquisition", "[1]"])
