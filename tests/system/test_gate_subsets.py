"""Every subset of scopes on the gate's real sockets: nothing reaches who may not have it.

Pixels reach their own sinks, nobody else. What tells of the brain (percepts, maps, signals,
values of regions) reaches the operator's window alone, and only where the operator may view.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest

from phosphene.consent import Scope
from phosphene.messages import Frame, View
from phosphene.plan import SINKS
from tests.unit.test_gate_node import VIEW_SCOPES, make_plan
from tests.unit.test_gate_relay import FIGURES, WINDOWED, Chain

SUBSETS = [
    frozenset(chosen)
    for count in range(len(Scope) + 1)
    for chosen in itertools.combinations(Scope, count)
]
SCANNER = {"fd_mm", "volumes", "tr_measured_s"}


def reached(chain: Chain) -> dict[str, set[str]]:
    """Return what each sink has got, by kind of message; arrays and figures by their own names."""
    marks = {sink: chain.gate._doors[sink]._views for sink in SINKS}
    chain.clock.advance(0.1)
    chain.beat()
    found = {}
    for sink in SINKS:
        got: list[str] = []
        newest = -1
        while newest < marks[sink]:
            assert chain.views[sink].socket.poll(2000), "no view arrived"
            for message in chain.views[sink].receive():
                header = message.header
                if isinstance(header, View):
                    newest = header.seq
                    continue
                kind = str(header.__struct_config__.tag)
                values = getattr(header, "values", {})
                got += [kind, *(f"{kind}.{name}" for name in (*message.arrays, *values))]
        found[sink] = set(got)
    return found


@pytest.mark.parametrize("first", range(0, len(SUBSETS), 32))
def test_every_subset_of_scopes_lets_pixels_through_to_its_own_sinks_only(first: int) -> None:
    assert len(SUBSETS) == 2 ** len(Scope)
    for scopes in SUBSETS[first : first + 32]:
        with tempfile.TemporaryDirectory(prefix="ph-") as folder:
            chain = Chain(make_plan(Path(folder), scopes, nodes=WINDOWED))
            try:
                chain.beat()
                chain.say("acquisition", *chain.every())
                chain.say("decoder", chain.percept())
                chain.frame()
                got = reached(chain)
                kept = chain.recorded(Frame)
            finally:
                chain.close()
        pixels = {sink for sink in SINKS if "frame.picture" in got[sink]}
        assert pixels == {sink for sink in SINKS if VIEW_SCOPES[sink] in scopes}, scopes
        assert len(kept) == (Scope.RECORD_IMAGES in scopes), scopes
        frame = {"frame", "frame.picture"}
        assert got["self"] <= frame, "the person's own window gets pictures alone"
        assert got["observer"] <= frame, "observers get pictures alone"
        wanted = {"features", "event", "quality", *(f"quality.{name}" for name in SCANNER)}
        if Scope.VIEW_OPERATOR in scopes:
            wanted |= frame | {"percept", "features.x", "statmap", "statmap.t", "statmap.underlay"}
            wanted |= {"regions", "regions.labels", "regions.underlay", "signal", "signal.signal"}
            wanted |= {f"quality.{name}" for name in FIGURES}
        assert got["operator"] == wanted, scopes
