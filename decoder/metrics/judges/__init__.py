"""Judges: classifiers and encoders of pictures that reconstructions are compared through."""

from decoder.metrics.judges.base import Features, Judge, Judged, prepared
from decoder.metrics.judges.open import open_judge

__all__ = ["Features", "Judge", "Judged", "open_judge", "prepared"]
