"""Shapes and painters in the product: fit to bundle to engine, evaluation, and what is refused."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from decoder import fit as fitting
from decoder import kinds
from decoder.choose import Grid
from decoder.cli import main as fit
from decoder.evaluation.decode import main as decode
from decoder.evaluation.percepts import Percepts, read_percepts
from decoder.images.head import PictureHead, fit_pictures
from decoder.images.painter import PainterSettings
from decoder.images.reconstruct import PictureSettings
from decoder.settings import FitSettings
from phosphene.bundle import Bundle
from phosphene.commands.fit import add_model_option
from phosphene.engine import OnnxEngine
from phosphene.errors import ConfigError
from renderer.torch_engine import TorchEngine

Array = npt.NDArray[Any]
TRIALS, TEST, SIDE = 48, 12, 10
QUICK = partial(
    PictureSettings, painters=1, variants=40, folds=3, components=6,
    painter=PainterSettings(steps=30, hidden=16, batch=32),
)  # fmt: skip


def write_trials(path: Path, *, colour: bool = False) -> None:
    """Write trials with discs: noisy pixels as responses, the upper or lower half as label."""
    rng = np.random.default_rng(0)
    count = TRIALS + TEST
    y, x = np.indices((SIDE, SIDE))
    centre, radius = rng.uniform(3, 6, (count, 2)), rng.uniform(1.5, 3, count)
    distance = np.hypot(y - centre[:, :1, None], x - centre[:, 1:, None])
    pictures = np.clip(radius[:, None, None] - distance + 0.5, 0, 1)
    responses = 5 + pictures.reshape(count, -1) + rng.normal(0, 0.4, (count, SIDE**2))
    shown = np.rint(pictures * 255).astype(np.uint8)
    if colour:
        shown = np.stack([shown, shown // 2, shown], axis=3)
    labels = np.where(centre[:, 0] < 4.5, "up", "down")
    parts: dict[str, Array] = {"responses": responses, "stimuli": shown, "labels": labels}
    held = {name: values[:TRIALS] for name, values in parts.items()}
    held |= {f"test_{name}": values[TRIALS:] for name, values in parts.items()}
    np.savez(path, **held)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def quick() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "PictureSettings", QUICK)
        patch.setattr("decoder.load.usual_split", three_folds)
        yield


def three_folds(data: Any, seed: int) -> Any:
    from decoder.splits import make_split

    return make_split(data, "3-fold-by-trial", seed)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:
    path = tmp_path_factory.mktemp("trials") / "trials.npz"
    write_trials(path)
    return path


@pytest.fixture(scope="module")
def made(source: Path) -> tuple[Bundle, fitting.Fitted, Path]:
    where, kept = source.parent / "bundle", []
    usual = fitting.fit_decoder

    def keep(*given: Any) -> fitting.Fitted:
        kept.append(usual(*given))
        return kept[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "fit_decoder", keep)
        assert fit([str(source), "--out", str(where), "--model", "pictures"]) == 0
    return Bundle.load(where), kept[0], where


def decoded(source: Path, *options: object) -> Percepts:
    out = source.parent / "percepts.npz"
    assert decode([str(source), "--out", str(out), *map(str, options)]) == 0
    return read_percepts(out)


def test_the_bundle_is_one_graph_that_gives_what_the_model_predicts(
    made: tuple[Bundle, fitting.Fitted, Path], source: Path
) -> None:
    bundle, fitted, _ = made
    assert isinstance(fitted.model.z, PictureHead)
    assert bundle.manifest.heads == ("z", "class")
    assert bundle.manifest.target.z_shape == (1, SIDE, SIDE)
    engine, other = OnnxEngine(bundle.graph, 1), TorchEngine(bundle.graph)
    rng = np.random.default_rng(1)
    with np.load(source) as held:
        new = held["test_responses"]
    statistics = bundle.statistics
    rows = (new - statistics["prior_mean"]) / statistics["prior_std"]
    rows = np.concatenate([rows, rng.normal(0, 3, rows.shape)]).astype(np.float32)
    expected = fitted.model.predict(rows)
    for k, row in enumerate(rows):
        found, again = engine.run({"x": row[None]}), other.run({"x": row[None]})
        for name in ("z", "c", "log_probabilities", "confidence"):
            wanted = getattr(expected, name)[k]
            assert np.abs(np.squeeze(found[name]) - np.squeeze(wanted)).max() < 1e-4, name
            assert np.abs(again[name] - found[name]).max() < 1e-4, name
    assert len(expected.confidence) == 2 * TEST
    own, noise = expected.confidence[:TEST], expected.confidence[TEST:]
    assert np.median(own) > np.median(noise), "what is not the person's data is trusted less"


def test_the_manifest_tells_how_z_is_decoded_and_how_well(
    made: tuple[Bundle, fitting.Fitted, Path],
) -> None:
    manifest = made[0].manifest
    told = manifest.training.settings
    assert told["pictures"]["painters"] == 1
    assert told["chosen"]["z_painters"] == 1
    assert told["chosen"]["z_trials"] == TRIALS
    assert told["chosen"]["z_kinds"] == 2
    known = {k: v for k, v in told.items() if k in FitSettings.model_fields}
    assert FitSettings.model_validate(known).pictures == QUICK()
    figures = {(score.name, score.split): score for score in manifest.metrics}
    z = next(v for (name, split), v in figures.items() if name == "z_two_way" and "fold" in split)
    assert z.value > 0.8
    assert z.shuffled is not None
    assert z.shuffled < 0.65


def test_evaluation_decodes_the_same_pictures_by_fit_and_by_bundle(
    made: tuple[Bundle, fitting.Fitted, Path], source: Path
) -> None:
    by_fit = decoded(source, "--model", "pictures", "--split", "given")
    by_bundle = decoded(source, "--bundle", made[2])
    assert "shapes and painters" in by_fit.facts["decoder"]
    assert by_fit.z is not None
    assert by_fit.z_pictures is not None
    assert by_fit.seen is not None
    np.testing.assert_allclose(by_bundle.z, by_fit.z, atol=1e-4)  # type: ignore[arg-type]
    assert np.abs(by_fit.z).max() <= 1
    pair = by_fit.z_pictures[..., 0].ravel(), by_fit.seen[..., 0].ravel()
    assert np.corrcoef(*pair)[0, 1] > 0.75
    linear = decoded(source, "--split", "given")
    assert linear.z is not None
    assert not np.allclose(linear.z, by_fit.z, atol=0.05)


def test_a_head_reads_only_its_region() -> None:
    rng = np.random.default_rng(0)
    pictures = (rng.random((30, 36)) > 0.5) * 2.0 - 1.0
    X = np.hstack([pictures, rng.normal(size=(30, 5))]) + 0.1 * rng.normal(size=(30, 41))
    mask = np.arange(41) < 36
    settings = QUICK(painters=0)
    head = fit_pictures(X, pictures, [""] * 30, settings, (1, 6, 6), mask)
    other = X.copy()
    other[:, 36:] += 100
    assert np.array_equal(head(X), head(other))
    assert head.facts() == {"z_trials": 30, "z_kinds": 1, "z_painters": 0}


@dataclass(frozen=True)
class Shown:
    """Forty trials, of which only z is looked at."""

    z: Any

    def __len__(self) -> int:
        return 40


def loaded(**changes: Any) -> Any:
    """Return what `kind_of` looks at, for trials of 40 grey pictures of 10 pixels."""
    facts: dict[str, Any] = {
        "kind": "fmri-beta", "z": np.zeros((40, 1, 10, 10)), "id": "pixels:10:grey",
        "shape": (1, 10, 10), "window": 1, "train": 30,
    } | changes  # fmt: skip
    data = Shown(facts["z"])
    target = SimpleNamespace(id=facts["id"], z_shape=facts["shape"])
    return SimpleNamespace(
        prepared=SimpleNamespace(meta=SimpleNamespace(kind=facts["kind"], modality="fmri")),
        aim=SimpleNamespace(data=data, target=target),
        settings=FitSettings(window=facts["window"], seed=3),
        grid=Grid(),
        split=[(np.arange(facts["train"]), np.arange(5))],
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"z": None}, ["no pictures", "--stimuli"]),
        ({"kind": "fmri"}, ["one row for each trial", "--features beta"]),
        ({"train": 19}, ["got 19", "20 or more"]),
        ({"id": "z=world-64", "shape": (4, 16, 16)}, ["world-64", "--space pixels:28:grey"]),
        (
            {"id": "z=pixels:96,c=prototypes:a+b", "shape": (3, 96, 96)},
            ["with colours", "96 px", "--space pixels:64:grey"],
        ),
    ],
)
def test_what_it_is_not_for_is_refused_in_words(changes: dict[str, Any], said: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        kinds.kind_of(loaded(**changes), "pictures")
    assert all(text in str(caught.value) for text in said), str(caught.value)


def test_torch_and_bands_are_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, grid = kinds.kind_of(loaded(id="z=pixels:10:grey,c=prototypes:a+b"), "pictures")
    assert settings.pictures is not None
    assert settings.pictures.seed == 3
    assert grid == Grid()
    monkeypatch.setattr(kinds, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"phosphene\[train\]") as caught:
        kinds.kind_of(loaded(), "pictures", banded=True)
    assert "--banded" in str(caught.value)


def test_colours_are_refused_by_the_command_and_a_bundle_takes_no_model(
    tmp_path: Path, source: Path, made: tuple[Bundle, fitting.Fitted, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path, out = tmp_path / "colour.npz", str(tmp_path / "b")
    write_trials(path, colour=True)
    assert fit([str(path), "--out", out, "--model", "pictures"]) == 1
    assert "--space pixels:10:grey, which keeps the lightness" in capsys.readouterr().err
    asked = [str(source), "--out", out, "--bundle", str(made[2]), "--model", "pictures"]
    assert decode(asked) == 1
    assert "--model" in capsys.readouterr().err


def test_the_commands_offer_every_model() -> None:
    parser = argparse.ArgumentParser()
    add_model_option(parser)
    offered = next(action.choices for action in parser._actions if action.dest == "model")
    assert set(offered or ()) == set(kinds.MODELS)
