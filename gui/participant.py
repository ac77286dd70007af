"""The participant's window, under the name by which the operator's window knows it."""

from gui.viewers.participant import ParticipantWindow
from gui.viewers.window import screen_facts

__all__ = ["ParticipantWindow", "screen_facts"]
