from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.consent import Consent, Scope
from phosphene.gate.policy import DECODE_SCOPES, SINK_SCOPES, GatePolicy, Verdict

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
PEERS = ("supervisor", "renderer", "sink")
FULL = dict.fromkeys(SINK_SCOPES, 4)


def make(
    consent: Consent | None, levels: dict[str, int] | None = None, person: str = "p01"
) -> GatePolicy:
    policy = GatePolicy(PEERS, 0.75, person, consent, FULL if levels is None else levels)
    for peer in PEERS:
        policy.beat(peer, "running", 10.0, 10.0)
    return policy


def consent(scopes: frozenset[Scope] = frozenset(Scope), person: str = "p01") -> Consent:
    return Consent(person=person, scopes=scopes, expires=NOW + timedelta(hours=1))


@given(scopes=st.frozensets(st.sampled_from(list(Scope))), sink=st.sampled_from([*SINK_SCOPES]))
def test_a_sink_sees_frames_exactly_when_its_own_scope_is_given(
    scopes: frozenset[Scope], sink: str
) -> None:
    policy = make(consent(scopes))
    verdict = policy.verdict(sink, 10.1, NOW)
    assert verdict.passing == (SINK_SCOPES[sink] in scopes)
    assert bool(verdict.reason) != verdict.passing
    assert set(policy.scopes(NOW)) == {s.value for s in scopes}
    assert policy.may_decode(NOW, 10.1)[0] == bool(
        scopes & (DECODE_SCOPES | {Scope.STREAM_RESULTS})
    )


@pytest.mark.parametrize("sink", SINK_SCOPES)
@pytest.mark.parametrize(
    ("given_consent", "at", "word"),
    [
        (None, NOW, "no consent file"),
        (consent(person="p02"), NOW, "'p02'"),
        (consent(), NOW + timedelta(hours=1), "expired"),
    ],
)
def test_missing_foreign_and_expired_consent_blank_every_sink(
    sink: str, given_consent: Consent | None, at: datetime, word: str
) -> None:
    policy = make(given_consent)
    verdict = policy.verdict(sink, 10.1, at)
    assert not verdict.passing
    assert word in verdict.reason
    allowed, reason = policy.may_decode(at, 10.1)
    assert not allowed
    assert word in reason


def test_consent_expires_while_frames_flow_and_a_clock_set_back_does_not_revive_it() -> None:
    policy = make(consent())
    assert policy.verdict("self", 10.1, NOW + timedelta(minutes=59)).passing
    assert not policy.verdict("self", 10.2, NOW + timedelta(minutes=61)).passing
    assert not policy.verdict("self", 10.3, NOW).passing
    assert policy.may_decode(NOW, 10.1)[0] is False


@given(data=st.data())
def test_nothing_passes_until_every_peer_is_ready(data: st.DataObject) -> None:
    policy = GatePolicy(PEERS, 0.75, "p01", consent(), FULL)
    order = data.draw(st.permutations(PEERS))
    for peer in order:
        assert not policy.verdict("self", 10.0, NOW).passing
        policy.beat(peer, "starting", 10.0, 10.0)
        assert not policy.verdict("self", 10.0, NOW).passing
        policy.beat(peer, data.draw(st.sampled_from(["ready", "running"])), 10.0, 10.0)
    assert policy.verdict("self", 10.0, NOW).passing


@pytest.mark.parametrize("lost", PEERS)
def test_a_lost_bond_blanks_every_sink_and_comes_back(lost: str) -> None:
    policy = make(consent())
    for peer in PEERS:
        if peer != lost:
            policy.beat(peer, "running", 10.7, 10.7)
    assert policy.verdict("self", 10.75, NOW).passing
    for sink in SINK_SCOPES:
        verdict = policy.verdict(sink, 10.76, NOW)
        assert not verdict.passing
        assert verdict.reason == f"{lost}: no sign of life for more than 0.75 s"
    assert policy.may_decode(NOW, 10.1)[0], "decoding does not depend on bonds"
    policy.beat(lost, "running", 10.8, 10.8)
    assert policy.verdict("self", 10.8, NOW).passing


@pytest.mark.parametrize("state", ["stopped", "starting"])
def test_a_peer_that_stops_or_starts_again_breaks_its_bond_at_once(state: str) -> None:
    policy = make(consent())
    policy.beat("renderer", state, 10.1, 10.1)
    assert policy.verdict("self", 10.1, NOW) == Verdict.blank(f"renderer: {state}")


def test_beats_that_waited_in_a_queue_or_come_from_the_future_revive_nobody() -> None:
    policy = make(consent())
    policy.beat("renderer", "running", 10.1, 12.0)
    assert not policy.bonded("renderer", 12.0)
    policy.beat("renderer", "running", 99.0, 12.0)
    assert policy.bonded("renderer", 12.7)
    assert not policy.bonded("renderer", 12.8)
    policy.beat("stranger", "running", 12.0, 12.0)
    assert not policy.bonded("stranger", 12.0)


def test_a_beat_that_is_never_old_holds_no_bond() -> None:
    policy = GatePolicy(PEERS, 0.75, "p01", consent(), FULL)
    for peer in PEERS:
        for sent_s in (float("nan"), float("inf"), float("-inf")):
            policy.beat(peer, "running", sent_s, 10.0)
        assert not policy.bonded(peer, 10.0)
    assert not policy.verdict("self", 10.0, NOW).passing


def test_the_operators_blank_is_latched_and_lifting_it_lifts_nothing_else() -> None:
    policy = make(consent(frozenset({Scope.VIEW_SELF})))
    policy.blank("F8")
    for peer in PEERS:
        policy.beat(peer, "running", 11.0, 11.0)
    for sink in SINK_SCOPES:
        assert policy.verdict(sink, 11.0, NOW) == Verdict.blank("F8")
    policy.unblank()
    assert policy.verdict("self", 11.0, NOW).passing
    assert not policy.verdict("operator", 11.0, NOW).passing


@pytest.mark.parametrize("level", range(5))
def test_the_level_of_a_sink_is_its_own(level: int) -> None:
    verdict = make(consent(), {"self": level, "operator": 4}).verdict("self", 10.1, NOW)
    assert verdict.passing == (level > 0)
    assert verdict.level == level
    assert make(consent(), {}).verdict("self", 10.1, NOW).passing is False


def test_an_unknown_sink_gets_nothing() -> None:
    assert not make(consent(), {"wall": 4}).verdict("wall", 10.1, NOW).passing
