"""A bundle in words: whose decoder, what it takes, how long after the stimulus, how good."""

from __future__ import annotations

from phosphene.bundle import Bundle
from phosphene.manifest import Manifest, Score

__all__ = ["delay_in_words", "describe_bundle"]


def describe_bundle(bundle: Bundle) -> str:
    """Word what was fitted and how good it is on runs that were left out, in several lines."""
    m = bundle.manifest
    lines = [
        f"bundle of {m.person}: {m.features} features, window {m.window.length}, "
        f"delay {delay_in_words(m)}, heads {', '.join(m.heads)}, digest {bundle.digest[:12]}",
        *(_line(score) for score in m.metrics),
        f"confidence: Brier {m.calibration.brier:.3f}, always the mean "
        f"{m.calibration.base_brier:.3f} (n = {m.calibration.n})",
    ]
    return "\n".join(lines)


def delay_in_words(m: Manifest) -> str:
    """Say how long after a stimulus this person's percept of it comes, and who chose that."""
    if not m.placed:
        return "as in the trials"
    seconds = f"{m.window.delay_s:g} s"
    if m.modality == "eeg":
        return seconds
    if m.training.settings.get("per_event"):
        seconds += " from each event's onset to its beta"
    tried = m.training.settings.get("delays_tried")
    if tried is None:
        return seconds
    if not tried:
        return f"{seconds} (as given)"
    return f"{seconds} (chosen on training runs among {min(tried):g} to {max(tried):g} s)"


def _line(score: Score) -> str:
    return (
        f"{score.name}: {score.value:.3f} [{score.low:.3f}, {score.high:.3f}], chance "
        f"{score.chance:.3f}, shuffled {score.shuffled:.3f}, n = {score.n}, {score.split}"
    )
