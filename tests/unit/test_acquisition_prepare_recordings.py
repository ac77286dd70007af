from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from acquisition.simulate.head import slice_times_s
from acquisition.simulate.mosaic import file_name, make_series, mosaic_bytes
from acquisition.sources.labels import blocks_of, events_beside, renamed
from acquisition.sources.own import read_own
from acquisition.sources.recording import (
    EegRun,
    FmriRecording,
    OpenOptions,
    open_recording,
    runs_of,
)
from phosphene.dataset import TimedEvent
from phosphene.errors import InputError
from phosphene.messages import Event, Message, Samples, Volume, describe
from phosphene.stimuli import CATEGORIES


def save_nifti(path: Path, shape: tuple[int, ...], tr_s: float = 2.0) -> np.ndarray[Any, Any]:
    data = np.random.default_rng(0).integers(0, 900, shape).astype(np.int16)
    image = nib.Nifti1Image(data, np.diag([2.0, 2.0, 2.0, 1.0]))
    image.header.set_zooms((2.0, 2.0, 2.0, tr_s)[: len(shape)])
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)
    return data


@pytest.fixture
def pymvpa(tmp_path: Path) -> Path:
    save_nifti(tmp_path / "bold.nii.gz", (4, 5, 1, 12))
    save_nifti(tmp_path / "mask.nii.gz", (4, 5, 1))
    labels = ["rest", "face", "face", "rest", "scrambledpix", "rest"]
    lines = [f"{label} {run}" for run in (0, 1) for label in labels]
    (tmp_path / "attributes_literal.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_names_of_public_data_sets_become_those_of_the_world() -> None:
    theirs = ["faces", "houses", "cats", "bottles", "scissor", "shoes", "chairs", "scrambledpix"]
    events = [
        TimedEvent(run="1", t_s=float(k), duration_s=1.0, label=name)
        for k, name in enumerate(theirs)
    ]
    assert tuple(event.label for event in renamed(events, {})) == CATEGORIES
    assert renamed(events[:1], {"faces": "portrait"})[0].label == "portrait"


def test_pymvpa_runs_are_counted_from_one_and_blocks_become_events(pymvpa: Path) -> None:
    assert runs_of(pymvpa) == ("1", "2")
    made = open_recording(pymvpa, "2")
    assert isinstance(made, FmriRecording)
    assert (made.shape, made.tr_s, made.n_volumes) == ((4, 5, 1), 2.0, 6)
    assert [(e.t_s, e.duration_s, e.label, e.run) for e in made.events] == [
        (2.0, 4.0, "face", "2"),
        (8.0, 2.0, "scrambled", "2"),
    ]
    whole = np.asarray(nib.load(pymvpa / "bold.nii.gz").dataobj)
    volumes = list(made.volumes())
    assert [v.index for v in volumes] == list(range(6))
    np.testing.assert_array_equal(volumes[1].data, whole[..., 7].astype(np.float32))
    assert made.mask is not None
    assert made.mask.shape == (4, 5, 1)


@pytest.mark.parametrize("run", [None, "3", "one"])
def test_a_run_that_does_not_exist_is_refused_with_those_that_do(
    pymvpa: Path, run: str | None
) -> None:
    with pytest.raises(InputError, match="1, 2"):
        open_recording(pymvpa, run)


def test_attributes_that_do_not_fit_are_refused(pymvpa: Path) -> None:
    path = pymvpa / "attributes_literal.txt"
    path.write_text("rest 0\n")
    with pytest.raises(InputError, match="12 volumes"):
        open_recording(pymvpa)
    path.write_text("rest 0 x\n")
    with pytest.raises(InputError, match="line 1"):
        open_recording(pymvpa)


def test_nifti_takes_the_events_beside_it(tmp_path: Path) -> None:
    image = tmp_path / "sub-1_task-x_bold.nii.gz"
    save_nifti(image, (4, 5, 3, 6), tr_s=1.5)
    beside = tmp_path / "sub-1_task-x_events.tsv"
    beside.write_text("onset\tduration\ttrial_type\n3\t1.5\tb\n1\tn/a\t1\n0\t1\trest\n")
    assert events_beside(image) == beside
    made = open_recording(image, options=OpenOptions(labels={"1": "house"}))
    assert [(e.t_s, e.duration_s, e.label) for e in made.events] == [
        (1.0, 0.0, "house"),
        (3.0, 1.5, "b"),
    ]
    beside.write_text("onset\tduration\nsoon\t1\n")
    with pytest.raises(InputError, match="line 2"):
        open_recording(image)


def test_a_repetition_time_that_nobody_knows_must_be_given(tmp_path: Path) -> None:
    image = tmp_path / "x.nii"
    save_nifti(image, (4, 5, 3))
    with pytest.raises(InputError, match="repetition time"):
        open_recording(image)
    made = open_recording(image, options=OpenOptions(tr_s=1.2))
    assert isinstance(made, FmriRecording)
    assert made.tr_s == 1.2


def test_dicom_folders_are_read_in_order_beside_other_files(tmp_path: Path) -> None:
    series = make_series(1, np.diag([3.0, 3.0, 3.0, 1.0]), 1.0, slice_times_s(9, 1.0))
    data = np.random.default_rng(1).integers(0, 900, (12, 12, 9)).astype(np.int16)
    for k in (2, 0, 1):
        (tmp_path / file_name(7, k)).write_bytes(mosaic_bytes(data + np.int16(k), series, k))
    (tmp_path / "consent.toml").write_text('person = "p"\n')
    made = open_recording(tmp_path)
    assert isinstance(made, FmriRecording)
    assert [v.index for v in made.volumes()] == [0, 1, 2]
    assert made.shape == (12, 12, 9)
    broken = tmp_path / file_name(7, 3)
    broken.write_bytes((tmp_path / file_name(7, 0)).read_bytes()[:4000])
    refused: list[InputError] = []
    assert [v.index for v in made.volumes()] == [0, 1, 2]
    again = open_recording(tmp_path)
    assert isinstance(again, FmriRecording)
    assert [v.index for v in again.volumes(refused.append)] == [0, 1, 2]
    assert len(refused) == 1
    with pytest.raises(InputError):
        list(again.volumes())


def test_a_folder_of_muse_files_is_one_run_each(tmp_path: Path) -> None:
    for name in "ab":
        rows = [f"{k / 256},{k % 7},{k % 5},{int(k == 100)}" for k in range(256)]
        text = "\n".join(["timestamps,TP9,AF7,Marker0", *rows]) + "\n"
        (tmp_path / f"{name}.csv").write_text(text)
    assert runs_of(tmp_path) == ("1", "2")
    made = open_recording(tmp_path, "2", OpenOptions(labels={"1": "house"}))
    assert isinstance(made, EegRun)
    assert made.eeg.name == "b"
    assert [(e.t_s, e.label) for e in made.events] == [(100 / 256, "house")]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.txt", b"hello", "unknown kind"),
        ("x.csv", b"", "empty"),
        ("x.nii.gz", b"no image", "x.nii.gz"),
        ("x.mcap", b"\x89MCAP0\r\n", "x.mcap"),
    ],
)
def test_what_cannot_be_opened_is_named(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Exception, match=said) as caught:
        open_recording(path)
    assert name in str(caught.value)


