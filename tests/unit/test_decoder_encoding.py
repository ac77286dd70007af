"""Encoding analysis: known truths are found again, controls are at chance, nothing leaks."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.signal import lfilter

from acquisition.simulate.haemodynamics import double_gamma
from acquisition.simulate.subject import small_head
from acquisition.simulate.vision import scene_features
from decoder.dataset import Dataset
from decoder.encoding.analyse import _folds, encode, voxels_at_once
from decoder.encoding.design import Clock
from decoder.encoding.maps import Places
from decoder.encoding.material import FeatureSet, Material
from decoder.encoding.page import page as page_of
from decoder.encoding.page import voxels_needed
from decoder.encoding.sets import of_generator, seen_once
from decoder.encoding.settings import EncodeSettings
from decoder.encoding.significance import benjamini_hochberg, p_values, unit_blocks
from decoder.encoding.tally import centred, correlation_pair
from decoder.encoding.write import write_encoding
from decoder.splits import Split
from phosphene.cli import main
from phosphene.errors import ConfigError, InputError
from phosphene.metrics import auc
from phosphene.stimuli import draw, embed, make_programme
from phosphene.stimuli.encoder import WorldEncoder

LEVELS = (0.05, 0.25, 0.5, 0.75)
QUICK = EncodeSettings(components=12, permutations=99, resamples=30, inner_folds=3)


def five_folds(n: int) -> Split:
    rows = np.arange(n)
    folds = tuple((rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5))
    return Split("5 folds by trial", ("trial",), folds)


def trials(
    z: np.ndarray, c: np.ndarray, responses: np.ndarray, names: tuple[str, str] = ("z", "c")
) -> Material:
    n = len(z)
    sets = tuple(FeatureSet(k, "main", v) for k, v in zip(names, (z, c), strict=True))
    rows = np.arange(n)
    regions = {"first": np.arange(responses.shape[1]) < 6}
    return Material(
        responses.astype(np.float32), sets, five_folds(n), rows.astype(str), rows, None, regions
    )


@pytest.fixture(scope="module")
def planted() -> Material:
    """Six voxels that respond to z, six to c, eight to nothing."""
    rng = np.random.default_rng(3)
    n = 80
    z, c = rng.normal(size=(n, 8)), rng.normal(size=(n, 4))
    responses = rng.normal(size=(n, 20))
    responses[:, :6] += z @ rng.normal(size=(8, 6))
    responses[:, 6:12] += 1.5 * c @ rng.normal(size=(4, 6))
    return trials(z.astype(np.float32), c.astype(np.float32), responses)


def test_the_planted_map_is_recovered(planted: Material) -> None:
    found = encode(planted, QUICK)
    z, c = found.found["unique z"], found.found["unique c"]
    apart = (z.value - c.value)[:12]
    assert auc(apart, np.arange(12) < 6) == 1.0
    assert (found.found["z"].q[:6] <= 0.05).all()
    assert (found.found["c"].q[6:12] <= 0.05).all()
    assert (found.found["z+c"].q[12:] > 0.05).sum() >= 7
    told = found.found["z"].regions["first"]
    assert told.low <= told.value <= told.high
    assert told.value > 0.6 > 0.2 > told.shuffled_high
    assert abs(told.shuffled) < 0.05
    assert told.p == pytest.approx(0.01)
    assert found.sizes == {"all": 20, "first": 6}


def test_blocks_of_voxels_change_nothing(planted: Material) -> None:
    whole = encode(planted, QUICK)
    parts = encode(planted, replace(QUICK, voxel_block=7))
    for name, own in whole.found.items():
        other = parts.found[name]
        np.testing.assert_allclose(own.value, other.value, atol=1e-5, err_msg=name)
        np.testing.assert_allclose(own.p, other.p, atol=0.021, err_msg=name)
        assert own.regions["all"].value == pytest.approx(other.regions["all"].value, abs=1e-5)
        assert own.regions["all"].high == pytest.approx(other.regions["all"].high, abs=1e-4)


def test_unique_variance_of_a_known_mixture() -> None:
    """Of y = .8 z + .6 c, with z and c unrelated, .64 are unique to z and .36 to c."""
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(2, 200, 1))
    y = 0.8 * z + 0.6 * c + 0.05 * rng.normal(size=(200, 3))
    found = encode(trials(z, c, y), QUICK).found
    np.testing.assert_allclose(found["unique z"].value, 0.64, atol=0.08)
    np.testing.assert_allclose(found["unique c"].value, 0.36, atol=0.08)
    np.testing.assert_allclose(found["z+c"].explained, 1.0, atol=0.02)


def test_what_both_say_is_unique_to_none() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(100, 2))
    y = z @ rng.normal(size=(2, 4)) + 0.5 * rng.normal(size=(100, 4))
    found = encode(trials(z, z.copy(), y), QUICK).found
    assert (found["z"].value > 0.5).all()
    for name in ("unique z", "unique c"):
        assert np.abs(found[name].value).max() < 0.02


@pytest.fixture(scope="module")
def nothing() -> Material:
    rng = np.random.default_rng(5)
    z, c = rng.normal(size=(60, 5)), rng.normal(size=(60, 3))
    return trials(z, c, rng.normal(size=(60, 400)))


def shares(p: np.ndarray) -> list[float]:
    return [float((p <= level).mean()) for level in LEVELS]


def test_p_is_uniform_where_there_is_nothing(nothing: Material) -> None:
    """One split: what is learned knows nothing of what is held out."""
    rows = np.arange(60)
    once = replace(nothing, split=Split("given", (), ((rows[:30], rows[30:]),)))
    found = encode(once, QUICK)
    for name in ("z", "c"):
        np.testing.assert_allclose(shares(found.found[name].p), LEVELS, atol=0.07, err_msg=name)
        assert abs(found.found[name].value.mean()) < 0.02
        assert (found.found[name].q <= 0.05).mean() < 0.02


def test_p_of_folds_is_never_too_small(nothing: Material) -> None:
    """Folds are in each other's training rows, which pushes empty voxels below 0, not above."""
    found = encode(nothing, QUICK).found
    for name in ("z", "c", "z+c", "unique z", "unique c"):
        assert (np.array(shares(found[name].p)) <= np.array(LEVELS) + 0.02).all(), name
    assert -0.15 < found["z"].value.mean() < 0.02


