"""Epochs of EEG: artefacts limited, compact convolutions trained with and without contrast."""
