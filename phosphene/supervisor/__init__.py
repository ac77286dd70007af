"""Starts the nodes of a run in order, watches them, restarts the fallen and ends cleanly."""

from phosphene.supervisor.child import Child, NodeSpec
from phosphene.supervisor.outcome import Outcome, Snapshot
from phosphene.supervisor.policy import RestartPolicy
from phosphene.supervisor.supervisor import Supervisor

__all__ = ["Child", "NodeSpec", "Outcome", "RestartPolicy", "Snapshot", "Supervisor"]
