"""The study on real volumes: causal, nested, and as good as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from decoder.dataset import Dataset
from decoder.model import LinearModel
from decoder.samples import learn_priors, make_samples
from decoder.studies.haxby import (
    RunResult,
    candidates,
    decode_live,
    load_haxby,
    offline_candidates,
    run_offline,
    run_study,
    standardised,
    table,
)
from phosphene.errors import InputError
from phosphene.stimuli import CATEGORIES, prototype

pytestmark = pytest.mark.filterwarnings("error")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bold\.nii\.gz"):
        load_haxby(tmp_path)


def test_table_shows_mean_beside_chance_and_control() -> None:
    settings = candidates()[0]
    true = np.array(CATEGORIES * 3)
    results = [
        RunResult("0", true, true, settings),
        RunResult("1", np.roll(true, 1), true, settings),
    ]
    text = table(results)
    assert "| **mean** | **0.500** | 0.125 |" in text
    assert "shuffled labels 0.1" in text


def test_offline_every_run_is_standardised_by_itself() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)) + np.arange(60)[:, None] * [1.0, -2.0, 0.0]
    data = Dataset(
        x.astype(np.float32), np.repeat(["0", "1"], 30), np.tile(np.arange(30.0), 2),
        labels=np.full(60, "face"),
    )  # fmt: skip
    ready = standardised(data)
    for name in ("0", "1"):
        own = ready.only(name).responses
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-5)
        assert np.abs(np.arange(30) @ own).max() < 1e-2
    np.testing.assert_array_equal(standardised(data.only("0")).responses, ready.only("0").responses)


@pytest.mark.realdata
def test_offline_is_as_good_as_it_says(realdata: Path) -> None:
    data = load_haxby(realdata / "fmri" / "haxby2001").only("0", "1", "2", "3", "4", "5")
    chosen = [s for s in offline_candidates() if s.window == 2]
    results = run_offline(data, chosen, lambda _: None)
    assert np.mean([r.accuracy for r in results]) >= 0.58


@pytest.mark.realdata
def test_left_out_volumes_are_named(realdata: Path) -> None:
    """Three left-out runs with settings fixed beforehand; the full study prints all twelve."""
    data = load_haxby(realdata / "fmri" / "haxby2001")
    chosen = [s for s in candidates() if s.window == 2 and s.prior_weight == 10.0]
    three = data.only("0", "1", "2", "3", "4", "5")
    results = run_study(three, chosen, lambda _: None)
    assert np.mean([r.accuracy for r in results]) >= 0.60


@pytest.mark.realdata
def test_a_run_cut_short_decodes_the_same(realdata: Path) -> None:
    data = load_haxby(realdata / "fmri" / "haxby2001")
    training, run = data.only("0", "1", "2", "3"), data.only("4")
    settings = candidates()[4]
    priors = learn_priors(training, settings)
    empty = LinearModel(
        categories=CATEGORIES, prototypes=np.stack([prototype(k) for k in CATEGORIES])
    )
    model = empty.fit(make_samples(training, settings, priors), settings)
    whole, _ = decode_live(run, model, priors, settings)
    short, _ = decode_live(run.select(np.arange(60)), model, priors, settings)
    assert len(short) > 20
    np.testing.assert_array_equal(whole[: len(short)], short)
