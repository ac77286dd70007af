"""Training of the generator: needs the `train` extra (torch, diffusers); never imported at run time."""
