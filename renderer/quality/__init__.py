"""How good the shipped pictures are, measured on held-out scenes of the procedural world."""
