from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from acquisition.eeg.config import EegConfig
from acquisition.flow import Onlookers
from acquisition.lsl.formats import EegFormat
from acquisition.signal_view import SignalView
from phosphene.consent import Consent
from phosphene.eeg_flags import ChannelFlag
from phosphene.plan import Plan
from phosphene.session import Session

NAMES = ("Fp1", "Cz", "Oz")


def view(fs_hz: float = 100.0) -> SignalView:
    return SignalView("amp", EegFormat(fs_hz, NAMES), None)


def noise(n: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 10, (n, len(NAMES))).astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 899), max_size=12), fs_hz=st.sampled_from([100.0, 2500.0, 3000.0])
)
def test_any_chunking_shows_the_same_samples(cuts: list[int], fs_hz: float) -> None:
    rows = noise(900)
    shown, made, firsts = view(fs_hz), [], []
    edges = sorted({0, 900, *cuts})
    for k, (start, stop) in enumerate(itertools.pairwise(edges)):
        shown.push([(rows[start:stop], start, 0.0)])
        if (fields := shown.due(float(k + 1))) is not None:
            made.append(fields["signal"])
            firsts.append(fields["first_index"])
    got = np.concatenate(made) if made else rows[:0]
    block = {100.0: 1, 2500.0: 3, 3000.0: 3}[fs_hz]
    whole = rows[: 900 // block * block].reshape(-1, block, 3).mean(axis=1)
    assert np.array_equal(got, whole[: len(got)])
    assert firsts == list(np.cumsum([0, *(len(m) for m in made)])[: len(firsts)])
    assert len(whole) - len(got) <= fs_hz / block / 10 + 899


@settings(max_examples=25, deadline=None)
@given(first=st.integers(0, 9), cuts=st.lists(st.integers(1, 399), max_size=8))
@example(first=1, cuts=[1, 2])
def test_blocks_begin_at_the_same_sample_however_it_is_cut(first: int, cuts: list[int]) -> None:
    rows, shown = noise(400), view(4096.0)
    for start, stop in itertools.pairwise(sorted({0, 400, *cuts})):
        shown.push([(rows[start:stop], first + start, 0.0)])
    fields = shown.due(1.0)
    assert fields is not None
    skip = -first % 4
    whole = rows[skip : skip + (400 - skip) // 4 * 4].reshape(-1, 4, 3).mean(axis=1)
    assert np.array_equal(fields["signal"], whole)
    assert fields["first_index"] == (first + skip) // 4


def test_few_messages_and_gaps_keep_their_place() -> None:
    shown = view()
    shown.push([(noise(50), 0, 0.0)])
    first = shown.due(1.0)
    assert first is not None
    assert (first["first_index"], first["t_data"], len(first["signal"])) == (0, 0.0, 50)
    shown.push([(noise(50), 50, 0.0)])
    assert shown.due(1.05) is None, "not more than 15 a second"
    shown.push([(noise(50), 130, 0.0)])
    later = shown.due(1.1)
    assert later is not None
    assert (later["first_index"], later["t_data"], len(later["signal"])) == (130, 1.3, 50)


def test_what_waits_is_bounded() -> None:
    shown = view()
    for k in range(40):
        shown.push([(noise(100), 100 * k, 0.0)])
    fields = shown.due(1.0)
    assert fields is not None
    assert len(fields["signal"]) == 1000
    assert fields["first_index"] == 3000


def test_channels_are_judged_once_a_second() -> None:
    shown = view()
    rows = noise(250)
    rows[:, 1] = 3.0
    rows[100:, 2] = np.clip(rows[100:, 2], -2, 2)
    shown.push([(rows[:90], 0, 0.0)])
    fields = shown.due(1.0)
    assert fields is not None
    assert fields["flags"] == (), "no full second yet"
    shown.push([(rows[90:], 90, 0.0)])
    fields = shown.due(2.0)
    assert fields is not None
    assert fields["flags"] == (0, int(ChannelFlag.FLAT), int(ChannelFlag.RAILED))


def test_the_chain_tells_its_filter() -> None:
    config = EegConfig.from_mapping({"fs_hz": 100.0, "channel_names": NAMES})
    shown = SignalView("amp", EegFormat(100.0, NAMES), config)
    shown.push([(noise(50), 0, 0.0)])
    fields = shown.due(1.0)
    assert fields is not None
    assert fields["band_hz"] == (0.3, 15.0)
    assert fields["reject_uv"] == config.quality.large_uv


class Listened:
    def __init__(self, listeners: int) -> None:
        self.listeners = listeners

    def subscribers(self, topic: bytes) -> int:
        assert topic == b"signal"
        return self.listeners


@pytest.mark.parametrize(
    ("scopes", "listeners", "expected"),
    [
        (["view_operator"], 1, True),
        (["view_self", "record_brain"], 1, False),
        (None, 1, False),
        (["view_operator"], 0, False),
    ],
)
def test_the_signal_needs_consent_and_somebody_who_looks(
    scopes: list[str] | None, listeners: int, expected: bool
) -> None:
    source = {"kind": "recording", "path": "x"}
    session = Session.model_validate({"person": "p01", "modality": "eeg", "source": source})
    consent = None
    if scopes is not None:
        consent = Consent.model_validate(
            {"person": "p01", "scopes": scopes, "expires": "2999-01-01T00:00:00Z"}
        )
    plan = Plan(run="r", folder=Path("/"), mode="replay", session=session, consent=consent)
    assert Onlookers(plan).watch(Listened(listeners), 0.0) is expected  # type: ignore[arg-type]
