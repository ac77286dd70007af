"""A study with sham control from end to end: both arms through the whole chain of processes."""

from __future__ import annotations

import json
import math
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq

from phosphene.bundle import Bundle
from phosphene.bus import Subscriber
from phosphene.feedback.blinding import console_key, save_assignment, seal_arm
from phosphene.feedback.donor import donor_of, load_donor
from phosphene.feedback.record import About, Row, unpack
from phosphene.messages import Feedback, Frame, Message, Percept, View, encode
from phosphene.plan import SINKS
from phosphene.seal.keys import StewardKey
from phosphene.seal.opening import open_sealed, sealed_header
from tests.system.chain import environment, wait_for
from tests.system.conftest import TR_S, VOLUMES, Participant

TELLING = re.compile(rb"sham|yoked|own score|recorded score|donor", re.IGNORECASE)
STEWARD = StewardKey.new()
BLOCKS = [
    {"kind": "rest", "duration_s": 4, "instruction": "Rest"},
    {"kind": "regulate", "duration_s": 8, "instruction": "Make the bar rise"},
]
END_S = VOLUMES * TR_S
SOCKETS = ("acquisition", "decoder", "renderer", "grants", *(f"view-{sink}" for sink in SINKS))


@dataclass
class Heard:
    """All that was to be heard of a run, by socket, and what it has left."""

    status: int
    messages: dict[str, list[Message]] = field(default_factory=dict)
    said: str = ""
    out: Path = Path()

    def of(self, socket: str, kind: type) -> list[Any]:
        return [m.header for m in self.messages[socket] if isinstance(m.header, kind)]


@contextmanager
def listening(folder: Path) -> Iterator[dict[str, Subscriber]]:
    context: zmq.Context[Any] = zmq.Context()
    made = {n: Subscriber(context, [f"ipc://{folder / n}"], [b""]) for n in SOCKETS}
    try:
        yield made
    finally:
        for subscriber in made.values():
            subscriber.close()
        context.term()


