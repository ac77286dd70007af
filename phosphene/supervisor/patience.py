"""How long the supervisor waits for a node to be ready."""

from __future__ import annotations

from phosphene.network.layout import DISTANT_PATIENCE_S
from phosphene.supervisor.child import NodeSpec
from phosphene.supervisor.guest import GUEST_PATIENCE_S

__all__ = ["READY_TIMEOUT_S", "patience_s"]

READY_TIMEOUT_S = 90.0


def patience_s(spec: NodeSpec) -> float:
    """Return how long a node is waited for, in seconds."""
    if spec.machine:
        return DISTANT_PATIENCE_S
    return GUEST_PATIENCE_S if spec.guest else READY_TIMEOUT_S
