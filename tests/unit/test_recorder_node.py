from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq

from phosphene.bus import Publisher, Pusher
from phosphene.clock import MonotonicClock
from phosphene.consent import Consent, Scope
from phosphene.errors import ConfigError, RecordingError
from phosphene.messages import (
    Beat,
    Command,
    Event,
    Features,
    Frame,
    Grant,
    Message,
    Percept,
    Phase,
    Quality,
    RunStart,
    RunStop,
    describe,
    topic_of,
)
from phosphene.node import NodeContext
from phosphene.plan import Plan
from phosphene.recorder.node import RecorderNode
from phosphene.recorder.reader import RecordingReader, read_run
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import sealed_header, unlocked
from phosphene.seal.verify import State, verify_sealed

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ph-") as path:
        yield Path(path)


def make_plan(folder: Path, scopes: frozenset[Scope] = frozenset(Scope), **changes: Any) -> Plan:
    consent = Consent(person="p01", scopes=scopes, expires=NOW + timedelta(hours=1))
    source = {"kind": "recording", "path": "x"}
    fields: dict[str, Any] = {
        "run": "r",
        "folder": folder,
        "mode": "pilot",
        "session": {"person": "p01", "modality": "fmri", "source": source},
        "consent": consent,
        "out": folder / "out",
        "facts": {"bundle_hash": "abc"},
    }
    return Plan.model_validate(fields | changes)


