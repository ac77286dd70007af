"""Regions: read from images, found in the data, and nothing else is read by their heads."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import onnx
import pytest

from decoder.dataset import Dataset
from decoder.fit import Facts, fit_bundle
from decoder.heads import fit_head
from decoder.model import LinearModel
from decoder.readers.roi import takagi_regions
from decoder.regions import Regions
from decoder.regions_data import RegionsFromData
from decoder.regions_read import image_region, parted
from decoder.samples import learn_priors, make_samples
from decoder.settings import FitSettings
from phosphene.bundle import mask_sha256
from phosphene.dataset import PreparedData, PreparedMeta
from phosphene.engine import OnnxEngine
from phosphene.errors import InputError
from phosphene.manifest import TargetInfo

TRIALS = FitSettings(window=1, combine="mean", period_s=1.0, normaliser="none", per_event=True)
EARLY, HIGHER = np.arange(40) < 20, np.arange(40) >= 20
GIVEN = Regions({"early": EARLY, "higher": HIGHER}, {"z": ("early",), "c": ("higher",)})


def silent(what: str, done: int, total: int) -> None:
    assert what and 0 <= done <= total


@pytest.fixture(scope="module")
def data() -> Dataset:
    """The first 20 of 40 voxels respond to z, the others to c; z and c know nothing of each other.

    Two volumes in a row show one picture.
    """
    rng = np.random.default_rng(0)
    z, c = rng.normal(size=(120, 12)), rng.normal(size=(120, 5))
    drive = np.c_[z @ rng.normal(size=(12, 20)), c @ rng.normal(size=(5, 20))]
    return Dataset(
        responses=(drive + rng.normal(size=drive.shape)).astype(np.float32),
        groups=np.repeat([f"fold {k}" for k in range(6)], 20),
        times=np.tile(np.arange(20.0), 6),
        z=z.astype(np.float32).reshape(-1, 3, 2, 2),
        c=c.astype(np.float32),
    )


def empty(regions: Regions | RegionsFromData | None = None) -> LinearModel:
    prototypes = np.zeros((0, 5), np.float32)
    return LinearModel((), prototypes, z_shape=(3, 2, 2), regions=regions)


@pytest.mark.parametrize("window", [1, 2])
def test_heads_read_their_regions_only(data: Dataset, window: int) -> None:
    settings = TRIALS.model_copy(update={"window": window, "combine": "concat"})
    samples = make_samples(data, settings, learn_priors(data, settings))
    model = empty(GIVEN).fit(samples, settings)
    assert model.z is not None
    assert model.c is not None
    assert not model.z.weights[np.tile(HIGHER, window)].any()
    assert not model.c.weights[np.tile(EARLY, window)].any()
    graph = model.export()
    sizes = {one.name: list(one.dims) for one in onnx.load_from_string(graph).graph.initializer}
    assert sizes["z_flat_weights"] == [20 * window, 12]
    assert sizes["c_weights"] == [20 * window, 5]
    wanted, engine = model.predict(samples.X), OnnxEngine(graph)
    for k in (0, 50):
        got = engine.run({"x": samples.X[k : k + 1]})
        np.testing.assert_allclose(got["z"][0], wanted.z[k], atol=1e-4)  # type: ignore[index]
        np.testing.assert_allclose(got["c"][0], wanted.c[k], atol=1e-4)  # type: ignore[index]


def test_regions_are_found_in_the_data(data: Dataset) -> None:
    samples = make_samples(data, TRIALS, learn_priors(data, TRIALS))
    model = empty(RegionsFromData(least=2)).fit(samples, TRIALS)
    assert isinstance(model.regions, Regions)
    assert model.regions.members["early"][:20].mean() > 0.9
    assert model.regions.members["higher"][20:].mean() > 0.9
    assert not (model.regions.members["early"] & HIGHER).any()
    assert not (model.regions.members["higher"] & EARLY).any()
    with pytest.raises(InputError, match="no c"):
        bare = Dataset(data.responses, data.groups, data.times, z=data.z)
        empty(RegionsFromData()).fit(make_samples(bare, TRIALS, learn_priors(bare, TRIALS)), TRIALS)


def test_noise_still_gives_regions(data: Dataset) -> None:
    rng = np.random.default_rng(3)
    noise = Dataset(
        rng.normal(size=(120, 40)).astype(np.float32), data.groups, data.times, z=data.z, c=data.c
    )
    samples = make_samples(noise, TRIALS, learn_priors(noise, TRIALS))
    model = empty(RegionsFromData(least=7)).fit(samples, TRIALS)
    assert isinstance(model.regions, Regions)
    assert min(model.regions.counts().values()) >= 7


def test_bands_are_weighed_target_by_target(data: Dataset) -> None:
    """One target in each band: both bands alike must lose to the right one."""
    assert data.z is not None
    assert data.c is not None
    Y = np.c_[data.z.reshape(120, -1)[:, :2], data.c[:, :2]]
    both = ("early", "higher")
    banded = Regions(GIVEN.members, {"z": both}, banded=True)
    weightings = banded.weightings("z", 1)
    assert len(weightings) == 5
    fitted = fit_head(data.responses, Y, data.groups, TRIALS, weightings)
    plain = fit_head(data.responses, Y, data.groups, TRIALS)
    assert fitted.error < plain.error
    for target in range(4):
        used = weightings[fitted.weighting[target]]
        assert (used[:20].mean() > used[20:].mean()) == (target < 2)
    assert banded.mask("z") is not None
    assert banded.mask("class") is None


def test_variance_is_given_back_on_left_out_rows(data: Dataset) -> None:
    Y = np.asarray(data.z).reshape(120, -1)
    X = data.responses + 6 * np.random.default_rng(1).normal(size=data.responses.shape)
    plain = fit_head(X, Y, data.groups, TRIALS)
    full = fit_head(X, Y, data.groups, TRIALS.model_copy(update={"restore": (1.0,)}))
    fresh = X + 6 * np.random.default_rng(2).normal(size=X.shape)
    low, high = plain.map(fresh).std(axis=0), full.map(fresh).std(axis=0)
    assert low.mean() < 0.7 * Y.std(axis=0).mean()
    assert (high > low).all()
    np.testing.assert_allclose(full.map(X).mean(axis=0), Y.mean(axis=0), atol=1e-5)
    some = fit_head(X, Y, data.groups, TRIALS.model_copy(update={"restore": (0.0, 0.5, 1.0)}))
    assert some.restored in (0.0, 0.5, 1.0)


def test_bundle_names_regions_and_counts(data: Dataset) -> None:
    mask = np.ones((40, 1, 1), np.bool_)
    facts = Facts(
        person="p01", modality="fmri", mask_hash=mask_sha256(mask, np.eye(4)),
        target=TargetInfo(id="any", sha256="a" * 64, c_dim=5, z_shape=(3, 2, 2), categories=()),
        prototypes=np.zeros((0, 5), np.float32), created="2026-01-01T00:00:00+00:00",
        mask=mask, affine=np.eye(4), regions=GIVEN,
    )  # fmt: skip
    bundle = fit_bundle(data, TRIALS, facts, silent)
    told = bundle.manifest.training.settings["regions"]
    assert told["voxels"] == {"early": 20, "higher": 20}
    assert told["heads"] == {"z": ["early"], "c": ["higher"]}
    np.testing.assert_array_equal(bundle.statistics["region_early"], EARLY)


def write(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(values.astype(np.int16), affine), path)
    return path


def test_images_are_looked_up_by_place(tmp_path: Path) -> None:
    """A 2 mm atlas that is turned, shifted and half as large, read at 4 mm."""
    mask = np.zeros((6, 6, 6), np.bool_)
    mask[1:5, 1:5, 1:5] = True
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    own = np.array([[-2.0, 0, 0, 22], [0, 2.0, 0, 0], [0, 0, 2.0, -2], [0, 0, 0, 1]])
    index = np.stack(np.meshgrid(*[np.arange(12)] * 3, indexing="ij"), axis=-1)
    x_mm = (index @ own[:3, :3].T + own[:3, 3])[..., 0]
    file = write(tmp_path / "a.nii.gz", np.where(x_mm <= 10, 3, np.where(x_mm <= 14, 17, 0)), own)
    x = (np.argwhere(mask) * 4.0)[:, 0]
    np.testing.assert_array_equal(image_region(file, (3,), mask, affine), x <= 10)
    np.testing.assert_array_equal(image_region(file, (3, 17), mask, affine), x <= 14)
    np.testing.assert_array_equal(image_region(file, (), mask, affine), x <= 14)
    with pytest.raises(InputError, match="0 voxels, none in the mask"):
        image_region(file, (4,), mask, affine)
    assert parted("some/atlas.nii.gz:3+17") == ("some/atlas.nii.gz", (3, 17))
    assert parted("C:/mask.nii") == ("C:/mask.nii", ())


def test_a_region_elsewhere_is_refused_and_both_places_are_told(tmp_path: Path) -> None:
    mask, far = np.ones((3, 3, 3), np.bool_), np.eye(4)
    far[:3, 3] = 500.0
    away = write(tmp_path / "away.nii.gz", np.ones((3, 3, 3)), far)
    with pytest.raises(InputError, match=r"27 voxels, none in the mask.*x 500 to 502.*x 0 to 2"):
        image_region(away, (), mask, np.eye(4))
    with pytest.raises(InputError, match="cannot be read"):
        image_region(tmp_path / "missing.nii", (), mask, np.eye(4))
    four = write(tmp_path / "four.nii.gz", np.ones((3, 3, 3, 2)), np.eye(4))
    with pytest.raises(InputError, match="one volume"):
        image_region(four, (), mask, np.eye(4))


def test_regions_of_the_command_line(tmp_path: Path) -> None:
    """Numbers of an array are chosen like those of an atlas; data means both are found."""
    np.save(tmp_path / "roi.npy", np.array([1, 1, 2, 0, 3]))
    prepared = PreparedData(
        meta=PreparedMeta(
            person="p01", modality="fmri", kind="fmri-beta", mask_hash="m", tr_s=0.0, affine=(),
            channels=(), times_s=(), settings="", sources={}, events=[],
        ),
        responses=np.zeros((2, 5), np.float32), runs=np.array(["1", "2"]), t_data=np.zeros(2),
        t_event=np.zeros(2), mask=np.zeros((0, 0, 0), np.bool_),
    )  # fmt: skip
    file = str(tmp_path / "roi.npy")
    found = takagi_regions(f"{file}:1+2", f"{file}:3", prepared, tmp_path, False)
    assert isinstance(found, Regions)
    assert found.counts() == {"early": 3, "higher": 1}
    assert found.heads == {"z": ("early",), "c": ("higher",), "class": ("higher",)}
    assert takagi_regions("data", "data", prepared, tmp_path, True) == RegionsFromData(banded=True)
    assert takagi_regions(None, None, prepared, tmp_path, False) is None
    with pytest.raises(InputError, match="--early data --higher data"):
        takagi_regions("data", file, prepared, tmp_path, False)
    with pytest.raises(InputError, match="--banded"):
        takagi_regions(None, None, prepared, tmp_path, True)
    with pytest.raises(InputError, match=r"no c .*a --space whose c"):
        RegionsFromData().check(np.zeros((2, 3)), None)
    with pytest.raises(InputError, match="not known where voxels lie"):
        takagi_regions("early.nii.gz", None, prepared, tmp_path, False)


def test_regions_must_suit_each_other_and_the_data(data: Dataset) -> None:
    with pytest.raises(InputError) as caught:
        Regions({"a": np.zeros(3, np.bool_), "b": np.ones(4, np.bool_)}, {"z": ("c",)})
    assert "3 problem(s)" in str(caught.value)
    wrong = Regions({"a": np.ones(7, np.bool_)}, {"z": ("a",)})
    with pytest.raises(InputError, match="7 voxels"):
        empty(wrong).fit(make_samples(data, TRIALS, learn_priors(data, TRIALS)), TRIALS)
