"""Training of the generator: needs the `train` extra, never imported at run time."""
