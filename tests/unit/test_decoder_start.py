from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zmq

from decoder.node import build
from phosphene.bus import Publisher, RunFolder, Subscriber
from phosphene.clock import MonotonicClock
from phosphene.messages import Grant
from phosphene.node import NodeContext
from phosphene.plan import Plan

LATER_S = 0.5


class Counted(NodeContext):
    """Counts its beats: one for each look at who is there."""

    looks = 0

    def beat(self, counts: Mapping[str, int], *, force: bool = False) -> bool:
        self.looks += 1
        return super().beat(counts, force=force)


def test_waiting_for_a_slow_renderer_takes_no_processor_from_it(tmp_path: Path) -> None:
    source = {"kind": "recording", "path": "x"}
    session = {"person": "p", "modality": "fmri", "source": source}
    folder = RunFolder.create("t", tmp_path).path
    plan = Plan.model_validate(
        {"run": "r", "folder": folder, "mode": "replay", "speed": 1.0, "session": session,
         "nodes": ("gate", "renderer", "decoder")}
    )  # fmt: skip
    clock = MonotonicClock()
    context, gate = Counted("decoder", plan, clock), NodeContext("gate", plan, clock)
    with zmq.Context() as others:
        grants = Publisher(others, context.endpoint("grants"))
        renderer: list[Subscriber] = []

        def come() -> None:
            grants.wait_for_subscribers(b"grant", 1, 20.0)
            told: dict[str, Any] = {"person": "p", "scopes": (), "decode": False, "reason": ""}
            grants.send(gate.message(Grant, t_acquired=clock.now(), **told))
            time.sleep(LATER_S)  # the renderer loads: this is what is waited for
            renderer.append(Subscriber(others, [context.endpoint("decoder")], [b"percept"]))

        coming = threading.Thread(target=come)
        coming.start()
        begin_s = clock.now()
        node = build(context)
        took_s = clock.now() - begin_s
        coming.join()
        node.close()
        for made in (grants, *renderer):
            made.close()
        context.close()
        gate.close()
    assert took_s >= LATER_S
    assert context.looks < 20 + 60 * took_s, "it looks fifty times a second, not all the time"
