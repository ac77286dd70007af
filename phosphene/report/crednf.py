"""The CRED-nf checklist of a run: what is known from settings and recording, and what is missing.

Items and their numbers follow Ros et al. 2020, "Consensus on the reporting and experimental design
of clinical and cognitive-behavioural neurofeedback studies (CRED-nf checklist)", Brain 143(6):
1674-1685, doi:10.1093/brain/awaa009; the words here are our own. A study answers many of them, a
run only some; what only people can know is asked for in ``[protocol.crednf]``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from phosphene.feedback.facts import PREFIX
from phosphene.feedback.learning import summary_of
from phosphene.report.artefacts import compared, measures_of
from phosphene.report.feedback import scores_of
from phosphene.report.load import RunData

__all__ = ["ITEMS", "SOURCE", "Answer", "Item", "answers", "as_json", "of_run", "section"]

SOURCE = "Ros et al. 2020, Brain 143: 1674-1685, doi:10.1093/brain/awaa009"


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes
    ----------
    number : str
        As in the checklist; 2c has two parts here, for those who rate and those who analyse.
    domain : str
        Its group.
    asks : str
        What it asks, in short.
    """

    number: str
    domain: str
    asks: str


@dataclass(frozen=True)
class Answer:
    """What is known about one item.

    Attributes
    ----------
    item : Item
        Which.
    text : str
        The answer; "" where it is missing.
    origin : str
        ``people`` from the session file, ``run`` from settings and recording, ``missing``.
    """

    item: Item
    text: str
    origin: Literal["people", "run", "missing"]


_DOMAINS: dict[str, tuple[tuple[str, str], ...]] = {
    "Before the experiment": (
        ("1a", "protocol and planned analyses registered beforehand"),
        ("1b", "how many people, and why so many"),
    ),
    "Control groups": (
        ("2a", "a control group or condition"),
        ("2b", "double-blind, where that was possible"),
        ("2c-rater", "those who rate outcomes did not know the groups"),
        ("2c-analyst", "those who analyse did not know the groups"),
        ("2d", "how far people and staff remained blind, examined"),
        ("2e", "in a study of clinical efficacy: standard care as a benchmark"),
    ),
    "Control measures": (
        ("3a", "psychological and social factors"),
        ("3b", "whether people were given a strategy"),
        ("3c", "strategies that people say they used"),
        ("3d", "online processing and correction of artefacts"),
        ("3e", "artefacts compared between conditions and groups"),
    ),
    "Feedback": (
        ("4a", "how the feature that is fed back is computed"),
        ("4b", "schedule of reinforcement, and why"),
        ("4c", "modality and content of the feedback"),
        ("4d", "every brain signal or contrast that was fed back, as it was displayed"),
        ("4e", "hardware and software"),
    ),
    "Outcome, brain": (
        ("5a", "success of regulation, by the signal that was fed back"),
        ("5b", "plots of the signal over blocks and sessions, and rest before and after"),
        ("5c", "groups compared with each other by statistics, not each with its baseline"),
    ),
    "Outcome, behaviour": (
        ("6a", "measures of clinical or behavioural importance, and whether they were reached"),
        ("6b", "success of regulation compared with behaviour"),
    ),
    "Data": (("7a", "where materials, code and data can be had"),),
}
ITEMS = tuple(Item(n, domain, asks) for domain, rows in _DOMAINS.items() for n, asks in rows)


def answers(
    facts: Mapping[str, str],
    summary: Mapping[str, Any] | None = None,
    quality: Sequence[str] = (),
    artefacts: str = "",
) -> list[Answer]:
    """Fill the checklist in.

    Parameters
    ----------
    facts : mapping of str to str
        Of the run's start document, see `phosphene.feedback.facts`.
    summary : mapping or None
        Of the scores, see `phosphene.feedback.learning.summary_of`; None while they are sealed.
    quality : sequence of str
        Sentences about what was done against artefacts.
    artefacts : str
        How artefacts compare between regulation and rest; "" where that is not known.

    Returns
    -------
    list of Answer
        One for each item, in order. People's answers come first, followed by what the run knows.
    """
    try:
        given = json.loads(facts.get(PREFIX + "crednf", "") or "{}")
    except ValueError:
        given = {}
    known = _known(facts, summary, quality) | ({"3e": artefacts} if artefacts else {})
    found = []
    for item in ITEMS:
        people, run = str(given.get(item.number, "")).strip(), known.get(item.number, "")
        text = ". ".join(t.rstrip(". ") for t in (people, run) if t)
        origin: Literal["people", "run", "missing"]
        origin = "people" if people else "run" if run else "missing"
        found.append(Answer(item, text, origin))
    return found


