"""EEG: causal filtering, epochs and channel quality."""
