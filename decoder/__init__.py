"""Decoder: from cleaned brain data to a percept (z, c, confidence), one bundle per person."""