class Bench:
    """A recorder and one sender."""

    def __init__(self, plan: Plan, **options: Any) -> None:
        self.wall = NOW
        self.context = NodeContext("recorder", plan, MonotonicClock())
        self.node = RecorderNode(self.context, lambda: self.wall, **options)
        self.zmq: zmq.Context[Any] = zmq.Context()
        self.push = Pusher(self.zmq, self.context.endpoint("records"))
        self.push.socket.linger = 0
        self.gate = Publisher(self.zmq, self.context.endpoint("grants"))
        self.gate.wait_for_subscribers(b"grant", 1, 5)
        self.sent = 0
        self._seq = itertools.count()

    def send(
        self,
        header_class: type,
        arrays: dict[str, np.ndarray] | None = None,
        stamp: dict[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        arrays, stamp = arrays or {}, stamp or {}
        specs = describe(arrays, {k: tuple("abc")[: a.ndim] for k, a in arrays.items()}, {})
        header = header_class(**self.stamp(**stamp), arrays=specs, **facts)
        assert self.push.send(Message(header, arrays))
        self.sent += 1
        while self.node.counts()["received"] < self.sent:
            assert self.node._records.socket.poll(2000)
            self.node.step()

    def stamp(self, **other: Any) -> dict[str, Any]:
        now = self.context.clock.now()
        stamp = {"run": "r", "seq": next(self._seq), "t_acquired": 1.0, "t_sent": now}
        return {**stamp, "producer": "p", **other}

    def grant(self, phase: Phase) -> None:
        """Let the gate say how far the run is, and the recorder hear it."""
        told: dict[str, Any] = {"person": "p01", "scopes": (), "decode": True, "reason": ""}
        self.gate.send(Message(Grant(**self.stamp(producer="gate"), phase=phase, **told)))
        assert self.node._grants.socket.poll(2000)
        self.node.step()

    def one_of_each(self) -> None:
        x = {"x": np.ones(5, np.float32)}
        c = {"c": np.ones(17, np.float32)}
        picture = {"picture": np.zeros((8, 8, 3), np.uint8)}
        self.send(Features, x, kind="fmri", index=0, t_data=1.0, mask_hash="m", ready=True)
        self.send(
            Percept, c, index=0, t_data=1.0, t_seen=0.0, t_features=1.0, confidence=0.5,
            label=None, probabilities={}, bundle="b",
        )  # fmt: skip
        self.send(
            Frame, picture, t_due=0, t_rendered=0, late=False, skipped=0, render_ms=1.0,
            state="picture", percept_seq=0, percept_index=0, confidence=0.9, age_s=0.1,
            t_percept=0.0, seed=0, model="m", sink="recorder",
        )  # fmt: skip
        self.send(Quality, index=0, t_data=1.0, values={"fd_mm": 0.1})
        self.send(Beat, pid=1, state="running", counts={"volumes": 1})

    def finish(self, **arguments: str) -> str:
        command = Command(
            run="r", seq=0, t_acquired=0, t_sent=0, producer="supervisor", id="1",
            action="finish", arguments=arguments,
        )  # fmt: skip
        return self.node.command(command)

    def close(self) -> None:
        self.node.close()
        self.context.close()
        self.push.close()
        self.gate.close()
        self.zmq.term()


@contextmanager
def bench(plan: Plan, **options: Any) -> Iterator[Bench]:
    made = Bench(plan, **options)
    try:
        yield made
    finally:
        made.close()


def topics(folder: Path) -> list[str]:
    return [topic_of(m.header).decode() for m in read_run(folder / "out")]


@pytest.mark.parametrize("brain", [True, False])
@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("wanted", [True, False])
def test_consent_decides_what_is_kept(
    folder: Path, brain: bool, images: bool, wanted: bool
) -> None:
    scopes = {Scope.RECORD_BRAIN} if brain else set()
    scopes |= {Scope.RECORD_IMAGES} if images else set()
    plan = make_plan(folder, frozenset(scopes))
    settings = plan.session.recorder.model_copy(update={"images": wanted})
    session = plan.session.model_copy(update={"recorder": settings})
    with bench(plan.model_copy(update={"session": session})) as b:
        b.one_of_each()
    expected = ["runstart"]
    expected += ["features", "percept"] if brain else []
    expected += ["frame"] if images and wanted else []
    assert topics(folder) == [*expected, "quality", "beat", "runstop"]
    assert b.node.counts()["withheld"] == 5 - len(expected) - 1
    assert b.node.counts()["written"] == len(topics(folder)) - 1, "all but the start document"


def test_brain_data_that_are_switched_off_are_not_kept_and_pictures_are(folder: Path) -> None:
    plan = make_plan(folder)
    settings = plan.session.recorder.model_copy(update={"brain": False})
    session = plan.session.model_copy(update={"recorder": settings})
    with bench(plan.model_copy(update={"session": session})) as b:
        b.one_of_each()
    assert topics(folder) == ["runstart", "frame", "quality", "beat", "runstop"]


@pytest.mark.parametrize("mode", ["live", "pilot"])
def test_pictures_of_a_measured_person_are_never_written_openly(folder: Path, mode: str) -> None:
    plan = make_plan(folder, mode=mode)
    decoder = plan.session.decoder.model_copy(update={"bundle": Path("/bundle")})
    session = plan.session.model_copy(update={"decoder": decoder})
    with bench(plan.model_copy(update={"session": session})) as b:
        b.one_of_each()
    assert ("frame" in topics(folder)) == (mode == "pilot")
    assert "percept" in topics(folder)


def test_after_a_withdrawal_neither_brain_data_nor_pictures_are_kept(folder: Path) -> None:
    (folder / "withdrawn").write_text("the consent was withdrawn (participant)")
    with bench(make_plan(folder)) as b:
        b.one_of_each()
    assert topics(folder) == ["runstart", "quality", "beat", "runstop"]
    assert b.node.counts()["withheld"] == 3


def test_no_brain_data_is_kept_once_the_consent_has_expired(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        b.wall = NOW + timedelta(hours=2)
        b.one_of_each()
    assert topics(folder) == ["runstart", "quality", "beat", "runstop"]


def test_without_a_folder_it_counts_and_writes_nothing(folder: Path) -> None:
    with bench(make_plan(folder, out=None)) as b:
        b.one_of_each()
        assert "counting only" in b.finish(exit_status="success")
    assert b.node.counts()["received"] == 5
    assert b.node.counts()["written"] == 0
    assert not [p for p in folder.rglob("*") if "recording" in p.name]


def test_start_and_stop_documents_frame_the_run(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        b.finish(
            exit_status="success",
            reason="end of the recording",
            interrupted="true",
            counts=json.dumps({"renderer": {"frames": 3}}),
        )
        b.one_of_each()
    messages = list(read_run(folder / "out"))
    start, stop = messages[0].header, messages[-1].header
    assert isinstance(start, RunStart)
    assert start.person == "p01"
    assert start.facts["bundle_hash"] == "abc"
    assert set(start.facts["consent_scopes"].split()) == set(Scope)
    assert isinstance(stop, RunStop)
    assert (stop.exit_status, stop.interrupted) == ("success", True)
    assert stop.counts == {"renderer": {"frames": 3}}


def test_a_stop_without_finish_is_an_abort(folder: Path) -> None:
    with bench(make_plan(folder)):
        pass
    assert [m.header for m in read_run(folder / "out")][-1].exit_status == "abort"


def test_nonsense_in_a_finish_command_is_refused(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        with pytest.raises(RecordingError, match="success"):
            b.finish(exit_status="great")
        with pytest.raises(RecordingError, match="JSON"):
            b.finish(exit_status="success", counts="{")


def test_a_folder_that_cannot_be_written_is_told_at_the_start(folder: Path) -> None:
    (folder / "out").write_text("a file, not a folder")
    context = NodeContext("recorder", make_plan(folder), MonotonicClock())
    with pytest.raises(ConfigError, match=r"recorder\.out"):
        RecorderNode(context)
    context.close()


def test_a_second_start_repairs_the_first_file_and_takes_the_next_name(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        b.one_of_each()
        b.node._scribe._file.flush()  # type: ignore[union-attr]
        data = (folder / "out" / "recording.mcap.part").read_bytes()
    (folder / "out" / "recording.mcap").unlink()
    (folder / "out" / "recording.mcap.part").write_bytes(data)
    with bench(make_plan(folder)) as b:
        b.one_of_each()
    names = sorted(p.name for p in (folder / "out").iterdir())
    assert names == ["recording-002.mcap", "recording.mcap"]
    found = topics(folder)
    assert found.count("runstart") == 2
    assert found.count("features") == 2
    assert found.count("runstop") == 1


def test_strangers_on_the_records_socket_are_counted_and_survived(folder: Path) -> None:
    with bench(make_plan(folder)) as b:
        b.push.socket.send_multipart([b"volume", b"\xc1"])
        b.sent += 1
        b.send(Command, id="1", action="stop")
        assert b.node.counts()["malformed"] == 2
    assert topics(folder) == ["runstart", "runstop"]


def stewards_file(folder: Path, key: StewardKey) -> Path:
    key.save(folder / "s.key", folder / "s.pub", "correct horse battery", cost=2**4)
    return folder / "s.pub"


def sealed_plan(folder: Path, seal: list[Path], **consent: Any) -> Plan:
    source = {"kind": "recording", "path": "x"}
    recorder = {"seal": seal, "retention_days": 90}
    session = {"person": "p01", "modality": "fmri", "source": source, "recorder": recorder}
    fields: dict[str, Any] = {"person": "p01", "scopes": frozenset(Scope)}
    fields["expires"] = NOW + timedelta(hours=1)
    return make_plan(folder, session=session, consent=Consent(**fields, **consent),
                     audit=folder / "state")  # fmt: skip


def test_a_sealed_run_leaves_nothing_readable_but_its_audit_log(folder: Path) -> None:
    key = StewardKey.new()
    plan = sealed_plan(folder, [stewards_file(folder, key)], retention_days=7)
    with bench(plan) as b:
        b.one_of_each()
        b.send(Event, t_data=1.0, label="CANARYWREN", stream="m")
        b.send(Beat, pid=1, state="running", counts={}, note="CANARYWREN")
        during = [p.read_bytes() for p in (folder / "out").iterdir()]
    (final,) = (folder / "out").iterdir()
    assert final.name == "recording.mcap.sealed"
    contents = [*during, final.read_bytes(), (folder / "state" / "audit.jsonl").read_bytes()]
    for trace in (b"CANARYWREN", b"p01", b"percept", b"JFIF", b"MCAP0"):
        assert not any(trace in content for content in contents), trace
    assert verify_sealed(final, key).state is State.WHOLE
    header = sealed_header(final)
    assert header.keep_until == NOW + timedelta(days=7), "the person's own, shorter time"
    with unlocked([final], key):
        topics = {topic_of(m.header) for m in RecordingReader(final)}
        start = next(iter(RecordingReader(final))).header
    assert {b"features", b"percept", b"frame", b"event", b"runstop"} <= topics
    assert start.facts["keep_until"] == header.core.keep_until
    lines = [json.loads(li) for li in (folder / "state" / "audit.jsonl").read_text().splitlines()]
    begun, finished = (e["facts"] for e in lines if e["what"].startswith("recording"))
    assert (begun["recording"], begun["header"]) == (header.core.id, header.digest.hex())
    assert int(finished["messages"]) == b.node.counts()["written"]


def test_a_consent_to_sealed_recordings_only_is_kept(folder: Path) -> None:
    context = NodeContext("recorder", sealed_plan(folder, [], sealed=True), MonotonicClock())
    with pytest.raises(ConfigError, match=r"recorder\.seal.*sealed recordings only"):
        RecorderNode(context, lambda: NOW)
    context.close()
    assert not list((folder / "out").glob("*"))
