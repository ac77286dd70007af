"""Evaluation: who competes, what is shown, what is refused, and a report of known percepts."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from decoder.evaluation.evaluate import Evaluation, Settings, evaluate
from decoder.evaluation.figures import sheet
from decoder.evaluation.items import Items, of_percepts, one_each
from decoder.evaluation.measure import measure_labels
from decoder.evaluation.page import page as page_of
from decoder.evaluation.page import words_of
from decoder.evaluation.percepts import Percepts, read_percepts, write_percepts
from decoder.evaluation.ranking import rank
from decoder.evaluation.score import read_pictures
from decoder.evaluation.write import as_json, write_evaluation
from decoder.metrics.judges import Judged
from phosphene.errors import ConfigError, InputError
from phosphene.metrics import Scored, auc, label_chance, scored

N = 12
SPLIT = "3 folds by stimulus"


def percepts(noise: float = 0.5) -> Percepts:
    """Twelve stimuli in three folds, seen as random pictures of 12 x 12."""
    rng = np.random.default_rng(0)
    c = rng.normal(size=(N, 6)).astype(np.float32)
    labels = np.array(["cat", "house"] * (N // 2))
    return Percepts(
        folds=np.repeat(["a", "b", "c"], 4),
        runs=np.full(N, "1"),
        stimuli=np.array([f"s{k}" for k in range(N)]),
        labels=labels,
        times=np.arange(N, dtype=float),
        facts={"split": SPLIT},
        c=(c + noise * rng.normal(size=c.shape)).astype(np.float32),
        c_true=c,
        seen=rng.integers(0, 256, (N, 12, 12, 3)).astype(np.uint8),
        scores=np.where(labels[:, None] == np.array(["cat", "house"]), 0.0, -2.0),
        label_names=("cat", "house"),
    )


class MeanColour:
    """A judge that sees the mean colour and knows five classes."""

    id, sha256, side_px, classes = "colour", "0" * 64, 12, ()

    def judge(self, pictures: np.ndarray) -> Judged:
        mean = pictures.mean(axis=(1, 2)).astype(np.float32)
        return Judged({"mean": mean}, np.tile(mean, (1, 2))[:, :5])


@pytest.fixture(scope="module")
def found() -> Evaluation:
    own = percepts()
    assert own.seen is not None
    painted = {"z": (own.seen // 2 + 60).astype(np.uint8), "zc": own.seen[::-1].copy()}
    return evaluate(own, painted, [MeanColour()], Settings(permutations=20), lambda _: None)


def test_every_figure_has_chance_control_interval_and_split(found: Evaluation) -> None:
    names = {name.partition(".")[0] for name in found.scores}
    assert names == {"c", "label", "picture-z", "picture-zc", "colour-z", "colour-zc"}
    for name, score in found.scores.items():
        assert score.split == SPLIT, name
        assert score.rule
        assert np.isfinite([score.value, score.chance, score.shuffled, score.low, score.high]).all()
        assert score.low <= score.value <= score.high, name
    assert found.scores["label.category"].value == 1.0
    assert found.scores["picture-z.pixcorr"].value == pytest.approx(1.0, abs=1e-3)
    assert found.scores["picture-z.two_way"].value == 1.0
    # Painted in the order of another's: at chance.
    assert found.scores["picture-zc.pixcorr"].value < 0.2
    assert found.scores["colour-z.judged_2_way"].chance == pytest.approx(0.75)
    assert found.scores["colour-z.strict_2_way"].chance == pytest.approx(0.5)
    assert found.missing["z"].startswith("z was not decoded")


def test_stimuli_compete_within_their_fold_unless_told_otherwise() -> None:
    items = of_percepts(percepts(), "fold", 0, 10)
    assert items.pool == 4
    assert items.among == "the other stimuli of its fold"
    assert of_percepts(percepts(), "all", 0, 10).pool == N
    single = replace(percepts(), folds=np.array([f"f{k}" for k in range(N)]))
    assert of_percepts(single, "fold", 0, 10).pool == N


def test_an_empty_decoder_is_at_chance_within_folds_only() -> None:
    """It says the mean of its training data, which resembles the other folds' truths."""
    own = percepts()
    assert own.c_true is not None
    c = np.stack([own.c_true[own.folds != fold].mean(axis=0) for fold in own.folds])
    empty = replace(own, c=c, seen=None)
    settings = Settings(permutations=10)
    within = evaluate(empty, {}, [], settings, lambda _: None)
    across = evaluate(empty, {}, [], replace(settings, compete="all"), lambda _: None)
    assert within.scores["c.two_way"].value == pytest.approx(0.5, abs=1e-9)
    assert across.scores["c.two_way"].value < 0.45