def test_a_fold_without_its_mean_has_no_bias_of_means() -> None:
    """Predicting the mean of the training rows says nothing; over all rows it would look worse."""
    rng = np.random.default_rng(0)
    truth, folds = rng.normal(size=(50, 300)), np.repeat(np.arange(5), 10)
    mean = np.stack([truth[folds != k].mean(axis=0) for k in folds])
    predicted = mean + 0.3 * rng.normal(size=truth.shape)
    pair = correlation_pair(predicted, centred(truth, folds), folds)
    within = (pair.a * pair.b).sum(axis=0) / np.sqrt(
        (pair.a**2).sum(axis=0) * (pair.b**2).sum(axis=0)
    )
    over_all = [np.corrcoef(predicted[:, v], truth[:, v])[0, 1] for v in range(300)]
    assert abs(within.mean()) < 0.03
    assert np.mean(over_all) < -0.05


def test_false_discovery_rate_by_hand() -> None:
    p = np.array([0.04, 0.01, 0.5, 0.03, 0.02])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.05, 0.05, 0.5, 0.05, 0.05])
    # 0.02 * 3 / 2 = 0.03 for the second; the third is 0.9.
    np.testing.assert_allclose(benjamini_hochberg(np.array([0.9, 0.001, 0.02])), [0.9, 0.003, 0.03])
    assert p_values(np.array([0, 99]), 99).tolist() == [0.01, 1.0]


