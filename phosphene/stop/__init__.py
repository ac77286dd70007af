"""The participant's stop device: a process of its own, from a button to the gate."""

from phosphene.stop.core import PressCounter, keyboard_presses, serial_presses
from phosphene.stop.node import StopNode

__all__ = ["PressCounter", "StopNode", "keyboard_presses", "serial_presses"]
