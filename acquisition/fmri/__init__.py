"""Causal fMRI processing: realignment, cleaning, masks and quality, as pure cores."""