def of_run(
    data: RunData, folder: Path, scan: Mapping[str, Any] | None = None
) -> list[Answer] | None:
    """Fill the checklist in for a recorded run; None where it had no protocol.

    Parameters
    ----------
    data : RunData
        The run.
    folder : Path
        Where its recording lies. Scores that are sealed stay closed.
    scan : mapping or None
        Of an fMRI run, see `phosphene.report.scan.scan_of`.
    """
    facts = data.facts
    if not any(name.startswith(PREFIX) for name in facts):
        return None
    scores = scores_of(folder, "" if data.start is None else data.start.run)
    quality = measures_of(data, scan)
    if scores is None:
        return answers(facts, quality=quality)
    about, rows = scores
    return answers(facts, summary_of(about, rows), quality, compared(about, data.qualities))


def _known(
    facts: Mapping[str, str], summary: Mapping[str, Any] | None, quality: Sequence[str]
) -> dict[str, str]:
    def told(*names: str) -> str:
        parts = [f"{n} {facts[PREFIX + n]}" for n in names if facts.get(PREFIX + n)]
        return "; ".join(parts)

    control = facts.get(PREFIX + "control", "")
    found = {
        "2a": control,
        "2b": control if control.startswith("double-blind") else "",
        "3b": told("instructions"),
        "3d": "; ".join(quality),
        "4a": told("score", "baseline", "smoothing", "limits", "direction"),
        "4c": told("display", "feedback"),
        "4d": told("score", "blocks", "conditions"),
        "4e": f"Phosphene {version('phosphene')}" + (
            f", decoder {facts['bundle'][:12]}" if facts.get("bundle") else ""),
    }  # fmt: skip
    if summary is not None:
        found["5a"] = "; ".join(
            _figure(name, summary[name]) for name in ("regulation", "learning") if name in summary
        )
        found["5b"] = "every block of this run, rest and regulation, under Feedback of this report"
    return found


def _figure(name: str, figures: Mapping[str, Any]) -> str:
    if "reason" in figures:
        return f"{name}: not computed, {figures['reason']}"
    return (
        f"{name}: {figures['value']:.3f}, chance {figures['chance']:g}, shuffled "
        f"{figures['shuffled']:.3f}, p {figures['p']:.4f} ({figures['rule']}, n {figures['n']})"
    )


def as_json(found: Sequence[Answer]) -> dict[str, Any]:
    """Return the checklist for ``report.json``."""
    rows = [
        {"item": a.item.number, "domain": a.item.domain, "asks": a.item.asks, "answer": a.text,
         "origin": a.origin}
        for a in found
    ]  # fmt: skip
    return {"source": SOURCE, "items": rows, "missing": missing(found)}


def missing(found: Sequence[Answer]) -> list[str]:
    """Return the numbers of the items without an answer."""
    return [a.item.number for a in found if a.origin == "missing"]


def section(told: Mapping[str, Any]) -> str:
    """Return the checklist as a section of the report.

    Parameters
    ----------
    told : mapping
        Made by `as_json`.
    """
    rows, domain = [], ""
    for item in told["items"]:
        if item["domain"] != domain:
            domain = item["domain"]
            rows.append(f"<tr><th colspan=3>{escape(domain)}</th></tr>")
        text = escape(item["answer"]) or '<span class="bad">missing</span>'
        rows.append(
            f"<tr><td>{item['item']}</td><td>{escape(item['asks'])}</td><td>{text}</td></tr>"
        )
    left, all_items = told["missing"], len(told["items"])
    words = (
        f"{len(left)} of {all_items} items are missing: {', '.join(left)}. Answer them in "
        "[protocol.crednf] of the session, or in the manuscript."
        if left
        else "Every item has an answer."
    )
    return (
        f"<h2>CRED-nf checklist</h2><table>{''.join(rows)}</table>"
        f"<p>{escape(words)}</p><small>After {escape(told['source'])}; words of our own.</small>"
    )
