"""Datasets refuse what does not fit together, and splits never cut through a run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoder.dataset import Dataset, block_groups, group_folds, leave_one_group_out
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
    names = [name for name, _, _ in leave_one_group_out(groups)]
    assert sorted(names) == sorted(set(letters))


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
