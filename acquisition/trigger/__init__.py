"""Pulses that mark the onsets of volumes: a process that sends them, a core that pairs them."""
