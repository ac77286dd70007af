from __future__ import annotations

from phosphene.flood import Flood


def test_each_different_sentence_is_told_and_none_twice() -> None:
    flood = Flood()
    assert flood.admit("bridge", "volume 6 did not come", 0.0)
    assert flood.admit("bridge", "volume 10 did not come", 0.0)
    assert not flood.admit("bridge", "volume 6 did not come", 50.0)
    assert flood.admit("acquisition", "volume 6 did not come", 0.0)
    assert list(flood.over(100.0)) == []


def test_an_age_that_grows_is_told_once() -> None:
    flood = Flood()
    told = [flood.admit("acquisition", f"no data for {s} s", float(s)) for s in range(3, 60)]
    assert told == [True] + [False] * 56


def test_a_flood_is_cut_and_counted_and_each_time_has_its_own_few() -> None:
    flood = Flood(most=3, within_s=10.0)
    told = [flood.admit("bridge", f"file {n} left out", 0.1 * n) for n in range(20)]
    assert told == [True] * 3 + [False] * 17
    assert flood.admit("bridge", "the folder is away", 2.0), "of another kind"
    assert list(flood.over(9.9)) == []
    assert list(flood.over(10.0)) == [("bridge", 17)]
    assert flood.admit("bridge", "file 99 left out", 10.1)
    assert list(flood.over(10.2, end=True)) == []
