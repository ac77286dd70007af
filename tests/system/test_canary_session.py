"""Names in consent, devices, protocol and orders of a session are left nowhere on the disk."""

from __future__ import annotations

import os
import signal
import struct
import time
import uuid

import pytest
import zmq

from phosphene.messages import Command, Message, Reply, decode, encode
from tests.canary import FILE_STEM, WORD, every_part, seeded, traces_in
from tests.system.chain import NO_STOP, SCANNED, Running, opened, put, running, steward, wait_for
from tests.system.conftest import Participant

VOLUMES = 8
MORE = """[stop]
demanded = true
keyboard = "{folder}/{stem}-box"
keys = [57]
[protocol]
events = "{folder}/{stem}_events.tsv"
display = "thermometer"
[protocol.kinds]
rest = "rest"
face = "regulate"
[protocol.score]
kind = "category"
"""
EVENTS = "onset\tduration\ttrial_type\ttarget\n0\t2\trest\tn/a\n2\t600\tface\tface\n"


def key(code: int = 57) -> bytes:
    """Return a press as a Linux input device tells it."""
    return struct.pack("@llHHi", 0, 0, 1, code, 1) + struct.pack("@llHHi", 0, 0, 0, 0, 0)


class GateDesk:
    """Gives orders as the operator does."""

    def __init__(self, run: Running) -> None:
        folder = run.folder()
        assert folder is not None
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.identity = b"operator"
        self._socket.connect(f"ipc://{folder / 'gate-control'}")

    def ask(self, action: str, **arguments: str) -> Reply:
        now = time.monotonic()
        command = Command(run="", seq=0, t_acquired=now, t_sent=now, producer="operator",
                          id=uuid.uuid4().hex, action=action, arguments=arguments)  # fmt: skip
        self._socket.send_multipart(encode(Message(command)))
        assert self._socket.poll(10_000), f"{action}: no answer"
        reply = decode(self._socket.recv_multipart()).header
        assert isinstance(reply, Reply)
        return reply

    def close(self) -> None:
        self._socket.close()
        self._context.term()


def test_names_in_consent_devices_and_orders_are_left_nowhere(
    participant: Participant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path = tmp_path_factory.mktemp("all")  # a short path, as sockets need
    incoming, out = tmp_path / FILE_STEM, tmp_path / "out"
    state = tmp_path / "state"
    incoming.mkdir()
    box, events = incoming / f"{FILE_STEM}-box", incoming / f"{FILE_STEM}_events.tsv"
    os.mkfifo(box)
    events.write_text(EVENTS)
    consent, session = incoming / f"{FILE_STEM}.toml", tmp_path / "session.toml"
    contact = f'contact = "{WORD} Wren, born 1937-04-12"\n'
    consent.write_text(contact + participant.consent.read_text())
    words = {"person": participant.person, "bundle": participant.bundle, "folder": incoming}
    session.write_text((SCANNED.replace(NO_STOP, "") + MORE).format(**words, stem=FILE_STEM))
    originals = [p.read_bytes() for p in sorted(participant.dicom.iterdir())[:VOLUMES]]
    steward_key, public = steward(tmp_path)
    before = os.environ.get("PHOSPHENE_STATE")
    os.environ["PHOSPHENE_STATE"] = str(state)
    pressed = os.open(box, os.O_RDWR)
    try:
        with running(
            "live", session, "--consent", consent, "--confirmed-by", "test", "--out", out,
            "--seal", public, "--headless", runtime=tmp_path / "run", log=tmp_path / "log",
        ) as run:  # fmt: skip
            wait_for("readiness", lambda: "all nodes are ready" in run.said(), 120)
            desk = GateDesk(run)
            os.write(pressed, key())
            wait_for("the test press", lambda: desk.ask("begin").ok, 20)
            for k, raw in enumerate(originals):
                put(incoming, f"{FILE_STEM}_{k + 1:04d}.dcm", seeded(raw))
            # It is taken once there are data, whose time it marks.
            look = f"look at {FILE_STEM}_0003.dcm"
            wait_for("a marker", lambda: desk.ask("marker", text=look).ok, 60)
            os.write(pressed, key())
            refused = wait_for("a refusal", lambda: not desk.ask(
                "confirm", person=f"{WORD} Wren", agreed="yes").ok, 20)  # fmt: skip
            assert refused
            wait_for("the participant's yes", lambda: desk.ask(
                "confirm", person=participant.person, agreed="yes").ok, 20)  # fmt: skip
            assert not desk.ask(f"erase {WORD}").ok
            desk.close()
            run.process.send_signal(signal.SIGINT)
            assert run.process.wait(120) == 0
    finally:
        os.close(pressed)
        if before is None:
            del os.environ["PHOSPHENE_STATE"]
        else:
            os.environ["PHOSPHENE_STATE"] = before
    with opened(out, steward_key):
        seen = [*every_part(out), *every_part(state), *every_part(tmp_path / "run")]
    names = {name for name, _ in seen}
    assert any("audit" in name for name in names)
    assert any(name.endswith(" event") for name in names), "the marker was recorded"
    assert "gate.log" in names
    assert "stop.log" in names
    for name, content in seen:
        assert traces_in(content) == [], f"{name}: {traces_in(content)}"
