"""Every subset of scopes on the gate's real sockets: pixels reach their own sinks, nobody else."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest

from phosphene.consent import Scope
from phosphene.messages import Frame
from phosphene.plan import SINKS
from tests.unit.test_gate_node import VIEW_SCOPES, Bench, make_plan

SUBSETS = [
    frozenset(chosen)
    for count in range(len(Scope) + 1)
    for chosen in itertools.combinations(Scope, count)
]


@pytest.mark.parametrize("first", range(0, len(SUBSETS), 32))
def test_every_subset_of_scopes_lets_pixels_through_to_its_own_sinks_only(first: int) -> None:
    assert len(SUBSETS) == 2 ** len(Scope)
    for scopes in SUBSETS[first : first + 32]:
        with tempfile.TemporaryDirectory(prefix="ph-") as folder:
            bench = Bench(make_plan(Path(folder), scopes))
            try:
                bench.beat()
                bench.frame()
                reached = {sink for sink in SINKS if bench.seen(sink)[0]}
                kept = bench.recorded(Frame)
            finally:
                bench.close()
        assert reached == {sink for sink in SINKS if VIEW_SCOPES[sink] in scopes}, scopes
        assert len(kept) == (Scope.RECORD_IMAGES in scopes), scopes