def test_components_come_from_training_rows_alone(planted: Material) -> None:
    """Held-out rows may show anything: what is learned with stays the same."""
    other = []
    train, test = planted.split.folds[0]
    for own in planted.sets:
        values = own.values.copy()
        values[test] = 100 * np.random.default_rng(1).normal(size=values[test].shape)
        other.append(replace(own, values=values))
    changed = replace(planted, sets=tuple(other))
    before = _folds(planted, QUICK, lambda *_: None)[0]
    after = _folds(changed, QUICK, lambda *_: None)[0]
    for name, (X, held) in before.designs.items():
        np.testing.assert_array_equal(X, after.designs[name][0])
        assert not np.allclose(held, after.designs[name][1])
    assert set(train.tolist()).isdisjoint(test.tolist())


def test_z_wins_early_and_c_higher_in_the_simulated_brain() -> None:
    """Voxels that respond as the simulator's two areas do, with noise of ours."""
    head = small_head(0, (20, 20, 10))
    early = np.arange(len(head.weights)) < len(head.early)
    responses, pictures, c, runs = [], [], [], []
    rng = np.random.default_rng(0)
    for run in range(5):
        programme = make_programme(50 + run, 14, 3.0, 1.0, 2.0)
        scenes = [programme.scene_at(t + 0.5) for t in range(60)]
        activity = np.stack([scene_features(scene) for scene in scenes])
        blurred = lfilter(double_gamma(1.0), 1.0, activity, axis=0) @ head.weights.T
        responses.append(blurred + 0.3 * blurred.std(axis=0) * rng.normal(size=blurred.shape))
        blank = np.zeros((64, 64, 3), np.uint8)
        pictures += [blank if scene is None else draw(scene) for scene in scenes]
        c += [np.full(17, np.nan) if scene is None else embed(scene) for scene in scenes]
        runs += [str(run)] * 60
    names, times, rows = np.array(runs), np.tile(np.arange(60.0), 5), np.arange(300)
    high = np.array(c)
    low = WorldEncoder().encode(np.stack(pictures)).astype(np.float64)
    low[np.isnan(high[:, 0])] = np.nan
    folds = tuple((rows[names != r], rows[names == r]) for r in dict.fromkeys(runs))
    material = Material(
        np.concatenate(responses).astype(np.float32),
        (FeatureSet("z", "main", low), FeatureSet("c", "main", high)),
        Split("by run", ("run",), folds), names, unit_blocks(names, times, 20.0),
        Clock(names, times, 1.0), {"early": early, "higher": ~early},
    )  # fmt: skip
    found = encode(material, replace(QUICK, components=30)).found
    for own, other, region in (("z", "c", "early"), ("c", "z", "higher")):
        assert found[own].regions[region].value > found[other].regions[region].value + 0.02
        assert found[f"unique {own}"].regions[region].value > 0
    apart = found["unique z"].value - found["unique c"].value
    assert auc(apart, early) > 0.95
    assert np.corrcoef(apart, early)[0, 1] > 0.6


