"""Datasets refuse what does not fit together, and splits never cut through a run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.choose import Grid
from decoder.cli import with_groups
from decoder.dataset import Dataset, block_groups, group_folds, most_blocks
from decoder.settings import FitSettings
from phosphene.errors import InputError


def make(n: int = 6, **changes: object) -> Dataset:
    fields = {
        "responses": np.arange(n * 2, dtype=np.float32).reshape(n, 2),
        "groups": np.array(["a"] * (n // 2) + ["b"] * (n - n // 2)),
        "times": np.r_[np.arange(n // 2), np.arange(n - n // 2)].astype(float),
        "labels": np.array(["face", "house"] * n)[:n],
    }
    return Dataset(**{**fields, **changes})  # type: ignore[arg-type]


def test_everything_wrong_is_listed_at_once() -> None:
    with pytest.raises(InputError) as caught:
        make(responses=np.full((6, 2), np.nan, np.float32), groups=np.array(["a"]), labels=None)
    assert "3 problem(s)" in str(caught.value)


def test_times_must_rise_within_a_run() -> None:
    with pytest.raises(InputError, match="not rising in b"):
        make(times=np.array([0.0, 1.0, 2.0, 0.0, 2.0, 1.0]))


def test_only_and_without_are_complements() -> None:
    data = make()
    assert data.only("a").group_names == ("a",)
    assert data.without("a").group_names == ("b",)
    assert len(data.only("a")) + len(data.without("a")) == len(data)


def test_hash_sees_every_array_and_nothing_else() -> None:
    assert make().sha256() == make().sha256()
    assert make(labels=np.array(["house"] * 6)).sha256() != make().sha256()
    assert make(times=np.r_[np.arange(3), np.arange(3) + 0.5]).sha256() != make().sha256()


def test_pictures_clips_stimuli_and_sessions_follow_their_rows() -> None:
    pictures = np.arange(6 * 12, dtype=np.uint8).reshape(6, 2, 2, 3)
    more = {
        "pictures": pictures,
        "clips": np.stack([pictures, pictures], axis=1),
        "stimuli": np.array(list("uvwxyz")),
        "sessions": np.array(["s"] * 6),
        "given": np.array(["train"] * 3 + ["test"] * 3),
        "z": np.zeros((6, 1, 28, 28), np.float32),
    }
    data = make(**more, labels=None)
    taken = data.select(np.array([4, 1]))
    for name, value in more.items():
        np.testing.assert_array_equal(getattr(taken, name), value[[4, 1]])
    assert data.sha256() != make(**{**more, "given": None}, labels=None).sha256()
    assert data.sha256() != make(**{**more, "pictures": pictures[::-1]}, labels=None).sha256()
    with pytest.raises(InputError) as caught:
        make(pictures=pictures / 255, clips=pictures, sessions=np.array(["s"]))
    assert "3 problem(s)" in str(caught.value)


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=40), st.integers(2, 8))
def test_folds_cover_all_rows_and_share_no_run(letters: list[str], folds: int) -> None:
    groups = np.array(letters)
    if len(set(letters)) < 2:
        with pytest.raises(InputError):
            group_folds(groups, folds)
        return
    splits = group_folds(groups, folds)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(groups)))
    for train, test in splits:
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == len(groups)


@given(st.integers(20, 200), st.integers(2, 5), st.integers(0, 3))
def test_blocks_leave_a_gap(n: int, blocks: int, gap: int) -> None:
    rows, names = block_groups(n, blocks, gap)
    assert len(set(names)) == blocks
    for first, second in zip(range(blocks - 1), range(1, blocks), strict=True):
        last = rows[names == f"block-{first}"].max()
        assert rows[names == f"block-{second}"].min() == last + 1 + gap


def test_too_many_blocks_are_refused() -> None:
    with pytest.raises(InputError, match="blocks"):
        block_groups(6, 3, 2)


@given(st.integers(1, 300), st.integers(2, 3), st.integers(3, 6), st.integers(0, 12))
def test_as_many_blocks_as_the_run_allows(n: int, least: int, most: int, gap: int) -> None:
    blocks = most_blocks(n, least, most, gap, length=3)
    if blocks is None:
        assert n < least * (gap + 3)
        return
    _, names = block_groups(n, blocks, gap)
    assert min(np.unique(names, return_counts=True)[1]) >= 3
    assert least <= blocks <= most
    assert blocks == most or (blocks + 1) * (gap + 3) > n


def one_run(*lengths: int) -> Dataset:
    n = sum(lengths)
    return Dataset(
        responses=np.zeros((n, 2), np.float32),
        groups=np.repeat([f"r{k}" for k in range(len(lengths))], lengths),
        times=np.concatenate([np.arange(k, dtype=float) for k in lengths]),
        labels=np.full(n, "face"),
    )


@pytest.mark.parametrize(
    ("lengths", "groups"), [((75,), 3), ((100,), 4), ((300,), 6), ((50, 300), 4), ((9, 9, 9), 3)]
)
def test_short_runs_are_cut_into_fewer_blocks(lengths: tuple[int, ...], groups: int) -> None:
    settings = FitSettings(window=2, delay_s=0.5, period_s=1.0)
    grid = Grid(delays_s=(0.5, 8.5), shapes=((4, "concat"),))  # 12 rows of gap, 13 left
    cut = with_groups(one_run(*lengths), settings, grid)
    assert len(cut.group_names) == groups


@pytest.mark.parametrize(("lengths", "need"), [((74,), 75), ((49, 300), 50)])
def test_runs_that_are_too_short_are_told_how_long_to_be(
    lengths: tuple[int, ...], need: int
) -> None:
    settings = FitSettings(window=2, delay_s=0.5, period_s=1.0)
    grid = Grid(delays_s=(0.5, 8.5), shapes=((4, "concat"),))
    told = rf"run r0: got '{lengths[0]} volumes or epochs.*allowed: {need} or more"
    with pytest.raises(InputError, match=told) as caught:
        with_groups(one_run(*lengths), settings, grid)
    assert "r1" not in str(caught.value)


def test_a_run_that_shows_too_little_is_refused() -> None:
    data = one_run(300)
    labels = np.where(np.arange(300) < 80, "face", "rest")
    with pytest.raises(InputError, match="something shown in 2 of 6 blocks"):
        with_groups(
            dataclasses.replace(data, labels=labels),
            FitSettings(window=2, delay_s=0.5, period_s=1.0),
            Grid(delays_s=(0.5, 8.5)),
        )
