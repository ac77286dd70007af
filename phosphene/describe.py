"""A bundle in words: whose decoder, what it takes, how long after the stimulus, how good."""

from __future__ import annotations

from phosphene.bundle import Bundle
from phosphene.manifest import Calibration, Manifest, Score
from phosphene.metrics import BLIND
from phosphene.model_card import NOTHING_LEARNED, of_categories, shuffled_in_words, uninformative

__all__ = ["delay_in_words", "describe_bundle"]

_CONTROLS = {
    "not identified": "wrong percepts",
    "noise": "pure noise",
    "other order": "features in another order",
}


def describe_bundle(bundle: Bundle) -> str:
    """Word what was fitted and how good it is on runs that were left out, in several lines."""
    m = bundle.manifest
    lines = [
        f"bundle of {m.person}: {m.features} features, window {m.window.length}, "
        f"delay {delay_in_words(m)}, heads {', '.join(m.heads)}, digest {bundle.digest[:12]}",
        *(_line(score) for score in m.metrics),
        *([f"of categories, {BLIND}"] if any(map(of_categories, m.metrics)) else []),
        *_confidence(m.calibration),
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
        f"{score.chance:.3f}, shuffled {shuffled_in_words(score)}, n = {score.n}, {score.split}"
    )


def _confidence(c: Calibration) -> list[str]:
    line = f"confidence: Brier {c.brier:.3f}, always the mean {c.base_brier:.3f} (n = {c.n})" + (
        "" if c.error is None else f", calibration error {c.error:.3f}"
    )
    lines = [line, *([useless] if (useless := uninformative(c)) else [])]
    if c.threshold is None or c.kept is None:
        return lines
    if c.kept == 0:
        return [*lines, NOTHING_LEARNED]
    refused = ", ".join(
        f"{_CONTROLS.get(k.kind, k.kind)} {100 * k.refused:.0f} % (n = {k.n})" for k in c.controls
    )
    held = f", and held back: {refused}" if refused else ""
    return [
        *lines,
        f"a picture is shown when the confidence is at least {c.threshold:.3f}: on left-out runs "
        f"that showed {100 * c.kept:.0f} % of the right percepts{held}",
    ]
