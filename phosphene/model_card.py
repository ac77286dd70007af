"""The model card of a bundle: its manifest in words that need no manual.

After Mitchell et al. (2019, FAT* '19:220), as far as one person's decoder has anything to say.
"""

from __future__ import annotations

from collections.abc import Iterator

from phosphene.manifest import Calibration, Manifest, Score
from phosphene.metrics import BLIND

__all__ = [
    "CARD",
    "NOTHING_LEARNED",
    "model_card",
    "of_categories",
    "shuffled_in_words",
    "uninformative",
    "untold",
]

CARD = "MODEL_CARD.md"

_NEVER = """\
- It decodes this one person, in this mask or channel layout. For anybody else it says nothing.
- It is made for research. It is no medical device: no diagnosis, no treatment, no decision about
  a person may rest on it.
- It must not be used without the person's informed consent to what is done with its output, nor
  when that consent has been withdrawn or has expired; nor for lie detection, interrogation,
  surveillance, or hiring.
- A picture is a guess about what was shown, made by a generator that always paints something. It
  is no photograph of a thought and no evidence. Pictures of what was only imagined or remembered
  were not measured.
- The figures hold for the stimuli and the scanner or cap of the calibration."""


def model_card(m: Manifest) -> str:
    """Write the card of a bundle.

    Parameters
    ----------
    m : Manifest
        What the bundle says about itself; its list of files is not used.

    Returns
    -------
    str
        Markdown.
    """
    parts = [
        f"# Decoder of {m.person}",
        _what(m),
        "## Trained on",
        _trained(m),
        "## How good it is",
        "Every figure comes from data that the decoder was not fitted on, beside the level of "
        "chance and a control with shuffled truth.",
        "\n".join(_scores(m.metrics)),
        "## How far its confidence can be believed",
        _trust(m.calibration),
        "## What it must not be used for",
        _NEVER,
        "## Rights",
        f"Licence: {m.licence}. Consent: {m.consent or 'no record named'}. Made {m.created} with "
        + ", ".join(f"{name} {version}" for name, version in sorted(m.versions.items()))
        + ".",
    ]
    return "\n\n".join(parts) + "\n"


def untold(m: Manifest, card: str) -> list[str]:
    """Return the rows of held-out figures of the manifest that a card does not have.

    Both are of one fit, so that a row that one of them lacks was changed in the other. Sentences
    are not compared: their wording may be that of another version.
    """
    held = set(card.splitlines())
    rows = list(_scores(m.metrics))[2:]  # below the head
    return [row for row in rows if row.startswith("|") and row not in held]


def _what(m: Manifest) -> str:
    kind = "fMRI" if m.modality == "fmri" else "EEG"
    unit = "voxels" if m.modality == "fmri" else "values per epoch"
    gives = {
        "z": "what a picture looks like (z)",
        "c": "what it is about (c)",
        "class": "its category",
    }
    trials = _of_trials(m)
    window = f"a window of {m.window.length} x {m.window.period_s:g} s"
    if trials:
        window = "one response for each trial"
    elif m.training.settings.get("per_event"):
        window = "one response for each event"
    late = "" if trials else f", {m.window.delay_s:g} s after it was seen"
    text = (
        f"From {kind} ({m.features} {unit}, {window}) this decoder tells "
        f"{', '.join(gives[h] for h in m.heads)}{late}, in the target space `{m.target.id}`."
    )
    if m.labels:
        text += f" It knows: {', '.join(m.labels)}."
    if not m.placed:
        text += " It is not known where in the brain its voxels lie: it decodes no live run."
    return text