def test_auc_within_folds_is_the_mean_of_the_folds() -> None:
    rng = np.random.default_rng(0)
    scores = np.stack([rng.normal(size=N).round(1), np.zeros(N)], axis=1)
    # A fold's scores may lie anywhere.
    scores[4:8, 0] += 100
    own = replace(percepts(), scores=scores, seen=None)
    found = evaluate(own, {}, [], Settings(permutations=5), lambda _: None).scores["label.auc"]
    parts = [own.folds == fold for fold in "abc"]
    each = [auc(scores[part, 0], own.labels[part] == "cat") for part in parts]
    assert found.value == pytest.approx(np.mean(each))


def test_rows_of_a_stimulus_count_as_one_in_a_pool() -> None:
    items = Items(np.array([5, 5, 5, 2, 2, 9]), np.zeros(6, int), "all", "s")
    assert one_each(items).tolist() == [1, 4, 5]
    assert items.pool == 3


def test_the_control_moves_whole_stimuli() -> None:
    """Rows of a stimulus are alike: permuting single rows would leave too little to chance."""
    level = np.repeat(np.random.default_rng(1).normal(size=8), 25)
    clusters = np.repeat(np.arange(8), 25)
    spread = {}
    for whole in (False, True):
        made = scored(
            lambda truths: -np.abs(level - level[truths]), clusters,
            chance=None, rule="r", split="s", whole=whole, permutations=60,
        )  # fmt: skip
        spread[whole] = made.drawn.std()
        assert made.p == pytest.approx(1 / 61)
    assert spread[True] > 2 * spread[False]


def score_of(values: list[float], higher: bool = True) -> Scored:
    return scored(
        lambda _: np.array(values), np.arange(len(values)), chance=None, rule="r", split="s",
        higher_is_better=higher, permutations=5,
    )  # fmt: skip


def test_pictures_are_ranked_over_all_stimuli() -> None:
    items = Items(np.array([0, 0, 0, 1, 2]), np.zeros(5, int), "all", "s")
    ranking = rank(score_of([0.1, 0.9, 0.5, 0.4, 0.8]), items, "ssim")
    # Means .5, .4, .8; of the first stimulus the row with .5 stands for it.
    assert ranking.rows.tolist() == [4, 2, 3]
    np.testing.assert_allclose(ranking.values, [0.8, 0.5, 0.4])
    assert "all 3 stimuli" in ranking.rule
    assert rank(score_of([0.1, 0.9, 0.5, 0.4, 0.8], False), items, "mse").rows.tolist() == [3, 2, 4]


def test_best_median_and_worst_are_where_they_should_be() -> None:
    items = Items(np.arange(101), np.zeros(101, int), "all", "s")
    parts = rank(score_of(list(np.linspace(1, 0, 101))), items, "ssim").parts(5)
    assert {name: places.tolist() for name, places in parts.items()} == {
        "best": [0, 1, 2, 3, 4], "median": [48, 49, 50, 51, 52], "worst": [96, 97, 98, 99, 100],
    }  # fmt: skip
    few = rank(score_of([0.0, 1.0]), Items(np.arange(2), np.zeros(2, int), "a", "s"), "ssim")
    assert [places.tolist() for places in few.parts(5).values()] == [[0, 1]]


def test_ranking_by_what_there_is_not_is_refused() -> None:
    own = percepts()
    assert own.seen is not None
    with pytest.raises(ConfigError, match="pixcorr"):
        evaluate(own, {"z": own.seen}, [], Settings(rank_by="beauty", permutations=5), print)


