"""A synthetic person, scanner and amplifier."""
