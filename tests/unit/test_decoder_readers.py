"""Readers of trials: layouts of arrays and pictures, and everything wrong told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from acquisition.sources.detect import find_runs
from decoder.readers import ReadOptions, kind_of, read_source
from decoder.readers.layout import pictures_of
from decoder.readers.options import Order
from decoder.readers.sheet import sheet_of, write_sheet
from decoder.readers.voxels import clean_voxels, voxels_sha256
from phosphene.commands.source import is_trials_file
from phosphene.errors import InputError

RNG = np.random.default_rng(7)
N, VOXELS = 6, 5
X = RNG.normal(size=(N, VOXELS))
PICTURES = RNG.integers(2, 256, (N, 4, 4)).astype(np.uint8)


def saved(path: Path, **arrays: Any) -> Path:
    if path.suffix == ".mat":
        scipy.io.savemat(path, arrays)
    else:
        np.savez(path, **arrays)
    return path


def arrays(**names: str) -> ReadOptions:
    return ReadOptions(arrays=names)


@pytest.mark.parametrize("name", ["pairs.npz", "pairs.mat"])
def test_pairs_are_read_with_their_labels_runs_and_pictures(tmp_path: Path, name: str) -> None:
    path = saved(
        tmp_path / name, responses=X, stimuli=PICTURES, labels=np.array([1, 2, 1, 2, 1, 2]),
        runs=np.array([1, 1, 1, 2, 2, 2]), sessions=np.array(["s1"] * 3 + ["s2"] * 3),
    )  # fmt: skip
    data, notes = read_source(path, ReadOptions(person="p07", labels={"1": "six"}))
    assert notes == ()
    assert (data.meta.kind, data.meta.modality, data.meta.person) == ("fmri-beta", "fmri", "p07")
    np.testing.assert_allclose(data.responses, X, rtol=1e-6)
    assert data.runs.tolist() == ["1"] * 3 + ["2"] * 3
    assert data.sessions is not None and data.sessions.tolist() == ["s1"] * 3 + ["s2"] * 3
    assert [event.label for event in data.meta.events] == ["six", "2"] * 3
    assert data.pictures is not None
    seen = data.pictures[[event.picture for event in data.meta.events]]
    np.testing.assert_array_equal(seen[..., 0], PICTURES)
    assert list(data.meta.sources) == [name]
    only, _ = read_source(path, ReadOptions(runs=("2",)))
    assert (len(only.responses), len(only.meta.events)) == (3, 3)
    with pytest.raises(InputError, match=r"--runs: got '9'; allowed: 1, 2"):
        read_source(path, ReadOptions(runs=("9",)))


def test_matlab_arrays_on_their_side_and_names_in_cells(tmp_path: Path) -> None:
    names = np.empty((N, 1), object)
    names[:, 0] = ["face", "house"] * 3
    path = saved(
        tmp_path / "m.mat", resp=X.T, pics=np.moveaxis(PICTURES, 0, -1), cat=names,
        ids=np.arange(100, 100 + VOXELS),
    )  # fmt: skip
    data, _ = read_source(path, arrays(responses="resp", stimuli="pics", labels="cat",
                                       voxel_ids="ids"))  # fmt: skip
    np.testing.assert_allclose(data.responses, X, rtol=1e-6)
    assert [event.label for event in data.meta.events] == ["face", "house"] * 3
    assert data.meta.mask_hash == voxels_sha256(np.arange(100, 100 + VOXELS))
    np.testing.assert_array_equal(data.pictures[..., 1], PICTURES)  # type: ignore[index]


def test_the_split_that_comes_with_the_data_and_equal_pictures(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "p.npz", a=X[:4], b=X[4:], sa=PICTURES[[0, 1, 0, 2]], sb=PICTURES[[3, 3]],
    )  # fmt: skip
    data, _ = read_source(
        path, arrays(responses="a", stimuli="sa", test_responses="b", test_stimuli="sb")
    )
    assert data.given is not None and data.given.tolist() == ["train"] * 4 + ["test"] * 2
    assert data.pictures is not None and len(data.pictures) == 4
    names = [event.stimulus for event in data.meta.events]
    assert names[0] == names[2] and names[4] == names[5] and len(set(names)) == 4


def test_everything_that_is_missing_or_does_not_fit_is_told_at_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.npz", a=X, s=PICTURES[:4], labels=np.arange(4), t=X[:2])
    with pytest.raises(InputError) as caught:
        read_source(path, arrays(responses="a", stimuli="s", runs="nix", test_responses="t"))
    text = str(caught.value)
    assert "array of runs: got 'nix'; allowed: one of: a (6 x 5 float64), s (4 x 4 x 4" in text
    assert "s: got '4 x 4 x 4'; allowed: 6 entries" in text
    assert "labels: got '4'; allowed: 6 entries" in text
    assert "array of test stimuli" in text and "--test-stimuli" in text
    with pytest.raises(InputError, match=r"2 problem\(s\)") as caught:
        read_source(path, arrays(labels=""))
    assert "--responses" in str(caught.value)


def test_voxels_that_cannot_be_learned_from_are_left_out_and_counted() -> None:
    values = X.copy()
    values[1, 0] = np.nan
    values[:4, 2] = 3.0
    train = np.array([True] * 4 + [False] * 2)
    kept = clean_voxels(values, train)
    assert kept.columns.tolist() == [1, 3, 4]
    assert kept.notes == (
        "1 of 5 voxels left out: NaN in one trial or more",
        "1 of 5 voxels left out: the same in all training trials",
    )
    values[3] = np.nan
    with pytest.raises(InputError, match=r"1 of 6 trials are NaN throughout \(trial 4\)"):
        clean_voxels(values, train)
    with pytest.raises(InputError, match="5 constant"):
        clean_voxels(np.ones((3, 5)), np.ones(3, bool))


@pytest.mark.parametrize(
    ("stored", "order"),
    [
        (PICTURES, "row"),
        (PICTURES.reshape(N, 16), "row"),
        (PICTURES.transpose(0, 2, 1).reshape(N, 16), "column"),
        (PICTURES.transpose(0, 2, 1), "column"),
        (PICTURES / 255, "row"),
        (PICTURES.astype(float), "row"),
        (np.moveaxis(PICTURES, 0, -1), "row"),
        (np.repeat(PICTURES[..., None], 3, -1), "row"),
        (np.repeat(PICTURES[:, None], 3, 1), "row"),
        (np.repeat(PICTURES[..., None], 3, -1).reshape(N, 48), "row"),
    ],
)
def test_pictures_of_every_layout_are_the_same(stored: Any, order: Order) -> None:
    found = pictures_of(stored, N, order)
    assert found.dtype == np.uint8 and found.shape == (N, 4, 4, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], PICTURES)


def test_colours_in_columns_clips_and_black_and_white() -> None:
    colour = RNG.integers(0, 256, (2, 3, 5, 3)).astype(np.uint8)
    as_matlab = np.stack([picture.ravel(order="F") for picture in colour])
    np.testing.assert_array_equal(pictures_of(as_matlab, 2, "column", (3, 5, 3)), colour)
    clips = np.stack([colour, colour], axis=1)
    assert pictures_of(clips, 2).shape == (2, 2, 3, 5, 3)
    assert pictures_of(np.array([[0, 1, 1, 0]]), 1)[0, :, :, 0].tolist() == [[0, 255], [255, 0]]
    for wrong, why in (
        (np.zeros((2, 7)), "--picture-shape"),
        (np.full((2, 4), 300.0), "0 to 300|300 to 300"),
        (np.full((2, 4), -1.0), "0 to 1"),
        (np.zeros((2, 4, 4, 2, 2, 2)), "Store them"),
        (np.zeros((5, 4)), "2 pictures"),
    ):
        with pytest.raises(InputError, match=why):
            pictures_of(wrong, 2)


def test_the_sheet_shows_both_orders(tmp_path: Path) -> None:
    striped = np.zeros((3, 8, 8, 3), np.uint8)
    striped[:, ::2] = 255
    sheet = sheet_of(striped)
    upper, lower = sheet[16:100, :90, 0], sheet[128:212, :90, 0]
    assert np.ptp(upper[2:80, 5]) == 255 and np.ptp(upper[5, 2:80]) == 0
    assert np.ptp(lower[2:80, 5]) == 0 and np.ptp(lower[5, 2:80]) == 255
    write_sheet(tmp_path / "s.png", striped)
    assert (tmp_path / "s.png").stat().st_size > 100


def test_pictures_may_lie_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "seen"
    folder.mkdir()
    for k, grey in enumerate(PICTURES):
        Image.fromarray(grey).save(folder / f"p{k}.png")
    path = saved(
        tmp_path / "p.npz", responses=X, stimulus_ids=np.array([f"p{k % 3}" for k in range(N)])
    )
    data, _ = read_source(path, ReadOptions(arrays={"stimuli": str(folder)}, order="column"))
    seen = data.pictures[[event.picture for event in data.meta.events]]  # type: ignore[index]
    np.testing.assert_array_equal(seen[..., 0], PICTURES[[0, 1, 2, 0, 1, 2]])
    assert [event.stimulus for event in data.meta.events][:4] == ["p0", "p1", "p2", "p0"]
    in_order, _ = read_source(saved(tmp_path / "q.npz", responses=X), arrays(stimuli=str(folder)))
    np.testing.assert_array_equal(in_order.pictures[..., 2], PICTURES)  # type: ignore[index]
    (folder / "p1.png").unlink()
    for name, why in (("p.npz", "1 missing: p1"), ("q.npz", "5 files'; allowed: 6")):
        with pytest.raises(InputError, match=why):
            read_source(tmp_path / name, arrays(stimuli=str(folder)))


def test_vectors_are_targets_themselves(tmp_path: Path) -> None:
    path = saved(tmp_path / "v.npz", responses=X, stimuli=X[:, :3])
    data, _ = read_source(path, ReadOptions(stimuli_are="vectors"))
    assert data.pictures is None and data.embeddings is not None
    np.testing.assert_allclose(data.embeddings, X[:, :3], rtol=1e-6)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    newer = tmp_path / "new.mat"
    newer.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(64))
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"PK\x03\x04 no more")
    odd = tmp_path / "odd.txt"
    odd.write_text("x")
    for path, why in ((newer, r"h5py|cannot be read"), (broken, "cannot be read"),
                      (odd, "unknown kind"), (tmp_path / "none.mat", "no such file")):  # fmt: skip
        with pytest.raises(InputError, match=why):
            read_source(path)


def test_what_does_not_fit_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.npz", responses=X, labels=np.arange(N))
    with pytest.raises(InputError, match=r"--memory.*GiB"):
        read_source(path, ReadOptions(memory_bytes=1 << 20))


def epochs() -> dict[str, Any]:
    return {
        "epochs": RNG.normal(size=(N, 2, 4)),
        "labels": np.array(["face", "house"] * 3),
        "times": np.array([0.0, 0.1, 0.2, 0.3]),
        "channels": np.array(["TP9", "TP10"]),
    }


def test_epochs_and_prepared_data_are_counted_too(tmp_path: Path) -> None:
    wide = np.zeros((N, 2, 60_000))
    for name, held in (
        ("e.npz", epochs() | {"epochs": wide}),
        ("p.npz", dict.fromkeys(("meta", "responses", "runs", "t_data"), wide)),
    ):
        np.savez_compressed(tmp_path / name, **held)
        with pytest.raises(InputError, match=r"--memory.*GiB"):
            read_source(tmp_path / name, ReadOptions(memory_bytes=1 << 20))


def test_epochs_from_arrays_are_flat_channel_by_channel(tmp_path: Path) -> None:
    held = epochs()
    held["epochs"][2, 0, 0] = np.nan
    path = saved(tmp_path / "e.npz", **held)
    assert kind_of(path) == "epoch-arrays"
    data, notes = read_source(path)
    assert notes == (
        f"1 of {N} epochs hold NaN or infinite values and are left out (counted from 0: 2)",
    )
    assert (data.meta.modality, data.meta.kind) == ("eeg", "eeg-epoch")
    assert (data.meta.channels, data.meta.times_s) == (("TP9", "TP10"), (0.0, 0.1, 0.2, 0.3))
    np.testing.assert_allclose(data.responses[0], held["epochs"][0].ravel(), rtol=1e-6)
    assert len(data.responses) == N - 1 and (np.diff(data.t_data) > 0).all()
    assert [event.label for event in data.meta.events] == [
        "face",
        "house",
        "house",
        "face",
        "house",
    ]


@pytest.mark.parametrize(
    ("times", "word"),
    [
        ((-100.0, 0.0, 100.0, 200.0), "Are these milliseconds"),
        ((0.0, 1000.0, 2000.0, 3000.0), "Are these milliseconds"),
        ((0.0, 0.2, 0.1, 0.3), "not rising"),
        ((0.0, 0.01, 0.02, 0.1), "one rate"),
    ],
)
def test_times_that_are_no_seconds_are_refused(
    tmp_path: Path, times: tuple[float, ...], word: str
) -> None:
    with pytest.raises(InputError, match=word):
        read_source(saved(tmp_path / "e.npz", **epochs() | {"times": np.array(times)}))


def test_epochs_that_do_not_fit_are_told(tmp_path: Path) -> None:
    held = epochs() | {"labels": np.arange(4), "times": np.arange(9)}
    with pytest.raises(InputError, match=r"2 problem\(s\)"):
        read_source(saved(tmp_path / "e.npz", **held))
    del held["labels"], held["channels"]
    path = saved(tmp_path / "f.npz", **held)
    with pytest.raises(InputError, match="--channels") as caught:
        read_source(path, arrays(epochs="epochs"))
    assert "--labels-key" in str(caught.value)


def test_epochs_that_mne_wrote(tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    info = mne.create_info(["TP9", "TP10", "EOG"], 100.0, ["eeg", "eeg", "eog"])
    values = RNG.normal(size=(4, 3, 20)) * 1e-6
    events = np.array([[30, 0, 1], [10, 0, 2], [50, 0, 1], [70, 0, 2]])
    held = mne.EpochsArray(
        values, info, events=events[np.argsort(events[:, 0])], tmin=-0.05,
        event_id={"face": 1, "house": 2}, verbose="error",
    )  # fmt: skip
    path = tmp_path / "see-epo.fif"
    held.save(path, verbose="error")
    data, _ = read_source(path, ReadOptions(labels={"house": "building"}))
    assert data.meta.channels == ("TP9", "TP10")
    assert [event.label for event in data.meta.events] == ["building", "face", "face", "building"]
    np.testing.assert_allclose(data.responses[0], values[0, :2].ravel() * 1e6, rtol=1e-5)
    np.testing.assert_allclose(data.t_event, [0.1, 0.3, 0.5, 0.7])
    assert data.meta.times_s[0] == pytest.approx(-0.05)
    (tmp_path / "bad-epo.fif").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_source(tmp_path / "bad-epo.fif")


def eeglab(path: Path, trials: int) -> np.ndarray:
    """Write what EEGLAB writes, as far as it matters; returns channels x samples x trials."""
    values = RNG.normal(size=(2, 20, trials)).astype(np.float32)
    labels = [("face", "house")[k % 2] for k in range(trials)]
    table: Any = np.array
    places = [("labels", object), ("X", float), ("Y", float), ("Z", float)]
    events = [("type", object), ("latency", float), ("epoch", float)]
    epochs = [("event", float), ("eventlatency", float), ("eventtype", object)]
    held: dict[str, Any] = {
        "setname": "x", "nbchan": 2.0, "trials": float(trials), "pnts": 20.0, "srate": 100.0,
        "xmin": -0.05, "xmax": 0.14, "times": np.arange(20) * 10 - 50.0, "data": values,
        "chanlocs": table([("TP9", 0.0, 0.0, 0.0), ("TP10", 0.0, 0.0, 0.0)], dtype=places),
        "chaninfo": {"nosedir": "+X"}, "ref": "common",
        "event": table([(w, k * 20 + 6.0, k + 1.0) for k, w in enumerate(labels)], dtype=events),
        "epoch": table([(k + 1.0, 0.0, w) for k, w in enumerate(labels)], dtype=epochs),
    }  # fmt: skip
    empty: dict[str, Any] = {f"ica{name}": [] for name in ("winv", "sphere", "weights", "act")}
    scipy.io.savemat(path, {"EEG": {**held, **empty, "icachansind": []}})
    return values


def test_epochs_that_eeglab_wrote(tmp_path: Path) -> None:
    pytest.importorskip("mne")
    path = tmp_path / "see.set"
    values = eeglab(path, 4)
    assert is_trials_file([path]) and kind_of(path) == "epoch-file"
    data, _ = read_source(path)
    np.testing.assert_allclose(data.responses[1], values[..., 1].ravel(), rtol=1e-4)
    assert [event.label for event in data.meta.events] == ["face", "house"] * 2
    eeglab(path, 1)
    assert not is_trials_file([path])


def test_objects_and_missing_arrays_are_told_with_what_helps(tmp_path: Path) -> None:
    held: dict[str, Any] = {
        "fmriTest": RNG.normal(size=(N, 5)),
        "stimTest": RNG.integers(0, 255, (N, 16)),
        "labelTest": np.arange(N)[:, None] % 2,
        "names": np.array(["a", "b"] * 3, dtype=object),
    }
    path = tmp_path / "o.npz"
    np.savez(path, **held)
    with pytest.raises(InputError, match=r"names\.astype\(str\)"):
        read_source(path, arrays(responses="fmriTest", labels="names"))
    with pytest.raises(InputError) as caught:
        read_source(path, arrays(labels="labelTest"))
    first = str(caught.value).splitlines()
    told = next(line for line in first if "array of responses" in line)
    assert "fmriTest" in told and "stimTest" not in told and "labelTest" not in told


def test_folder_of_one_file_of_trials_names_it(tmp_path: Path) -> None:
    saved(tmp_path / "trials.npz", responses=np.zeros((3, 2)))
    with pytest.raises(InputError, match=r"Name .*trials\.npz"):
        find_runs(tmp_path)
