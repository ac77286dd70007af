"""What goes with the last recording of a run, and what never does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from phosphene.cli import main
from phosphene.messages import Message, RunStart, encode
from phosphene.recorder.names import next_free
from phosphene.recorder.writer import RecordingFile
from phosphene.seal import leftovers
from phosphene.seal.leftovers import is_ours, leftovers_of, remove, short_names
from phosphene.seal.purge import candidates, erase

MADE = (
    "report.html", "report.json", "preview.mp4", "volumes.csv", "tmap-01-faces.nii.gz",
    ".half-tmap-02-x.nii.gz", "run-1.scores", "released.json", "logs/gate.log", "logs/decoder.log",
)  # fmt: skip
COPIES = ("consent.toml", "recording.consent.json", "bundle.phos", "bundle/manifest.json",
          "bundle/model.onnx")  # fmt: skip
OTHERS = ("notes.txt", "report.docx", "logs/mine.txt", "bundles/p01/manifest.json", "shots/a.png")
CONSENT = 'person = "p01"\nscopes = ["record_brain"]\n'


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def record(folder: Path, run: str = "run-1") -> Path:
    folder.mkdir(exist_ok=True)
    file = RecordingFile(next_free(folder))
    start = RunStart(run=run, seq=0, t_acquired=1.0, t_sent=1.0, producer="recorder", person="p01",
                     mode="live", modality="fmri", t_wall=0.0, facts={})  # fmt: skip
    file.add(Message(start), encode(Message(start)))
    return file.finish()


def fill(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(CONSENT if name == "consent.toml" else "p01")


def below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def test_purge_leaves_nothing_of_the_run_and_touches_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    record(out)
    fill(out, MADE + COPIES + OTHERS)
    fill(tmp_path, ("consent.toml", "bundle/manifest.json"))
    assert main(["purge", str(out), "--now", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "bundle/ (2)" in told
    assert "logs/ (2)" in told
    assert "consent.toml" in told
    assert "not of the run, stays: bundles/, logs/ (1), notes.txt, report.docx, shots/" in told
    assert "the audit log stays" in told
    assert below(out) == {*MADE, *COPIES, *OTHERS, "recording.mcap"}
    assert main(["purge", str(out), "--now", "--yes"]) == 0
    assert below(out) == set(OTHERS)
    assert not (out / "bundle").exists()
    assert {"consent.toml", "bundle/manifest.json"} <= below(tmp_path)
    assert '"erased"' in (tmp_path / "state" / "audit.jsonl").read_text()


def test_empty_folders_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (found,) = candidates(record(out))
    (out / "logs").mkdir()
    assert erase(found).gone == (found.path,)
    assert list(out.iterdir()) == []


def test_another_recording_in_the_folder_keeps_what_lies_beside(tmp_path: Path) -> None:
    first, second = record(tmp_path / "out"), record(tmp_path / "out", "run-2")
    fill(tmp_path / "out", MADE)
    assert leftovers_of(tmp_path / "out", [first]).waits
    both = leftovers_of(tmp_path / "out", [first, second])
    assert len(both.goes) == len(MADE)
    (found,) = candidates(first)
    assert erase(found).gone == (first,)
    assert below(tmp_path / "out") == {*MADE, second.name}


def test_no_link_is_followed_and_none_is_deleted(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    (found,) = candidates(record(out))
    fill(elsewhere, ("manifest.json", "model.onnx", "gate.log", "consent.toml"))
    for name in ("bundle", "logs"):
        (out / name).symlink_to(elsewhere)
    (out / "consent.toml").symlink_to(elsewhere / "consent.toml")
    assert [path.name for path in leftovers_of(out, [found.path]).stays] == [
        "bundle", "consent.toml", "logs"]  # fmt: skip
    assert erase(found).troubles == ()
    assert below(elsewhere) == {"manifest.json", "model.onnx", "gate.log", "consent.toml"}
    assert sorted(p.name for p in out.iterdir()) == ["bundle", "consent.toml", "logs"]


def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    fill(out, ("logs/gate.log",))
    fill(elsewhere, ("gate.log",))
    found = leftovers_of(out).goes
    (out / "logs").rename(tmp_path / "aside")
    (out / "logs").symlink_to(elsewhere)
    gone, troubles = remove(out, found)
    assert gone == []
    assert "NOT erased" in troubles[0]
    assert (elsewhere / "gate.log").exists()


def test_beside_a_session_file_consent_and_decoder_are_the_studys_own(tmp_path: Path) -> None:
    out = tmp_path / "study"
    (found,) = candidates(record(out))
    fill(out, MADE + COPIES)
    (out / "p01-v01.toml").write_text(CONSENT)
    assert len(leftovers_of(out, [found.path]).goes) == len(MADE + COPIES), "a consent is no study"
    (out / "session.toml").write_text('person = "p01"\n')
    erase(found)
    assert below(out) == {*COPIES, "p01-v01.toml", "session.toml"}


def test_what_cannot_be_deleted_is_told_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, unlink = tmp_path / "out", os.unlink
    path = record(out)
    fill(out, ("report.html", "report.json"))

    def stubborn(name: str, **where: int) -> None:
        if name == "report.html":
            raise PermissionError(1, "busy")
        unlink(name, **where)

    monkeypatch.setattr(leftovers.os, "unlink", stubborn)
    assert main(["purge", str(out), "--now", "--yes"]) == 1
    assert f"{out / 'report.html'}: NOT erased: busy" in capsys.readouterr().out
    assert not path.exists()
    assert below(out) == {"report.html"}
    assert '"erased"' in (tmp_path / "state" / "audit.jsonl").read_text(), "the recording is gone"


@pytest.mark.parametrize("suffix", [".damaged", ".repair"])
def test_what_a_repair_has_left_is_the_persons_data_too(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record(tmp_path / "out")
    left = path.with_name(path.name + ".part" * (suffix == ".damaged") + suffix)
    left.write_bytes(b"\x89MCAP0\r\n, and no more that can be read")
    assert is_ours(left)
    fill(tmp_path / "out", ("report.html",))
    assert main(["purge", str(tmp_path / "out"), "--now", "--yes"]) == 0, capsys.readouterr()
    assert below(tmp_path / "out") == set()


def test_what_an_earlier_purge_has_left_goes_when_it_is_asked_for(
    tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    fill(out, ("logs/gate.log", "logs/mine.txt", *COPIES))
    assert main(["purge", str(out), "--yes", "--clock-checked"]) == 0, "a timer looks at no rest"
    assert "nothing is to be erased" in capsys.readouterr().out
    assert main(["purge", str(out), "--now", "--yes"]) == 0
    assert "the recording is gone, still there are" in capsys.readouterr().out
    assert below(out) == {"logs/mine.txt"}
    assert '"erased"' in (state / "audit.jsonl").read_text()


@pytest.mark.parametrize("names", [COPIES, ("logs/other.log",), ("preview.mp4", "volumes.csv")])
def test_a_folder_in_which_no_run_was_is_left_alone(tmp_path: Path, names: tuple[str, ...]) -> None:
    fill(tmp_path / "mine", names)
    assert main(["purge", str(tmp_path / "mine"), "--now", "--yes"]) == 0
    assert below(tmp_path / "mine") == set(names)


def test_names_for_people(tmp_path: Path) -> None:
    fill(tmp_path, ("a.txt", "logs/x.log", "logs/y.log", "mine/z"))
    paths = [tmp_path / name for name in ("a.txt", "logs/x.log", "logs/y.log", "mine")]
    assert short_names(tmp_path, paths) == ["a.txt", "logs/ (2)", "mine/"]