def _trained(m: Manifest) -> str:
    t = m.training
    groups = sorted(t.groups) if _of_trials(m) else t.groups
    named = ", ".join(groups[:12]) + (", ..." if len(groups) > 12 else "")
    many = "part(s) that were left out in turn" if _of_trials(m) else "run(s)"
    data = "\n".join(f"- `{sha}`{_what_of(m, k)}" for k, sha in enumerate(t.data_sha256[:20]))
    more = f"\n- and {len(t.data_sha256) - 20} more" if len(t.data_sha256) > 20 else ""
    return (
        f"{t.samples} responses of one person in {len(groups)} {many} ({named}), seed {t.seed}. "
        + "".join(f"{note[0].upper()}{note[1:]}. " for note in t.notes)
        + f"SHA-256 of the data:\n\n{data}{more}"
    )


def _of_trials(m: Manifest) -> bool:
    """Tell whether rows were trials of which neither time nor place is known."""
    return m.modality == "fmri" and not m.placed and bool(m.training.settings.get("per_event"))


def _what_of(m: Manifest, number: int) -> str:
    """Say what one of the hashes of the data is of: first the rows, then files."""
    if number == 0:
        return " (responses and targets that were learned from)"
    tested = any(score.split.startswith("given:") for score in m.metrics)
    return " (file" + (", the test rows in it were not learned from)" if tested else ")")


def _scores(scores: tuple[Score, ...]) -> Iterator[str]:
    yield "| figure | held out | 95 % interval | chance | shuffled | n | split |"
    yield "|---|---|---|---|---|---|---|"
    for s in scores:
        yield (
            f"| {s.name} | {s.value:.3f} | {s.low:.3f} to {s.high:.3f} | {s.chance:.3f} | "
            f"{shuffled_in_words(s)} | {s.n} | {s.split} |"
        )
    if any(map(of_categories, scores)):
        yield f"\nOf categories, {BLIND}."


def of_categories(score: Score) -> bool:
    """Tell whether a figure is an accuracy of categories."""
    return score.name.startswith("category_")


def shuffled_in_words(score: Score) -> str:
    """Say what the shuffled control gave, and the level that 97.5 % of it stayed below."""
    high = score.shuffled_high
    return f"{score.shuffled:.3f}" + ("" if high is None else f" (97.5 % below {high:.3f})")


NOTHING_LEARNED = (
    "no picture is shown: on left-out runs the names were right no more often than with what the "
    "blocks showed exchanged"
)


def uninformative(c: Calibration) -> str:
    """Say so where the confidence is no better than always saying the mean; "" where it is."""
    if c.brier < c.base_brier:
        return ""
    if c.base_brier < 1e-9:
        return f"confidence had nothing to tell apart: all n = {c.n} held-out percepts were alike"
    return (
        f"confidence carries no information about which percepts are right here: n = {c.n}, and "
        "always saying the mean would be no worse"
    )


def _trust(c: Calibration) -> str:
    text = (
        f"Brier score {c.brier:.3f} (always saying the mean: {c.base_brier:.3f}), n = {c.n}"
        + ("" if c.error is None else f", expected calibration error {c.error:.3f}")
        + "."
    )
    useless = uninformative(c)
    text += f" **{useless[0].upper()}{useless[1:]}.**" if useless else ""
    if c.kept == 0:
        text += f" **{NOTHING_LEARNED[0].upper()}{NOTHING_LEARNED[1:]}.**"
    elif c.threshold is not None and c.kept is not None:
        text += (
            f" Below a confidence of {c.threshold:.3f} nothing is shown; that keeps "
            f"{100 * c.kept:.0f} % of the right percepts."
        )
    if c.controls:
        lines = ["", "", "| held-out control | refused | n |", "|---|---|---|"]
        lines += [f"| {k.kind} | {100 * k.refused:.1f} % | {k.n} |" for k in c.controls]
        text += "\n".join(lines)
    if c.reliability:
        lines = ["", "", "| confidence | share that was right | n |", "|---|---|---|"]
        lines += [f"| {b.confidence:.2f} | {b.success:.2f} | {b.n} |" for b in c.reliability]
        text += "\n".join(lines)
    return text