def test_report_holds_every_voxel_at_its_place(planted: Material, tmp_path: Path) -> None:
    mask = np.zeros((4, 3, 2), np.bool_)
    mask.ravel()[:20] = True
    places = Places(mask, np.diag([2.0, 2.0, 2.0, 1.0]))
    rng = np.random.default_rng(0)
    more = tuple(
        FeatureSet(name, "noise" if name.startswith("zc") else "layer", rng.normal(size=(80, 3)))
        for name in ("zc 0.5", "zc 1", "layer mid_block 1", "layer mid_block 2")
    )  # fmt: skip
    material = replace(planted, sets=(*planted.sets, *more))
    quick = replace(QUICK, permutations=9)
    found = encode(material, quick)
    page = write_encoding(
        tmp_path, found, quick, {"person": "p <1>"}, places, material.regions, ["no ceiling"]
    )
    text = page.read_text("utf-8")
    for part in ("p &lt;1&gt;", "5 folds by trial", "shuffled", "no ceiling", "data:image/png"):
        assert part in text
    assert "images in maps/" in text
    # 9 permutations: q 0.05 needs more voxels with the smallest p than there are.
    assert voxels_needed(20, 9, 0.05) == 40
    assert "40 of 20 voxels or more have the smallest p (never)" in page_of(
        found, {"permutations": 9}, {}, [], 0.05, 0.1
    )
    kept = {k: v for k, v in found.found.items() if v.kind not in ("noise", "layer")}
    small = replace(found, found=kept)
    bare = page_of(small, {"permutations": 9999}, {}, [], 0.05, 0.1)
    for absent in ("maps/", "<h2>Where", "<h2>Noise level", "<h2>Blocks", "smallest p"):
        assert absent not in bare
    image: nib.Nifti1Image = nib.load(tmp_path / "maps" / "unique-z.nii.gz")
    np.testing.assert_allclose(image.get_fdata()[mask], found.found["unique z"].value, atol=1e-6)
    q: nib.Nifti1Image = nib.load(tmp_path / "maps" / "q_z.nii.gz")
    assert (q.get_fdata()[~mask] == 1).all()
    with (tmp_path / "voxels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert float(rows[7]["y_mm"]) == np.argwhere(mask)[7][1] * 2.0
    assert float(rows[7]["r_c"]) == pytest.approx(found.found["c"].value[7], rel=1e-4)
    with (tmp_path / "regions.csv").open() as file:
        assert {row["region"] for row in csv.DictReader(file)} == {"all", "first"}
    told = json.loads((tmp_path / "encoding.json").read_text("utf-8"))
    assert told["sets"]["zc 0.5"]["kind"] == "noise"
    assert {path.name for path in tmp_path.glob("*.png")} == {
        "bars.png", "levels.png", "layers.png", "slices.png",
    }  # fmt: skip


def test_features_of_the_generator_meet_the_rows_that_saw_them() -> None:
    rng = np.random.default_rng(0)
    shown = np.array([2, 0, -1, 1, 2, 0])
    z, c = rng.normal(size=(3, 1, 2, 2)), rng.normal(size=(3, 4))
    empty = shown < 0
    data = Dataset(
        responses=np.ones((6, 2), np.float32), groups=np.full(6, "1"), times=np.arange(6.0),
        z=np.where(empty[:, None, None, None], np.nan, z[shown]).astype(np.float32),
        c=np.where(empty[:, None], np.nan, c[shown]).astype(np.float32),
    )  # fmt: skip
    seen = seen_once(data)
    assert len(seen.z) == 3
    np.testing.assert_array_equal(seen.z[seen.of[~empty]], data.z[~empty])  # type: ignore[index]
    made = {"zc 0": seen.z, "zc 0.5": seen.z * 2, "layer mid_block 1": seen.c, "other": seen.c}
    sets = of_generator(made, seen.of)
    assert [(own.name, own.kind) for own in sets] == [
        ("zc 0.5", "noise"), ("layer mid_block 1", "layer"),
    ]  # fmt: skip
    assert np.isnan(sets[1].values[2]).all()
    np.testing.assert_array_equal(sets[1].values[0], sets[1].values[4])


def test_the_command_refuses_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").write_text("x")
    assert main(["encode", str(tmp_path / "none.npz"), "--out", str(tmp_path / "new")]) == 1
    assert "none.npz" in capsys.readouterr().err
    source = tmp_path / "full"
    assert main(["encode", str(source), "--out", str(tmp_path), "--folds", "1"]) == 1
    said = capsys.readouterr().err
    assert "--out" in said
    assert "--folds" in said


def test_what_does_not_fit_is_refused_at_once(planted: Material) -> None:
    with pytest.raises(InputError, match=r"groups[\s\S]*region none"):
        replace(planted, groups=planted.groups[:3], regions={"none": np.zeros(20, np.bool_)})
    values = planted.sets[0].values.copy()
    values[4] = np.nan
    with pytest.raises(InputError, match="rows without features"):
        replace(planted, sets=(replace(planted.sets[0], values=values),))
    with pytest.raises(ConfigError, match=r"components[\s\S]*fdr"):
        EncodeSettings(components=0, fdr=2.0)
    assert voxels_at_once(10**7, 30, QUICK) == 1
