"""Held-out percepts: by folds, by a given test set, by a bundle that must not know the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decoder.cli import main as fit
from decoder.evaluation import by_bundle
from decoder.evaluation.decode import main as decode
from decoder.evaluation.heldout import percepts_of
from decoder.evaluation.percepts import Percepts, read_percepts
from phosphene.dataset import PreparedData, PreparedMeta, TimedEvent, write_prepared
from phosphene.errors import ConfigError
from phosphene.stimuli import CATEGORIES

TRIALS, VOXELS, SIDE = 36, 25, 8


def trials(path: Path, *, test_pictures: bool = False) -> None:
    """Write trials whose voxels see the picture; a test set of a third of them besides."""
    rng = np.random.default_rng(0)
    count = TRIALS + TRIALS // 3
    coarse = rng.integers(0, 256, (count, 2, 2))
    pictures = np.kron(coarse, np.ones((1, SIDE // 2, SIDE // 2))).astype(np.uint8)
    seen = coarse.reshape(count, 4) / 128 - 1
    responses = seen @ rng.normal(size=(4, VOXELS)) + 0.3 * rng.normal(size=(count, VOXELS))
    labels = np.where(seen[:, 0] > 0, "bright", "dark")
    if test_pictures:
        pictures[TRIALS:] = rng.permutation(pictures[TRIALS:])
    np.savez(
        path, responses=responses[:TRIALS], stimuli=pictures[:TRIALS], labels=labels[:TRIALS],
        test_responses=responses[TRIALS:], test_stimuli=pictures[TRIALS:],
        test_labels=labels[TRIALS:],
    )  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trials") / "trials.npz"
    trials(path)
    return path


@pytest.fixture(scope="module")
def bundle(source: Path) -> Path:
    where = source.parent / "bundle"
    assert fit([str(source), "--out", str(where), "--split", "given"]) == 0
    return where


def decoded(source: Path, *options: object) -> Percepts:
    out = source.parent / "percepts.npz"
    assert decode([str(source), "--out", str(out), *map(str, options)]) == 0
    return read_percepts(out)


def test_every_trial_is_decoded_without_its_fold(source: Path) -> None:
    found = decoded(source, "--split", "4-fold-by-stimulus")
    assert len(found) == TRIALS + TRIALS // 3
    assert len(set(found.folds.tolist())) == 4
    assert found.facts["split"] == "4 folds by stimulus"
    assert found.label_names == ("bright", "dark")
    assert found.z is not None
    assert found.z_true is not None
    assert found.seen is not None
    assert found.z_pictures is not None
    assert found.z_pictures.shape == (len(found), SIDE, SIDE, 3)
    assert np.corrcoef(found.z.ravel(), found.z_true.ravel())[0, 1] > 0.8
    # Rows of percepts and of what was seen belong together.
    assert np.corrcoef(found.z_true.ravel(), found.seen[..., 0].ravel())[0, 1] > 0.99


def test_what_the_test_set_shows_changes_no_percept(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "trials.npz"
    trials(other, test_pictures=True)
    first, second = decoded(source, "--split", "given"), decoded(other, "--split", "given")
    assert len(first) == TRIALS // 3
    assert "12 to test" in first.facts["split"]
    assert not np.array_equal(first.seen, second.seen)  # type: ignore[arg-type]
    assert np.array_equal(first.z, second.z)  # type: ignore[arg-type]


def test_a_bundle_decodes_the_test_side_that_it_never_saw(source: Path, bundle: Path) -> None:
    by_fit, found = decoded(source, "--split", "given"), decoded(source, "--bundle", bundle)
    assert len(found) == TRIALS // 3
    assert not found.facts["training"]
    assert "test rows that came with the data" in found.facts["split"]
    assert found.bundle == str(bundle.resolve())
    np.testing.assert_allclose(found.z, by_fit.z, atol=1e-4)  # type: ignore[arg-type]


def test_test_rows_alone_of_a_file_that_was_fitted_are_no_training_data(
    source: Path, tmp_path: Path
) -> None:
    path, bundle = tmp_path / "named.npz", tmp_path / "bundle"
    with np.load(source) as held:
        names = ("responses", "stimuli", "labels")
        own = {f"{name}_{side}": held[f"{more}{name}"] for name in names
               for side, more in (("a", ""), ("b", "test_"))}  # fmt: skip
    np.savez(path, **own)

    def called(side: str) -> list[str]:
        keys = {"--responses": "responses", "--stimuli": "stimuli", "--labels-key": "labels"}
        return [part for key, name in keys.items() for part in (key, f"{name}_{side}")]

    assert fit([str(path), "--out", str(bundle), *called("a")]) == 0
    out = ["--out", str(tmp_path / "p.npz"), "--bundle", str(bundle)]
    assert decode([str(path), *out, *called("b")]) == 0
    assert len(read_percepts(tmp_path / "p.npz")) == TRIALS // 3
    assert decode([str(path), *out, *called("a")]) == 1


def test_training_data_are_refused_or_stamped(
    source: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, rows = tmp_path / "p.npz", tmp_path / "rows.npz"
    wanted = ["--out", str(out), "--bundle", str(bundle)]
    swapped = ["--test-responses", "responses", "--test-stimuli", "stimuli"]
    assert decode([str(source), *wanted, *swapped, "--test-labels-key", "labels"]) == 1
    assert "fitted on 36 of these 36 rows" in capsys.readouterr().err
    # The rows to learn from alone, in another file.
    with np.load(source) as held:
        np.savez(rows, **{k: held[k] for k in ("responses", "stimuli", "labels")})
    assert decode([str(rows), *wanted]) == 1
    assert "fitted on 36 of these 36 rows" in capsys.readouterr().err
    # Fewer of them, in another order, packed, of another type, among others.
    order = np.random.default_rng(1).permutation(TRIALS)[:5]
    with np.load(source) as held:
        some = {k: held[k][order] for k in ("responses", "stimuli", "labels")}
        more = {k: np.concatenate([v, held[f"test_{k}"]]) for k, v in some.items()}
    np.savez_compressed(rows, **{k: v.astype("f4") if v.ndim == 2 else v for k, v in more.items()})
    assert decode([str(rows), *wanted]) == 1
    assert "fitted on 5 of these 17 rows" in capsys.readouterr().err
    assert not out.exists()
    assert decode([str(rows), *wanted, "--allow-training"]) == 0
    found = read_percepts(out)
    assert found.facts["training"]
    assert found.facts["split"].startswith("NOT held out")


def recorded(path: Path, files: dict[str, str], seed: int = 0) -> Path:
    """Write prepared volumes of runs, each cleaned from a file."""
    rng, count = np.random.default_rng(seed), 20
    events = [
        TimedEvent(run=run, t_s=8.0 * k, duration_s=6.0, label=CATEGORIES[k % 2])
        for run in files
        for k in range(5)
    ]
    meta = PreparedMeta(
        person="p1", modality="fmri", kind="fmri", mask_hash="0" * 64, tr_s=2.0, affine=(),
        channels=(), times_s=(), settings="{}", events=events,
        sources={f"{sha}.nii": sha * 64 for sha in set(files.values())},
        run_sources={run: (sha * 64,) for run, sha in files.items()},
    )  # fmt: skip
    runs = np.repeat(list(files), count)
    write_prepared(
        path,
        PreparedData(
            meta, rng.normal(size=(len(runs), 9)).astype(np.float32), runs,
            np.tile(2.0 * np.arange(1, count + 1), len(files)), np.full(len(runs), np.nan),
            np.zeros((0, 0, 0), bool),
        ),
    )  # fmt: skip
    return path


def test_a_file_is_known_however_its_run_is_called_and_cleaned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fitted(files: dict[str, str]) -> str:
        source, where = recorded(tmp_path / "fit.npz", files), tmp_path / "b"
        options = ["--delay", "4", "--window", "1", "--replace"]
        assert fit([str(source), "--out", str(where), *options]) == 0
        return str(where)

    def refusal(bundle: str, files: dict[str, str]) -> str:
        source, out = recorded(tmp_path / "new.npz", files, seed=1), str(tmp_path / "p.npz")
        capsys.readouterr()
        failed = decode([str(source), "--out", out, "--bundle", bundle])
        err = capsys.readouterr().err
        assert bool(failed) == ("fitted on" in err)
        return err if failed else ""

    each = fitted({"1": "a", "2": "b", "3": "c"})
    assert "b.nii, its run has another name" in refusal(each, {"sub-1_run-2": "b"})
    assert "c.nii, run(s) 3" in refusal(each, {"3": "c"})
    assert not refusal(each, {"2": "d"})
    # One file with several runs: their names are its own.
    shared = fitted({"1": "e", "2": "e", "3": "e"})
    assert not refusal(shared, {"4": "e"})
    assert "e.nii, run(s) 2" in refusal(shared, {"2": "e", "4": "e"})


def test_other_trials_of_the_person_are_welcome(source: Path, bundle: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.npz"
    with np.load(source) as held:
        named = ("responses", "stimuli", "labels")
        np.savez(rows, **{k: held[f"test_{k}"] for k in named})
    found = decoded(rows, "--bundle", bundle)
    assert len(found) == TRIALS // 3
    assert not found.facts["training"]


def test_options_that_a_bundle_decides_are_refused(
    source: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = source.parent / "never.npz"
    wanted = [str(source), "--out", str(out), "--bundle", str(bundle), "--split", "given"]
    assert decode(wanted) == 1
    assert "--split" in capsys.readouterr().err
    assert not out.exists()


def test_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        percepts_of([], {"split": "s"}, blocks=False)


def test_a_bundle_takes_the_space_that_its_fit_took(
    source: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = decoded(source, "--bundle", bundle)
    for spec in ("pixels:8:grey", "z=pixels:8:grey,c=prototypes:bright+dark"):
        found = decoded(source, "--bundle", bundle, "--space", spec)
        assert np.array_equal(found.z_true, usual.z_true)  # type: ignore[arg-type]
    wrong = ["--out", str(source.parent / "no.npz"), "--bundle", str(bundle), "--space", "pixels:4"]
    assert decode([str(source), *wrong]) == 1
    assert "--space z=pixels:8:grey,c=prototypes:bright+dark" in capsys.readouterr().err

    def without_weights(spec: str) -> None:
        raise ConfigError("no folder of weights is named")

    # Its own graph paints z; only the truth of z needs the weights.
    monkeypatch.setattr(by_bundle, "open_space", without_weights)
    found = decoded(source, "--bundle", bundle)
    assert found.z is not None
    assert found.z_true is None
    assert found.seen is not None
    assert "to compare them: --space" in capsys.readouterr().err
    assert by_bundle.option_of("z=taef2@56,c=clip:x") == ("--space z=taef2:FOLDER@56,c=clip:FOLDER")
