"""Results through real gate and outlet processes, read with pylsl alone by yet another process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import zmq

from phosphene.bus import Publisher, RunFolder
from phosphene.clock import MonotonicClock
from phosphene.consent import Consent, Scope
from phosphene.messages import Message, Percept
from phosphene.plan import Plan
from phosphene.supervisor.control import ControlRoom

# Knows nothing of Phosphene but the names of its streams.
READER = """
import json, sys, pylsl
pylsl.set_config_content("[multicast]\\nResolveScope = machine\\n[lab]\\n"
                         "KnownPeers = {127.0.0.1}\\n"
                         f"SessionID = {sys.argv[1]}\\n[log]\\nlevel = -3\\n")
inlets = {}
for kind, name in (("n", "phosphene-feedback"), ("t", "phosphene-feedback-text")):
    (info,) = pylsl.resolve_byprop("name", name, timeout=20)
    inlets[kind] = pylsl.StreamInlet(info, recover=False)
    inlets[kind].open_stream(10)
print(json.dumps({"up": inlets["n"].info().source_id()}), flush=True)
while True:
    for kind, inlet in inlets.items():
        sample, stamp = inlet.pull_sample(0.02)
        if sample is not None:
            print(json.dumps({kind: sample, "stamp": stamp}), flush=True)
"""


def percept(index: int, now: float) -> Message:
    return Message(
        Percept(
            run="r",
            seq=index,
            t_acquired=now - 0.05,
            t_sent=now,
            producer="decoder",
            index=index,
            t_data=index * 0.5,
            t_seen=index * 0.5,
            t_features=now,
            confidence=0.75,
            label="face",
            probabilities={"face": 0.75, "house": 0.25},
            bundle="b",
        )
    )


def test_another_program_reads_results_and_state() -> None:
    session = f"test-{uuid.uuid4().hex[:10]}"
    consent = Consent(
        person="p01", scopes=frozenset(Scope), expires=datetime.now(UTC) + timedelta(hours=1)
    )
    with tempfile.TemporaryDirectory(prefix="ph-") as where:
        folder = RunFolder(Path(where))
        plan = Plan.model_validate(
            {"run": "r", "folder": where, "mode": "pilot", "nodes": ("gate", "outlets"),
             "consent": consent, "session": {
                 "person": "p01", "modality": "eeg", "source": {"kind": "recording", "path": "x"},
                 "results": {"stream": True, "target": "house", "lsl_session": session}}}
        )  # fmt: skip
        context: zmq.Context[Any] = zmq.Context()
        decoder = Publisher(context, folder.endpoint("decoder"))
        room = ControlRoom(folder, "r", MonotonicClock())
        command = [sys.executable, "-m"]
        arguments = ["--plan", str(plan.save())]
        nodes = [
            subprocess.Popen([*command, name, *arguments])
            for name in ("phosphene.gate", "acquisition.results")
        ]
        reader = subprocess.Popen(
            [sys.executable, "-c", READER, session], stdout=subprocess.PIPE, text=True
        )
        try:
            heard = _play(decoder, room, reader)
            assert reader.stdout is not None
            room.send("outlets", "stop")
            while json.loads(reader.stdout.readline()).get("n", [0] * 6)[5] != 2.0:
                pass  # the last word is "ended"; the test's time limit ends this
        finally:
            for process in (reader, *nodes):
                process.terminate()
            for process in (reader, *nodes):
                process.wait(10)
            assert reader.stdout is not None
            reader.stdout.close()
            decoder.close()
            room.close()
            context.term()
    texts = [json.loads(entry["t"][0]) for entry in heard if "t" in entry]
    results = [text for text in texts if "label" in text]
    assert [text["index"] for text in results] == [1, 2, 4]  # 3 came while it was blanked
    assert all((t["label"], t["score"], t["confidence"]) == ("face", 0.25, 0.75) for t in results)
    states = [text["state"] for text in texts if "label" not in text]
    assert states[-2:] == ["blanked", "running"]
    assert "house" not in json.dumps(texts)
    numbers = [entry for entry in heard if "n" in entry]
    told = [entry for entry in numbers if entry["n"][2] >= 0]
    assert [entry["n"][:4] for entry in told] == [[0.25, 0.75, k, k * 0.5] for k in (1, 2, 4)]
    assert {entry["n"][5] for entry in numbers} <= {0.0, 1.0, 3.0}
    for entry in told:
        assert 0.05 <= entry["stamp"] - entry["n"][4] < 10.0  # both on the LSL clock


def _play(
    decoder: Publisher, room: ControlRoom, reader: subprocess.Popen[str]
) -> list[dict[str, Any]]:
    """Play decoder, supervisor and operator; return what the reader has read."""
    assert reader.stdout is not None
    heard: list[dict[str, Any]] = []
    lines = zmq.Poller()
    lines.register(reader.stdout.fileno(), zmq.POLLIN)

    def until(reached: Any, within_s: float = 20.0) -> None:
        end_s = time.monotonic() + within_s
        while not reached():
            assert time.monotonic() < end_s, heard
            room.beat("running")
            room.receive(0.02)
            while lines.poll(0):
                heard.append(json.loads(reader.stdout.readline()))

    def texts() -> list[dict[str, Any]]:
        return [json.loads(entry["t"][0]) for entry in heard if "t" in entry]

    def state() -> float | None:
        return next((entry["n"][5] for entry in reversed(heard) if "n" in entry), None)

    def sends(index: int) -> None:
        decoder.send(percept(index, time.monotonic()))
        until(lambda: any(text.get("index") == index for text in texts()))
        until(lambda: any(entry["n"][2] == index for entry in heard if "n" in entry))

    until(lambda: {"gate", "outlets"} <= room.beats.keys())
    until(lambda: heard and "up" in heard[0] and decoder.subscribers(b"percept") == 1)
    assert heard.pop(0) == {"up": "phosphene-r-results"}
    until(lambda: state() == 3.0)  # idle: it may, but nothing is decoded yet
    sends(1)
    sends(2)
    room.send("gate", "blank")
    until(lambda: state() == 0.0)
    decoder.send(percept(3, time.monotonic()))
    until(lambda: room.beats["gate"].counts["results_blanked"] == 1)
    room.send("gate", "unblank")
    until(lambda: state() == 1.0)
    sends(4)
    return heard
