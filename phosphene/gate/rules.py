"""What a plan says about the gate: policy, what is held, what follows a fall; its counters."""

from __future__ import annotations

from phosphene.gate.dates import LatestDate
from phosphene.gate.hold import HoldQueue
from phosphene.gate.latch import StopLatch
from phosphene.gate.memory import GateMemory
from phosphene.gate.policy import RECORDER_SINK, STREAM_SINK, GatePolicy
from phosphene.gate.silence import Silence
from phosphene.gate.task import TaskWindow
from phosphene.plan import Plan

__all__ = ["COUNTERS", "confirms_after_crash", "holding", "policy_of"]

SUPERVISOR = "supervisor"
COUNTERS = (
    "frames_seen",
    "frames_passed",  # reached at least one viewing sink
    "frames_blanked",  # no sink was allowed to have it
    "frames_unwatched",  # allowed, but nobody was there
    "frames_skipped",  # overtaken by a newer one before it was judged
    "frames_carded",  # a card went out in place of the picture
    "frames_filtered",  # a card, because the content filter refused the picture or failed
    "frames_unreleased",  # for observers, not due by the end of the run: nobody gets them
    "frames_not_neutral",  # called neutral by the renderer, and were not: the gate's own went out
    "filter_late",
    "filter_failed",
    "filter_restarts",
    "malformed",
    "results_passed",
    "results_blanked",
)


def policy_of(plan: Plan, memory: GateMemory) -> GatePolicy:
    """Return the policy of a plan, with what an earlier process of the gate has kept."""
    settings, stop = plan.session.gate, plan.session.stop
    levels = {
        "self": settings.level_self,
        "operator": settings.level_operator,
        "observer": settings.level_observer,
        RECORDER_SINK: 4 if plan.out is not None and plan.session.recorder.images else 0,
        STREAM_SINK: 4 if plan.session.results.stream else 0,
    }
    task = settings.task
    policy = GatePolicy(
        [*(n for n in plan.nodes if n != "gate"), SUPERVISOR],
        settings.bond_s,
        plan.session.person,
        plan.consent,
        levels,
        # Blank, pause and stop survive a restart of the gate: only a person takes them back.
        memory.blanked(),
        StopLatch(demanded=stop.demanded, start=stop.start, memory=memory.stop()),
        TaskWindow(task.begin, task.end, task.longest_s) if task.on else None,
        LatestDate(
            memory.latest(), memory.keep_latest, plan.consent.expires if plan.consent else None
        ),
        paused=memory.paused(),
    )
    if plan.mode == "live":
        # A replay may be slow or halted: nobody lies in the scanner.
        policy.silence = Silence(plan.session.modality)
    return policy


def holding(plan: Plan) -> HoldQueue | None:
    """Return the queue in which observers' frames wait; None where they are live."""
    settings = plan.session.gate
    if settings.observer_release == "live" or settings.level_observer == 0:
        return None
    return HoldQueue(settings.observer_delay_s, manual=settings.observer_release == "manual")


def confirms_after_crash(plan: Plan) -> bool:
    """Return whether views stay blank after a fall until the operator unblanks."""
    chosen = plan.session.gate.after_crash
    return plan.mode == "live" if chosen is None else chosen == "confirm"
