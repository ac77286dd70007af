"""Splits: what a rule names never stands on both sides, and every row is tested once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decoder.dataset import Dataset
from decoder.splits import (
    Split,
    apart,
    as_groups,
    given_split,
    k_fold,
    leave_one_out,
    make_split,
    read_rule,
    units,
    usual_split,
    with_shared,
)
from phosphene.errors import ConfigError, InputError

Row = tuple[str, str, str]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["run-1", "run-2", "run-3", "run-4"]),
        st.sampled_from(["ses-1", "ses-2", "ses-3"]),
        st.sampled_from(["", "a", "b", "c", "d", "e", "f"]),
    ),
    min_size=2,
    max_size=40,
)
KEYS = st.lists(st.sampled_from(["run", "session", "stimulus"]), min_size=1, unique=True)


def made(rows: list[Row], **more: object) -> Dataset:
    n = len(rows)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    fields = {
        "responses": np.zeros((n, 2), np.float32),
        "groups": columns[0],
        "times": np.arange(n, dtype=float),
        "labels": np.array(["x"] * n),
        "sessions": columns[1],
        "stimuli": columns[2],
    }
    return Dataset(**{**fields, **more})  # type: ignore[arg-type]


def check(data: Dataset, split: Split) -> None:
    """Every row is tested once; nothing that the rule names stands on both sides."""
    tested = np.concatenate([test for _, test in split])
    assert sorted(tested.tolist()) == list(range(len(data)))
    for train, test in split:
        assert len(train) and len(test)
        assert not set(train.tolist()) & set(test.tolist())
        for key in split.by:
            if key != "trial":
                assert apart(data, key, train, test)


@settings(max_examples=25)
@given(ROWS, KEYS, st.integers(2, 6), st.integers(0, 3))
def test_nothing_that_a_rule_names_stands_on_both_sides(
    rows: list[Row], by: list[str], folds: int, seed: int
) -> None:
    data = made(rows)
    count = int(units(data, by).max()) + 1
    if count < 2:
        with pytest.raises(InputError, match="split"):
            k_fold(data, by, folds, seed)
        return
    split = k_fold(data, by, folds, seed)
    assert len(split) == min(folds, count)
    check(data, split)
    left = leave_one_out(data, by)
    assert len(left) == count
    check(data, left)


@settings(max_examples=15)
@given(ROWS, st.integers(0, 3))
def test_the_usual_split_and_its_groups_keep_to_their_rule(rows: list[Row], seed: int) -> None:
    data = made(rows)
    split = usual_split(data, seed)
    check(data, split)
    inner = as_groups(data, split, seed)
    for name in inner.group_names:
        test = np.flatnonzero(inner.groups == name)
        train = np.flatnonzero(inner.groups != name)
        assert all(apart(data, key, train, test) for key in split.by if key != "trial")


@settings(max_examples=15)
@given(ROWS, st.data())
def test_a_given_split_is_refused_where_a_stimulus_stands_on_both_sides(
    rows: list[Row], draw: st.DataObject
) -> None:
    sides = np.array(draw.draw(st.lists(st.sampled_from(["train", "test", ""]),
                                        min_size=len(rows), max_size=len(rows))))  # fmt: skip
    data = made(rows, given=sides)
    names = np.array([row[2] for row in rows])
    both = set(names[sides == "train"].tolist()) & set(names[sides == "test"].tolist()) - {""}
    if both or not {"train", "test"} <= set(sides.tolist()):
        with pytest.raises(InputError, match="given split"):
            given_split(data)
        return
    split = given_split(data)
    train, test = split.folds[0]
    assert set(sides[train].tolist()) == {"train"}
    assert set(sides[test].tolist()) == {"test"}
    assert f"{len(train)} to learn, {len(test)} to test" in split.words


def test_rows_that_hang_together_through_others_are_one_unit() -> None:
    data = made([("1", "s", "a"), ("1", "s", "b"), ("2", "s", "b"), ("3", "s", "c")])
    assert units(data, ("run", "stimulus")).tolist() == [0, 0, 0, 1]
    assert units(data, ("stimulus",)).tolist() == [0, 1, 1, 2]
    assert units(data, ("trial",)).tolist() == [0, 1, 2, 3]


def test_rules_are_read_and_wrong_ones_refused() -> None:
    assert read_rule("10-fold-by-run+stimulus") == (("run", "stimulus"), 10)
    assert read_rule("leave-one-session-out") == (("session",), None)
    for rule in ("by-run", "3-fold-by-hand", "5-fold-by-run+run", "leave-one-out"):
        with pytest.raises(ConfigError, match="--split"):
            read_rule(rule)
    data = made([("1", "s", "a"), ("2", "s", "a"), ("3", "s", "b")])
    split = make_split(data, "leave-one-run-out")
    assert split.words == "leave one run out"
    assert with_shared(data, split).words == "leave one run out (stimuli on both sides)"
    with pytest.raises(InputError, match="test rows of its own"):
        make_split(data, "given")
    with pytest.raises(InputError, match="by session"):
        make_split(made([("1", "s", "a")] * 3, sessions=None), "leave-one-session-out")


def test_folds_are_of_about_equal_size_and_follow_the_seed() -> None:
    data = made([("1", "s", f"p{k}") for k in range(100)])
    split = k_fold(data, ("stimulus",), 10, seed=1)
    assert [len(test) for _, test in split] == [10] * 10
    again, other = k_fold(data, ("stimulus",), 10, 1), k_fold(data, ("stimulus",), 10, 2)
    assert all((a[1] == b[1]).all() for a, b in zip(split, again, strict=True))
    assert any((a[1] != b[1]).any() for a, b in zip(split, other, strict=True))
