"""The report of a run, made from nothing but its recordings."""

from phosphene.report.build import build
from phosphene.report.truth import Shown

__all__ = ["Shown", "build"]
