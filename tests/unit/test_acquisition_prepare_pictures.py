"""Prepared data of a BIDS data set: pictures that events name, sessions, and a given reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from acquisition.prepare import main
from phosphene.dataset import PreparedData, read_prepared
from phosphene.errors import InputError
from phosphene.pictures import read_film, read_pictures

HEADER = "onset\tduration\ttrial_type\tstim_file\n"
SHAPE = (6, 6, 4)


def save(path: Path, data: Any, affine: Any) -> None:
    image: Any = nib.Nifti1Image
    nib.save(image(data, affine), path)


def picture(path: Path, size: tuple[int, int], value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 255 - value)).save(path)


def head(bright: Any, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    data = rng.normal(20, 1, (*SHAPE, 8))
    data[bright] += 400
    return data.astype(np.float32)


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    root = tmp_path / "set"
    for session in (1, 2):
        func = root / "sub-1" / f"ses-{session}" / "func"
        func.mkdir(parents=True)
        stem = func / f"sub-1_ses-{session}_task-see_run-1"
        save(Path(f"{stem}_bold.nii.gz"), head(np.s_[1:5], session), np.diag([3, 3, 3, 1]))
        Path(f"{stem}_events.tsv").write_text(
            HEADER + f"2\t2\tface\ta/one.png\n6\t2\thouse\ttwo{session}.png\n10\t2\tcat\tn/a\n"
        )
    (root / "dataset_description.json").write_text("{}")
    (root / "task-see_bold.json").write_text(json.dumps({"RepetitionTime": 2.0}))
    picture(root / "stimuli" / "a" / "one.png", (8, 8), 10)
    picture(root / "stimuli" / "two1.png", (8, 8), 20)
    picture(root / "stimuli" / "two2.png", (8, 8), 30)
    return root


def prepared(root: Path, *more: str) -> PreparedData:
    out = root.parent / "prepared.npz"
    assert main([str(root), "--out", str(out), *more]) == 0
    return read_prepared(out)


def test_events_bring_their_pictures_each_once(data_set: Path) -> None:
    data = prepared(data_set)
    assert data.pictures is not None and data.pictures.shape == (3, 8, 8, 3)
    shown = {(event.run.split("_")[1], event.label): event.picture for event in data.meta.events}
    reds = {key: int(data.pictures[row, 0, 0, 0]) for key, row in shown.items() if row >= 0}
    assert reds == {
        ("ses-1", "face"): 10, ("ses-1", "house"): 20, ("ses-2", "face"): 10,
        ("ses-2", "house"): 30,
    }  # fmt: skip
    assert shown[("ses-1", "cat")] == -1
    assert [event.stimulus for event in data.meta.events][:3] == ["a/one.png", "two1.png", ""]
    assert data.sessions is not None
    assert data.sessions.tolist() == ["ses-1"] * 8 + ["ses-2"] * 8


def test_missing_pictures_are_listed_and_a_folder_can_be_named(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = data_set.parent / "elsewhere"
    (data_set / "stimuli").rename(elsewhere)
    assert prepared(data_set).pictures is None
    assert "no folder of them" in capsys.readouterr().err
    assert prepared(data_set, "--stimuli-folder", str(elsewhere)).pictures is not None
    (elsewhere / "two1.png").unlink()
    (elsewhere / "two2.png").write_text("no picture")
    out = data_set.parent / "x.npz"
    assert main([str(data_set), "--out", str(out), "--stimuli-folder", str(elsewhere)]) == 1
    told = capsys.readouterr().err
    assert "2 problem(s)" in told and "missing: " in told and "two2.png" in told


def test_pictures_of_several_sizes_become_squares(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    picture(paths[0], (12, 8), 0)
    picture(paths[1], (10, 20), 0)
    found, notes = read_pictures(paths)
    assert found.shape == (2, 8, 8, 3) and "8 px" in notes[0]
    small, notes = read_pictures(paths[:1], largest_px=4)
    assert small.shape == (1, 4, 6, 3) and "6 x 4 px instead of 12 x 8" in notes[0]
    with pytest.raises(InputError, match="1 of 1 stimuli"):
        read_pictures([tmp_path / "c.png"])


def test_the_reference_of_the_settings_holds_for_all_runs(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference, moved = data_set.parent / "reference.nii", data_set.parent / "moved.nii"
    bright: Any = head(np.s_[:, 2:6], 5)[..., 0]
    save(reference, bright, np.diag([3, 3, 3, 1]))
    far = np.diag([3.0, 3, 3, 1])
    far[:3, 3] = 40
    save(moved, bright, far)

    def asked(path: Path) -> tuple[str, ...]:
        return ("--settings", json.dumps({"fmri": {"reference": str(path), "realign": "off"}}))

    usual, own = prepared(data_set), prepared(data_set, *asked(reference))
    assert (usual.mask != own.mask).any()
    assert own.mask[:, 2:6].sum() > usual.mask[:, 2:6].sum()
    out = data_set.parent / "y.npz"
    assert main([str(data_set), "--out", str(out), *asked(moved)]) == 1
    assert "acquisition.fmri.reference" in capsys.readouterr().err


def test_runs_that_do_not_fit_the_memory_are_refused(
    data_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = data_set.parent / "z.npz"
    assert main([str(data_set), "--out", str(out), "--memory", "0.00001"]) == 1
    assert "--memory" in capsys.readouterr().err and not out.exists()


def film(path: Path, greys: list[int], rate_hz: int = 4) -> None:
    with av.open(str(path), "w") as made:
        stream: Any = made.add_stream("mpeg4", rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for grey in greys:
            picture = np.full((32, 48, 3), grey, np.uint8)
            made.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        made.mux(stream.encode())


def test_a_film_gives_the_frame_that_was_on_show(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    film(path, [20 * k for k in range(12)])
    frames = read_film(path, [0.1, 0.6, 1.4, 2.9, 7.0], 16)
    assert frames.shape == (4, 16, 16, 3)
    np.testing.assert_allclose(frames[:, 8, 8, 0], [0, 40, 100, 220], atol=8)
    (tmp_path / "b.mp4").write_bytes(b"no film")
    with pytest.raises(InputError, match="cannot be read"):
        read_film(tmp_path / "b.mp4", [0.0], 16)


def test_events_that_show_films_become_parts_of_them(data_set: Path) -> None:
    for stem in data_set.glob("sub-1/*/func/*_events.tsv"):
        stem.write_text(HEADER + "2\t4\tface\tsee.mp4\n")
    film(data_set / "stimuli" / "see.mp4", [20 * k for k in range(12)])
    data = prepared(data_set, "--picture-px", "16")
    assert data.pictures is not None and data.pictures.shape == (3, 16, 16, 3)
    np.testing.assert_allclose(data.pictures[:, 8, 8, 0], [40, 120, 200], atol=8)
    told = [(event.t_s, event.duration_s, event.picture) for event in data.meta.events]
    assert told == [(2.0, 1.0, 0), (3.0, 1.0, 1), (4.0, 1.0, 2)] * 2
    assert {event.stimulus for event in data.meta.events} == {"see.mp4"}
    picture(data_set / "stimuli" / "p.png", (8, 8), 0)
    next(data_set.glob("sub-1/*/func/*_events.tsv")).write_text(HEADER + "2\t4\tface\tp.png\n")
    assert main([str(data_set), "--out", str(data_set.parent / "n.npz")]) == 1