def test_percepts_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    own = percepts()
    write_percepts(path, own)
    again = read_percepts(path)
    assert again.facts == own.facts
    assert again.label_names == own.label_names
    assert np.array_equal(again.c, own.c)  # type: ignore[arg-type]
    assert again.z is None
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        read_percepts(path)
    with pytest.raises(InputError, match="2 problem"):
        replace(own, labels=own.labels[:3], facts={})


def test_pictures_of_another_number_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pictures.npz"
    np.savez(path, z=np.zeros((3, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="12 of each"):
        read_pictures(path, N)


def test_the_report_tells_everything_and_stamps_training_data(
    found: Evaluation, tmp_path: Path
) -> None:
    facts = {"split": SPLIT, "person": "p<1>"}
    page = write_evaluation(tmp_path / "a", found, percepts(), facts)
    text = page.read_text()
    assert "p&lt;1&gt;" in text
    assert "NOT HELD OUT" not in text
    table = json.loads((tmp_path / "a" / "evaluation.json").read_text())
    assert table["held_out"] is True
    assert table["scores"]["c.two_way"]["chance"] == 0.5
    assert table["judges"] == {"colour": "0" * 64}
    rows = list(csv.DictReader((tmp_path / "a" / "stimuli.csv").read_text().splitlines()))
    assert [row["stimulus"] for row in rows] == [f"s{k}" for k in range(N)]
    mean = np.mean([float(row["picture-z.ssim"]) for row in rows])
    assert mean == pytest.approx(found.scores["picture-z.ssim"].value, abs=1e-5)
    assert (tmp_path / "a" / "all.png").read_bytes()[:4] == b"\x89PNG"
    trained = {**facts, "training": "same file"}
    assert page_of(found, trained, {}).count("NOT HELD OUT: same file") == 2
    assert as_json(found, trained)["held_out"] is False


def test_names_in_words() -> None:
    assert words_of("picture-zc.ssim_grey") == ("picture zc", "SSIM, grey Gaussian")
    assert words_of("c.50_way") == ("embedding c", "50-way top-1 strict")
    assert words_of("squeezenet-z.judged_50_way") == (
        "picture z, seen by squeezenet", "50-way top-1 (any of 3, MinD-Video)",
    )  # fmt: skip
    assert words_of("squeezenet-z.two_way_fire9")[1] == "2-way identification, fire9"


def test_the_chance_of_categories_is_that_of_a_blind_decoder() -> None:
    """Always saying the most frequent category stands beside as much chance, wherever it does."""
    labels = np.array(["a"] * 8 + ["b"] * 2)
    assert label_chance(labels) == 0.8
    assert label_chance(np.array(["a", "b", "c", "a", "b", "c"])) == pytest.approx(1 / 3)
    made = percepts()
    names = np.array(made.label_names)
    uneven = np.where(np.arange(len(made)) % 5 == 0, names[1], names[0])
    scores = np.tile(np.eye(len(names))[0], (len(made), 1))
    blind = replace(made, labels=uneven, scores=scores)
    category = measure_labels(blind, of_percepts(blind, "fold", 0, 5))["category"]
    assert category.value == category.chance == 0.75
    assert "most frequent" in category.rule


def test_three_stimuli_get_no_interval_and_a_word_on_p(found: Evaluation) -> None:
    three = replace(found.items, stimuli=np.arange(3), groups=np.zeros(3, int), permutations=100)
    assert three.least_p == pytest.approx(1 / 6)
    text = page_of(replace(found, items=three), {"split": SPLIT}, {})
    assert "3 stimuli can be put in 6 orders only" in text
    assert "no intervals" in text
    assert "orders only" not in page_of(found, {"split": SPLIT}, {})
    assert "no intervals" not in page_of(found, {"split": SPLIT}, {})


def test_a_sheet_is_as_wide_as_its_title(found: Evaluation) -> None:
    assert found.ranking is not None
    title = "all 3: " + "a long rule " * 12
    drawn = sheet(found.pictures, found.ranking, np.arange(3), title)
    font = ImageFont.load_default(11)
    assert drawn.shape[1] >= font.getlength(title)
