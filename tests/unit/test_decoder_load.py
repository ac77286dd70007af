"""From a source to what a fit needs: targets, split, test set, memory; and the whole of a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from decoder.aims import aim_at, space_for, usual_space
from decoder.cli import main
from decoder.dataset import Dataset, group_folds
from decoder.load import Loaded, LoadOptions, load
from decoder.memory import Need, check_memory, fit_bytes
from decoder.readers import ReadOptions
from decoder.samples import Priors, make_samples
from phosphene.bundle import Bundle
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent, write_prepared
from phosphene.errors import ConfigError, InputError
from phosphene.stimuli.clip import sample_clip

RNG = np.random.default_rng(3)
N = 40
PICTURES = RNG.integers(0, 256, (N, 6, 6)).astype(np.uint8)
X = PICTURES.reshape(N, -1)[:, :20] + RNG.normal(size=(N, 20))
LABELS = np.array(["six", "nine"] * (N // 2))
LABELLED = np.where(LABELS == "six", 40.0, -40.0)[:, None]
ARRAYS = {"responses": X + LABELLED, "stimuli": PICTURES, "labels": LABELS}


def source(tmp_path: Path, **more: Any) -> Path:
    path = tmp_path / "trials.npz"
    np.savez(path, **{k: v for k, v in {**ARRAYS, **more}.items() if v is not None})
    return path


def loaded(path: Path, **options: Any) -> tuple[Loaded, str]:
    told: list[str] = []
    return load(path, LoadOptions(**options), told.append), "\n".join(told)


def test_small_grey_pictures_go_to_their_pixels(tmp_path: Path) -> None:
    found, told = loaded(source(tmp_path))
    target = found.aim.target
    assert target.id == "z=pixels:6:grey,c=prototypes:nine+six"
    assert target.z_shape == (1, 6, 6) and target.categories == ("nine", "six")
    z = found.aim.data.z
    assert z is not None
    np.testing.assert_allclose(z[:, 0], PICTURES / 127.5 - 1, atol=2e-3)
    assert found.aim.graph is not None and found.test is None
    assert found.split.words == "10 folds by stimulus"
    assert "40 rows of 20 features; 40 stimuli; labels nine, six" in told and "at the most" in told


def test_runs_and_stimuli_are_kept_together_where_both_are_known(tmp_path: Path) -> None:
    found, _ = loaded(source(tmp_path, runs=np.repeat(np.arange(5), 8)))
    assert found.split.words == "5 folds by run and stimulus"
    found, _ = loaded(source(tmp_path, runs=np.repeat(np.arange(5), 8),
                             stimuli=np.tile(PICTURES[:8], (5, 1, 1))))  # fmt: skip
    assert found.split.words == "8 folds by stimulus (runs on both sides)"
    asked = {"split": "leave-one-run-out"}
    found, told = loaded(source(tmp_path, runs=np.repeat(np.arange(5), 8),
                                stimuli=np.tile(PICTURES[:8], (5, 1, 1))), **asked)  # fmt: skip
    assert "leave one run out (stimuli on both sides)" in told
    with pytest.raises(ConfigError, match="40 folds of one row"):
        loaded(source(tmp_path), split="leave-one-trial-out")
    with pytest.raises(ConfigError, match="--split"):
        loaded(source(tmp_path), split="somehow")


def test_a_test_set_that_comes_with_the_data_is_set_aside(tmp_path: Path) -> None:
    test = {"test_responses": X[:4] + 1, "test_stimuli": 255 - PICTURES[:4],
            "test_labels": LABELS[:4]}  # fmt: skip
    found, told = loaded(source(tmp_path, **test))
    assert found.test is not None and len(found.test.data) == 4
    assert len(found.aim.data) == N and set(found.aim.data.given.tolist()) == {"train"}  # type: ignore[union-attr]
    assert "given: 40 to learn, 4 to test; within those to learn, 10 folds" in told
    with pytest.raises(InputError, match="on both sides"):
        loaded(source(tmp_path, **(test | {"test_stimuli": PICTURES[:4]})))
    pooled, _ = loaded(source(tmp_path, **test), split="11-fold-by-stimulus")
    assert pooled.test is None and len(pooled.aim.data) == N + 4


def test_labels_alone_and_vectors_have_targets_of_their_own(tmp_path: Path) -> None:
    found, told = loaded(source(tmp_path, stimuli=None))
    assert found.aim.target.id == "prototypes:nine+six" and found.aim.data.z is None
    assert "no picture can be painted" in told
    found, _ = loaded(source(tmp_path, stimuli=X[:, :3]), read=ReadOptions(stimuli_are="vectors"))
    assert found.aim.target.id == "vectors:3" and found.aim.target.c_dim == 3
    with pytest.raises(InputError, match="--space"):
        loaded(source(tmp_path, stimuli=None), space="pixels:8")


def test_options_of_volumes_are_refused_for_trials(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--delay"):
        loaded(source(tmp_path), delay_s=5.0)


def test_each_picture_is_encoded_once_and_rows_without_one_are_unknown() -> None:
    shown = np.zeros((4, 8, 8, 3), np.uint8)
    shown[1] = 255
    data = Dataset(
        responses=np.zeros((4, 2), np.float32),
        groups=np.array(["a"] * 4),
        times=np.arange(4.0),
        pictures=shown[[1, 0, 1, 1]],
        stimuli=np.array(["p", "", "p", "p"]),
    )
    assert usual_space(data) == "pixels:8:grey"
    aim = aim_at(data, space_for(data, None))
    assert aim.data.z is not None and np.isnan(aim.data.z[1]).all()
    np.testing.assert_array_equal(aim.data.z[[0, 2, 3]], np.ones((3, 1, 8, 8)))


def test_scenes_of_the_world_can_go_to_another_space(tmp_path: Path) -> None:
    clips = [sample_clip(seed, 4.0, name) for seed, name in enumerate(["cat", "face", "cat"])]
    events = [
        TimedEvent(run=str(run), t_s=4.0, duration_s=4.0, label=clip.start.category,
                   detail=msgspec.json.encode(clip).decode())
        for run, clip in enumerate(clips)
    ]  # fmt: skip
    meta = PreparedMeta(
        person="p01", modality="fmri", kind="fmri", mask_hash="m", tr_s=2.0,
        affine=tuple(np.eye(4).ravel().tolist()), channels=(), times_s=(), settings="{}",
        sources={}, events=events,
    )  # fmt: skip
    n = 24
    data = PreparedData(
        meta, RNG.normal(size=(n, 4)).astype(np.float32), np.repeat(["0", "1", "2"], 8),
        np.tile(np.arange(8) * 2.0 + 2, 3), np.full(n, np.nan), np.ones((4, 1, 1), bool),
    )  # fmt: skip
    path = tmp_path / "prepared.npz"
    write_prepared(path, data)
    own, _ = loaded(path, delay_s=4.0)
    other, _ = loaded(path, delay_s=4.0, space="pixels:8")
    assert own.aim.target.id == "world-64" and own.aim.graph is None
    assert other.aim.target.z_shape == (3, 8, 8) and other.aim.graph is not None
    shown = np.isfinite(other.aim.data.z).all(axis=(1, 2, 3))  # type: ignore[arg-type]
    np.testing.assert_array_equal(shown, np.isfinite(own.aim.data.c).all(axis=1))  # type: ignore[arg-type]
    assert shown.sum() == 6 and own.split.words == "leave one run out"
    with pytest.raises(ConfigError, match="within a run"):
        loaded(path, delay_s=4.0, split="2-fold-by-stimulus")


def test_memory_grows_with_every_shape_and_is_refused_beyond_the_limit() -> None:
    base = fit_bytes(Need(100, 1000))
    for more in (Need(200, 1000), Need(100, 2000), Need(100, 1000, 2), Need(100, 1000, 1, 50),
                 Need(100, 1000, picture_bytes=9)):  # fmt: skip
        assert fit_bytes(more) > base
    with pytest.raises(InputError, match=r"allowed: 2\.0 GiB or more"):
        check_memory(2 << 30, 1 << 30, "x")


def test_a_whole_fit_of_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source(tmp_path, runs=np.repeat(np.arange(4), 10))
    region = np.arange(20) < 15
    np.save(tmp_path / "early.npy", region)
    out = tmp_path / "b"
    asked = ["--out", str(out), "--early", str(tmp_path / "early.npy"), "--person", "p09"]
    assert main([str(path), *asked]) == 0
    text = capsys.readouterr()
    assert "bundle of p09" in text.out and "delay as in the trials" in text.out
    bundle = Bundle.load(out)
    m = bundle.manifest
    assert (m.placed, m.mask, m.features, m.heads) == (False, None, 20, ("z", "class"))
    assert "space.onnx" in bundle.payload
    np.testing.assert_array_equal(bundle.statistics["voxels"], np.arange(20))
    scores = {score.name: score for score in m.metrics}
    assert scores["category_2_way"].value > 0.9 and scores["z_two_way"].value > 0.8
    assert scores["z_two_way"].split == "4 folds by run and stimulus"
    assert (tmp_path / "b-pictures.png").is_file()
    assert main([str(path), "--out", str(tmp_path / "c"), "--responses", "nix"]) == 1
    assert "one of: responses (40 x 20 float64)" in capsys.readouterr().err


@pytest.mark.realdata
def test_digits_as_they_are_shipped(
    realdata: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = realdata / "recon" / "digit69" / "digit69_28x28.mat"
    out = tmp_path / "digits"
    names = {"responses": "fmri", "stimuli": "stim", "labels-key": "label"}
    asked = [str(path), "--out", str(out), "--picture-order", "column", "--labels", "1=six,2=nine"]
    for option, name in names.items():
        asked += [f"--{option}", f"{name}Trn", f"--test-{option}", f"{name}Test"]
    assert main(asked) == 0
    scores = [(s.name, s.split, s) for s in Bundle.load(out).manifest.metrics]
    by_fold = {name: s for name, words, s in scores if words == "10 folds by stimulus"}
    shipped = {name: s for name, words, s in scores if words == "given: 90 to learn, 10 to test"}
    assert by_fold["category_2_way"].value >= 0.95 and by_fold["category_2_way"].n == 90
    assert by_fold["z_two_way"].low > by_fold["z_two_way"].shuffled + 0.3
    assert shipped["category_2_way"].value >= 0.9 and shipped["z_two_way"].n == 10
    assert "100 stimuli; labels nine, six" in capsys.readouterr().err


def betas(path: Path) -> Path:
    """Write betas of twenty pictures, each in each of three runs."""
    rng = np.random.default_rng(0)
    runs, stimuli = np.repeat(["1", "2", "3"], 20), np.tile(np.arange(20), 3)
    t_s = np.tile(8.0 + 8.0 * np.arange(20), 3)
    events = [
        TimedEvent(run=str(r), t_s=t, duration_s=2.0, label="", stimulus=f"s{s}", picture=int(s))
        for r, t, s in zip(runs, t_s.tolist(), stimuli, strict=True)
    ]
    meta = PreparedMeta(
        person="p", modality="fmri", kind="fmri-beta", mask_hash="x", tr_s=2.0, affine=(),
        channels=(), times_s=(), settings="{}", sources={}, events=events,
    )  # fmt: skip
    responses = rng.standard_normal((60, 12)).astype(np.float32)
    pictures = rng.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    none = np.zeros((0, 0, 0), bool)
    write_prepared(
        path, PreparedData(meta, responses, runs, t_s + 8.0, t_s, none, pictures=pictures)
    )
    return path


def test_choices_on_betas_keep_to_the_rule_and_runs_stay(tmp_path: Path) -> None:
    found, _ = loaded(betas(tmp_path / "betas.npz"), split="5-fold-by-stimulus")
    data, split = found.aim.data, found.split
    assert split.words == "5 folds by stimulus (runs on both sides)"
    assert data.group_names == ("1", "2", "3")
    assert data.stimuli is not None
    for train, _test in split:
        rows = make_samples(
            data.select(train), found.settings, Priors(np.zeros(12, "f4"), np.ones(12, "f4"))
        )
        for a, b in group_folds(rows.groups, found.settings.folds):
            names = data.stimuli[train][rows.rows]
            assert not set(names[a].tolist()) & set(names[b].tolist())
    by_run, _ = loaded(tmp_path / "betas.npz")
    assert by_run.split.words == "leave one run out (stimuli on both sides)"
    assert by_run.aim.data.inner is None
    with pytest.raises(ConfigError, match="share their signal"):
        loaded(tmp_path / "betas.npz", split="10-fold-by-trial")


def test_epochs_without_runs_are_cut_into_stretches_and_the_split_says_so(tmp_path: Path) -> None:
    path = tmp_path / "epochs.npz"
    epochs = RNG.normal(size=(120, 2, 4))
    epochs[7] = np.nan
    np.savez(
        path, epochs=epochs, labels=np.array(["face", "house"] * 60), channels=["TP9", "TP10"],
        times=[0.0, 0.1, 0.2, 0.3],
    )  # fmt: skip
    found, told = loaded(path)
    count, rows = len(found.split), len(found.aim.data)
    assert found.split.words == (
        f"leave one stretch out; {count} stretches of consecutive epochs (one run, or no runs "
        f"named), {119 - rows} epochs at their borders dropped"
    )
    assert 110 < rows < 119 and "1 of 120 epochs" in told and len(found.notes) == 1
    np.savez(
        path, epochs=epochs, labels=np.array(["face", "house"] * 60), channels=["TP9", "TP10"],
        times=[0.0, 0.1, 0.2, 0.3], runs=np.repeat(["a", "b", "c"], 40),
    )  # fmt: skip
    assert loaded(path)[0].split.words == "leave one run out"