def run(place: Path, name: str, session: dict[str, Any], consent: Path, speed: float | None,
        state: Path) -> Heard:  # fmt: skip
    """Begin a run, listen to every socket that carries something about the person, and end."""
    options, log = place / f"{name}.json", place / f"{name}.log"
    options.write_text(json.dumps({"session": session, "consent": str(consent), "speed": speed}))
    runtime = place / f"r-{name}"
    env = {**environment(runtime), "PHOSPHENE_STATE": str(state), "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("feedback_run.py")
    heard: dict[str, list[Message]] = {name: [] for name in SOCKETS}
    with (
        log.open("w") as sink,
        subprocess.Popen([sys.executable, str(script), str(options)], env=env, stdout=sink,
                         stderr=subprocess.STDOUT) as process,
    ):  # fmt: skip
        try:
            folder = wait_for(
                "run folder",
                lambda: process.poll() is not None or next(iter(runtime.glob("ph-*")), None),
                60,
            )
            assert isinstance(folder, Path), log.read_text()
            with listening(folder) as subscribers:
                while process.poll() is None:
                    subscribers["view-self"].socket.poll(20)
                    for socket, subscriber in subscribers.items():
                        heard[socket] += subscriber.receive()
        finally:
            if process.poll() is None:
                process.terminate()
    return Heard(process.returncode, heard, log.read_text(), Path(session["recorder"]["out"]))


@dataclass
class Study:
    """One participant, a donor, and what every run of them needs."""

    place: Path
    state: Path
    participant: Participant
    consent: Path
    target: str

    def session(self, name: str, **protocol: Any) -> dict[str, Any]:
        person, fmri = self.participant.person, {"tr_s": TR_S}
        return {
            "person": person, "modality": "fmri", "acquisition": {"fmri": fmri},
            "source": {"kind": "recording", "path": str(self.participant.dicom)},
            "decoder": {"bundle": str(self.participant.bundle)},
            "gate": {"level_observer": 2, "observer_release": "live"},
            "recorder": {"out": str(self.place / name), "seal": [str(self.place / "s.pub")]},
            "protocol": {
                "blocks": BLOCKS, "cycles": 2,
                "score": {"kind": "category", "target": self.target}, **protocol,
            },
        }  # fmt: skip

    def donor(self) -> Path:
        path, rows = self.place / "donor.json", []
        for k in range(VOLUMES + 2):
            t_s = k * TR_S
            score = (k % 7) / 7 if t_s % 12 >= 4 else math.nan
            rows.append(Row(k, 0, 0, t_s, 0.0, 0.0, score, math.nan, math.nan))
        blocks = [(b["kind"], o + 12 * c, o + 12 * c + b["duration_s"], "")
                  for c in range(2) for b, o in zip(BLOCKS, (0.0, 4.0), strict=True)]  # fmt: skip
        if not path.exists():
            donor_of(About("r0", "p99", "category", "1", "", blocks), rows).save(path)  # type: ignore[arg-type]
        return path

    def assignment(self, arm: int) -> Path:
        path = self.place / f"{'ab'[arm]}.blind"
        console = console_key(self.state).public_key().public_bytes_raw()
        made = seal_arm(arm, "study", self.participant.person, console, [STEWARD.public])
        save_assignment(made, path)
        return path


@pytest.fixture(scope="module")
def study(participant: Participant, tmp_path_factory: pytest.TempPathFactory) -> Study:
    place = tmp_path_factory.mktemp("study")
    STEWARD.save(place / "s.key", place / "s.pub", "long enough", cost=2)
    consent = place / "consent.toml"
    consent.write_text(
        f'person = "{participant.person}"\nexpires = "2099-01-01"\nscopes = ["view_self", '
        '"view_operator", "view_observer", "record_brain", "record_images"]\n'
    )
    labels = Bundle.load(participant.bundle).manifest.labels
    target = next(label for label in labels if label != "rest")
    return Study(place, place / "state", participant, consent, target)


def shown(heard: Heard) -> dict[float, float]:
    found = heard.of("view-self", Feedback)
    return {f.t_data: f.score for f in found if f.display == "thermometer"}


def rows_of(heard: Heard) -> list[Row]:
    (path,) = heard.out.glob("*.scores.sealed")
    with open_sealed(path, sealed_header(path).open(STEWARD)) as file:
        return unpack(file.read())[1]


def told_of(heard: Heard, sink: str) -> set[tuple[bool, str, bool]]:
    """Return what a sink was told while everybody was alive; falls and ends have their times."""
    views = heard.of(f"view-{sink}", View)
    return {(v.passing, v.reason, v.feedback) for v in views if ": " not in v.reason}


def delay_s(heard: Heard) -> float:
    """Return the median time from a percept's sending to that of its score, in seconds."""
    sent = {p.t_data: p.t_sent for p in heard.of("decoder", Percept)}
    found = [f for f in heard.of("view-self", Feedback) if f.display == "thermometer"]
    return statistics.median(f.t_sent - sent[f.t_data] for f in found)


@pytest.mark.timing
def test_a_blind_study_through_the_whole_chain_tells_nobody_the_arm(study: Study) -> None:
    donor = load_donor(study.donor())
    runs = []
    for arm in (0, 1):
        name = "ab"[arm]
        blind = {"donor": str(study.donor()), "assignment": str(study.assignment(arm))}
        session = study.session(name, **blind)
        runs.append(run(study.place, name, session, study.consent, None, study.state))
        assert runs[-1].status == 0, runs[-1].said
    own, sham = runs
    # Only in regulation, once what the brain did there has arrived.
    assert list(shown(own)) == list(shown(sham))
    assert len(shown(own)) >= 6
    assert all(t_s % 12 >= 8 for t_s in shown(own))
    assert list(shown(sham).values()) == pytest.approx([donor.at(t_s) for t_s in shown(sham)])
    assert list(shown(own).values()) != pytest.approx(list(shown(sham).values()))
    kept = {row.t_data: row.own for row in rows_of(sham)}
    assert list(shown(own).values()) == pytest.approx([kept[t_s] for t_s in shown(own)])
    for heard in runs:
        for sink in ("operator", "observer"):
            assert {f.score for f in heard.of(f"view-{sink}", Feedback)} <= {0.0}
            assert heard.of(f"view-{sink}", Frame) == []
        assert heard.of("view-self", Frame) == [], "the feedback is a score"
        told = b"".join(
            part for messages in heard.messages.values() for m in messages for part in encode(m)[:2]
        )
        assert not TELLING.search(told)
        assert not TELLING.search(heard.said.encode())
        for log in (heard.out / "logs").glob("*.log"):
            assert not TELLING.search(log.read_bytes()), log
    audit = b"".join(p.read_bytes() for p in study.state.rglob("*.jsonl"))
    assert audit
    assert not TELLING.search(audit)
    sizes = [sorted(p.stat().st_size for p in h.out.glob("*.scores.sealed")) for h in runs]
    assert sizes[0] == sizes[1]
    assert [told_of(own, sink) for sink in SINKS] == [told_of(sham, sink) for sink in SINKS]
    assert abs(delay_s(own) - delay_s(sham)) < 0.05
    # The decoder keeps to the blocks by itself, and to the data: the same percepts each time.
    percepts = [[(p.t_data, p.confidence) for p in h.of("decoder", Percept)] for h in runs]
    assert percepts[0] == percepts[1]
    assert max(t_s for t_s, _ in percepts[0]) < END_S


def test_in_real_time_blocks_come_by_the_clock_and_rest_is_blank(study: Study) -> None:
    session = study.session("paced", display="picture")
    heard = run(study.place, "paced", session, study.consent, 2.0, study.state)
    assert heard.status == 0, heard.said
    blocks = [f for f in heard.of("view-self", Feedback) if f.block >= 0]
    assert {f.block for f in blocks} == {0, 1, 2, 3}
    assert {f.instruction for f in blocks if f.block_kind == "rest"} == {"Rest"}
    frames = heard.of("view-self", Frame)
    assert frames
    seen = {p.seq: p.t_seen for p in heard.of("decoder", Percept)}
    pictures = [f for f in frames if f.state == "picture"]
    assert pictures
    assert all(seen[f.percept_seq] % 12 >= 4 for f in pictures), "no picture of rest"
    reasons = {v.reason for v in heard.of("view-self", View) if not v.passing}
    assert "rest block" in reasons
