"""The loop of the renderer node against an injected clock, without sockets between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from phosphene.errors import BundleError, ConfigError
from tests.unit.renderer_stream_bench import FPS, Costly, Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def first_shown(rig: Rig, arrivals_s: list[float]) -> npt.NDArray[np.float64]:
    """Seconds from the arrival of each percept to the first frame with it."""
    delays = []
    for seq, arrived_s in enumerate(arrivals_s):
        out_s = next(f.out_s for f in rig.frames.sent if f.seq == seq)
        delays.append(out_s - arrived_s)
    return np.array(delays)


@pytest.mark.parametrize("cost_s", [0.002, 0.010, 0.0175])
def test_a_percept_is_shown_within_one_and_a_half_intervals(rig: Rig, cost_s: float) -> None:
    rng = np.random.default_rng(0)
    rig.costs_s = list(cost_s * rng.uniform(0.9, 1.1, 97))
    arrivals = list(10.2 + np.cumsum(rng.uniform(0.1, 0.4, 400)))
    rig.percepts.coming_s = list(arrivals)
    rig.ask("go")
    rig.run(110.0)
    delays = first_shown(rig, arrivals) * FPS
    assert np.percentile(delays, 99) <= 1.5
    assert delays.min() >= cost_s * 0.9 * FPS - 1e-6, "never before it can have been painted"
    sent = rig.frames.sent
    assert [f.index for f in sent] == list(range(len(sent))), "one frame for each due time"
    assert max(f.out_s - f.due_s for f in sent[30:]) < 0.001
    assert rig.painter.renders == sum(f.state == "picture" for f in sent)


def test_frames_that_cannot_be_in_time_are_skipped_and_counted_and_no_backlog_grows(
    rig: Rig,
) -> None:
    rig.costs_s = [0.06]  # 1.44 periods
    rig.percepts.coming_s = list(np.arange(10.0, 30.0, 0.01))
    rig.ask("go")
    rig.run(20.0)
    sent = rig.frames.sent
    assert len(sent) == pytest.approx(20 / 0.06, rel=0.05)
    assert sent[-1].index + 1 == len(sent) + sum(f.skipped for f in sent)
    late_s = np.array([f.out_s - f.due_s for f in sent])
    assert late_s[-50:].max() < 1 / FPS
    # 100 percepts a second come in: what is shown is the newest at the frame's begin.
    behind = [f.out_s - (10.0 + 0.01 * f.seq) for f in sent[5:]]
    assert max(behind) < 0.06 + 0.011 + 1 / FPS


def test_neutral_frames_come_at_the_same_rate(rig: Rig) -> None:
    rig.percepts.coming_s = [15.0]
    rig.ask("go")
    rig.run(20.0)
    sent = rig.frames.sent
    np.testing.assert_allclose(np.diff([f.out_s for f in sent]), 1 / FPS, atol=0.009)
    states = [f.state for f in sent]
    assert states.index("picture") == pytest.approx(5 * FPS, abs=2)
    assert {f.state for f in sent if f.out_s < 15.0} == {"neutral"}


def test_a_percept_that_comes_while_the_node_waits_for_the_begin_is_in_that_frame(
    rig: Rig,
) -> None:
    rig.ask("go")
    rig.clock.wait_until(10.0 + 1 / FPS - 0.005)
    rig.percepts.coming_s = [10.0 + 1 / FPS - 0.004]
    rig.node.step()
    assert [(f.index, f.seq) for f in rig.frames.sent] == [(0, 0)]


def test_the_rate_switches_live_without_a_burst_or_a_hole(rig: Rig) -> None:
    rig.percepts.coming_s = [10.0]
    rig.ask("go")
    rig.run(2.0)
    at = len(rig.frames.sent)
    assert rig.ask(fps="60") == "set fps=60"
    rig.run(2.0)
    gaps = np.diff([f.out_s for f in rig.frames.sent[at:]])
    np.testing.assert_allclose(gaps, 1 / 60, atol=1e-6)
    assert sum(f.skipped for f in rig.frames.sent[at:]) == 0
    assert rig.frames.sent[at].out_s - rig.frames.sent[at - 1].out_s <= 2 / 24
    assert rig.frames.sent[-1].fps == 60


def test_every_setting_of_the_stream_switches_live_and_is_told_back(rig: Rig) -> None:
    wishes = {
        "steps": "4", "strength": "0.5", "guidance": "1.5", "guides": "c", "seed": "3",
        "path": "slerp", "smoothing_s": "0.25", "warm_start": "0.3", "noise_s": "0",
        "min_confidence": "0.2", "stale_s": "4.0", "cores": "none",
    }  # fmt: skip
    for name, value in wishes.items():
        rig.ask(**{name: value})
    status = dict(pair.split("=") for pair in rig.ask("status").split(", "))
    told = {name: status[name] for name in wishes}
    assert {k: v for k, v in told.items() if k != "noise_s"} == {
        k: v for k, v in wishes.items() if k != "noise_s"
    }
    assert float(told["noise_s"]) == 0.0
    assert not rig.loader.begun


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_cores_switch_live_and_those_that_are_not_there_change_nothing(rig: Rig) -> None:
    allowed = os.sched_getaffinity(0)
    try:
        rig.ask(cores=str(min(allowed)))
        assert os.sched_getaffinity(0) == {min(allowed)}
        with pytest.raises(ConfigError, match=r"renderer\.cores"):
            rig.ask(cores="1023", steps="4")
        assert os.sched_getaffinity(0) == {min(allowed)}
        assert "steps=2" in rig.ask("status")
        rig.ask(cores="none")
        assert os.sched_getaffinity(0) == allowed
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_refused_wish_does_not_end_what_is_being_loaded(rig: Rig) -> None:
    rig.ask(model="world-256")
    rig.loader.ready = new = Costly(rig.clock, rig._costs(), "new")
    with pytest.raises(ConfigError, match=r"renderer\.cores"):
        rig.ask(cores="1023")
    rig.node.step()
    assert rig.node._studio.painter is new


def test_at_full_speed_no_frame_may_come_later_than_its_percept(rig: Rig) -> None:
    rig.node._lossless = True
    with pytest.raises(ConfigError, match="stream_batch"):
        rig.ask(**{"model": "diffusers:x", "large.stream_batch": "true"})
    assert not rig.loader.begun
    rig.node._lossless = False
    rig.ask(**{"model": "diffusers:x", "large.stream_batch": "true"})
    assert rig.loader.begun[-1].large.stream_batch


def test_what_warm_start_cannot_do_is_told(rig: Rig) -> None:
    told = rig.ask(warm_start="0.5", mode="zc", strength="0.5")
    assert "warm_start changes nothing" in told
    assert rig.ask(strength="1.0") == "set strength=1.0"


def test_another_model_is_loaded_while_the_old_one_paints(rig: Rig) -> None:
    rig.percepts.coming_s = list(np.arange(10.0, 20.0, 0.5))
    rig.ask("go")
    assert "the old one paints until then" in rig.ask(model="world-256", seed="5")
    rig.ask(threads="2")
    assert [s.model for s in rig.loader.begun] == ["world-256", "world-256"]
    assert rig.loader.begun[-1].threads == 2
    rig.run(1.0)
    assert {f.model for f in rig.frames.sent} == {"m"}
    assert "model=world-64" in rig.ask("status")
    assert "seed=5" in rig.ask("status")
    rig.loader.ready = Costly(rig.clock, rig._costs(), "new")
    rig.run(1.0)
    assert rig.frames.sent[-1].model == "new"
    assert "model=world-256" in rig.ask("status")
    np.testing.assert_allclose(np.diff([f.out_s for f in rig.frames.sent]), 1 / FPS, atol=0.009)


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(rig: Rig) -> None:
    rig.ask(model="diffusers:nowhere")
    rig.loader.ready = BundleError("no such folder")
    rig.node.step()
    told = "it stays with model world-64: no such folder; taken back: model=diffusers:nowhere"
    assert rig.context.note == told + "; all else that was set holds"
    rig.ask(model="world-256")
    assert rig.loader.begun[-1].model == "world-256"


def test_what_a_painter_that_does_not_come_was_not_needed_for_holds(rig: Rig) -> None:
    before = rig.node._studio.settings
    asked = {"model": "diffusers:nowhere", "threads": "3", "large.residual": "self"}
    assert "loading" in rig.ask(**asked)
    cheap = {"steps": "4", "mode": "z", "strength": "0.6", "guides": "c", "guidance": "1.5",
             "path": "hold", "smoothing_s": "0.1", "seed": "7", "fps": "12"}  # fmt: skip
    for name, value in cheap.items():
        assert rig.ask(**{name: value}) == f"set {name}={value}", "at once"
        now = str(getattr(rig.node._studio.settings, name))
        assert now.removesuffix(".0") == value, "the old painter has it already"
    pending = "; loading model=diffusers:nowhere, threads=3, large.residual=self, not yet taken"
    assert rig.ask("status").endswith(pending)
    rig.loader.ready = BundleError("no such folder")
    rig.node.step()
    for lost in ("model=diffusers:nowhere", "threads=3", "large.residual=self"):
        assert lost in rig.context.note
    assert all(name not in rig.context.note for name in ("steps", "strength", "guides"))
    now = rig.node._studio.settings
    assert (now.model, now.threads, now.large) == (before.model, before.threads, before.large)
    assert (now.steps, now.mode, now.strength, now.seed) == (4, "z", 0.6, 7)
    assert rig.node._wanted == now
    assert "not yet taken" not in rig.ask("status")


def test_what_has_to_be_prepared_comes_alone_and_is_taken_back_alone(rig: Rig) -> None:
    rig.ask(model="world-256")
    rig.loader.unready = ("steps",)
    said = rig.ask(steps="4", mode="z")
    assert said == ("set steps=4, mode=z; preparing steps=4, painting goes on as before until then")
    made = rig.loader.made[-1]
    assert (made.model, made.steps, made.mode) == ("world-64", 4, "z"), "not behind the model"
    assert "preparing steps=4, not yet taken" in rig.ask("status")
    rig.loader.ripe = True
    rig.node.step()
    assert rig.node._studio.settings.steps == 4
    rig.ask(steps="1", path="hold")
    rig.loader.ripe, rig.loader.unready = ConfigError("no memory"), ()
    rig.node.step()
    assert "no memory; taken back: steps=1; all else" in rig.context.note
    assert (rig.node._wanted.steps, rig.node._wanted.path) == (4, "hold")
    assert rig.loader.begun[-1].model == "world-256", "that is still to come"
    assert rig.loader.begun[-1].steps == 4


def test_what_is_sure_to_fail_is_refused_and_changes_nothing(rig: Rig) -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        rig.ask(engine="cuda", steps="4")
    assert "steps=2" in rig.ask("status")
    assert not rig.loader.begun


def test_without_a_loader_the_model_stays(rig: Rig) -> None:
    rig.node._loader = None
    with pytest.raises(ConfigError, match="session file"):
        rig.ask(model="world-256")
    assert "model=world-64" in rig.ask("status")
