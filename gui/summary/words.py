"""How the report's scores, counters and stages are called on the page. No Qt.

The report has the same names in `phosphene.report`, which brings the drawing of figures with it; a
test holds both together.
"""

from __future__ import annotations

from collections.abc import Callable

from gui.texts import mark

__all__ = ["COUNTS", "SCORES", "STAGES", "unbroken"]

SCORES = {
    "two_way": mark("2-way identification, embedding"),
    "two_way_per_clip": mark("2-way identification, embedding, per stimulus"),
    "two_way_picture": mark("2-way identification, picture"),
    "two_way_picture_per_clip": mark("2-way identification, picture, per stimulus"),
    "n_way": mark("n-way identification"),
    "n_way_label": mark("label among those known, per percept"),
    "label": mark("label or rest, per percept"),
    "label_per_block": mark("label, per block"),
    "auc": mark("area under the ROC curve"),
}
COUNTS = {
    "volumes": mark("volumes taken"),
    "volumes_lost": mark("volumes that did not come"),
    "samples": mark("samples taken"),
    "samples_lost": mark("samples that did not come"),
    "epochs": mark("epochs cut out"),
    "events": mark("events"),
    "percepts": mark("percepts decoded"),
    "frames": mark("frames drawn"),
    "frames_late": mark("frames drawn late or skipped"),
    "frames_passed": mark("frames that the gate passed"),
    "frames_blanked": mark("frames that the gate held back"),
    "frames_recorded": mark("frames recorded"),
}
STAGES = {
    "acquired_to_features": mark("data acquired to features sent"),
    "features_to_percept": mark("features to percept"),
    "percept_to_frame": mark("percept to first frame drawn"),
    "acquired_to_frame": mark("data acquired to first frame drawn"),
    "acquired_to_passed": mark("data acquired to frame past the gate"),
    "frame_interval": mark("interval between frames"),
    "frame_interval_deviation": mark("deviation from the wanted interval"),
}
_JOINER = "\u2060"
"""Has no width, and no line ends beside it."""


def unbroken(words: str, fits: Callable[[str], bool]) -> str:
    """Return words whose paths stay on one line each, as far as they fit into one.

    Parameters
    ----------
    words : str
        A sentence.
    fits : Callable
        Tells whether a word has room in a line.
    """
    made = []
    for word in words.split(" "):
        whole = "/" in word and fits(word)
        made.append(_JOINER.join(word) if whole else word)
    return " ".join(made)
