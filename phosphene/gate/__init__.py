"""The privacy gate: the only way from the renderer to anybody's eyes."""

from phosphene.gate.levels import abstract
from phosphene.gate.node import GateNode
from phosphene.gate.policy import DECODE_SCOPES, GatePolicy, Verdict

__all__ = ["DECODE_SCOPES", "GateNode", "GatePolicy", "Verdict", "abstract"]
