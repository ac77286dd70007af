"""Boards that speak BrainFlow, bridged to LSL."""
