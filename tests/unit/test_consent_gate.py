"""A consent that is withdrawn while a session runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from phosphene.consent import Consent, Scope
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK, GatePolicy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SINKS = ("self", "operator", "observer", RECORDER_SINK, STREAM_SINK)


def test_after_a_withdrawal_nothing_passes_and_nothing_is_decoded() -> None:
    held = Consent(person="p01", scopes=frozenset(Scope), expires=NOW + timedelta(days=1))
    policy = GatePolicy(["renderer"], 1.0, "p01", held, dict.fromkeys(SINKS, 4))
    policy.beat("renderer", "running", 0.0, 0.0)
    assert all(policy.verdict(sink, 0.5, NOW).passing for sink in SINKS)
    assert policy.may_decode(NOW, 0.5) == (True, "")
    policy.withdraw("the consent was withdrawn (participant)")
    policy.unblank()
    for sink in SINKS:
        verdict = policy.verdict(sink, 0.5, NOW)
        assert not verdict.passing
        assert verdict.reason == "the consent was withdrawn (participant)"
    assert policy.scopes(NOW) == ()
    allowed, why = policy.may_decode(NOW, 0.5)
    assert not allowed
    assert "withdrawn" in why