def test_blocks_at_the_edges_of_a_run() -> None:
    events = blocks_of(["a", "a", "rest", "b"], 2.0, "1")
    assert [(e.t_s, e.duration_s) for e in events] == [(0.0, 4.0), (6.0, 2.0)]


# ---- own recordings ----------------------------------------------------------------------------


def stamp(seq: int) -> dict[str, Any]:
    return {"run": "r", "seq": seq, "t_acquired": 0.0, "t_sent": 0.0, "producer": "acquisition"}


def recorded(monkeypatch: pytest.MonkeyPatch, messages: list[Message]) -> None:
    def read(where: Path, run: str | None = None) -> Iterator[Message]:
        yield from messages

    monkeypatch.setattr("acquisition.sources.own.read_run", read)
    monkeypatch.setattr("acquisition.sources.own.parts_of", lambda where, run: [where])


def test_own_volumes_come_back_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[Message] = []
    for k in (0, 1, 3):
        arrays = {"volume": np.full((2, 3, 4), k, np.float32)}
        specs = describe(arrays, {"volume": ("x", "y", "z")}, {})
        affine = tuple(np.eye(4).ravel().tolist())
        header = Volume(**stamp(k), arrays=specs, index=k, t_data=k, tr_s=2.0, affine=affine)
        messages.append(Message(header, arrays))
    detail = '{"duration_s": 4.0}'
    shown = Event(**stamp(0), t_data=2.0, label="face", stream="s", detail=detail)
    recorded(monkeypatch, [*messages, Message(shown)])
    held = read_own(tmp_path, None)
    assert [v.index for v in held.volumes(lambda _: None)] == [0, 1, 3]
    assert held.n_volumes == 3
    assert [(e.t_s, e.duration_s, e.label) for e in held.events] == [(2.0, 4.0, "face")]


def test_own_samples_are_put_back_on_their_grid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = []
    for first in (10, 15):
        arrays = {"samples": np.full((3, 2), first, np.float32)}
        specs = describe(arrays, {"samples": ("time", "channel")}, {})
        header = Samples(
            **stamp(first), arrays=specs, stream="s", first_index=first, fs_hz=10.0,
            t_data=first / 10, channels=("a", "b"),
        )  # fmt: skip
        messages.append(Message(header, arrays))
    shown = Event(**stamp(0), t_data=1.2, label="face", stream="s")
    recorded(monkeypatch, [*messages, Message(shown)])
    held = read_own(tmp_path, None)
    assert held.eeg is not None
    np.testing.assert_array_equal(
        held.eeg.data[:, 0], np.array([10, 10, 10, np.nan, np.nan, 15, 15, 15], np.float32)
    )
    assert [e.t_s for e in held.events] == [pytest.approx(0.2)]


def test_a_recording_without_brain_data_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(monkeypatch, [])
    with pytest.raises(InputError, match="record_brain"):
        read_own(tmp_path, None)
