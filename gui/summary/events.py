"""The words of the audit log, which are English there, in the language of the page. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gui.texts import mark, told, tr

__all__ = [
    "EVENTS",
    "FACTS",
    "MODES",
    "TOPICS",
    "VALUES",
    "event_in_words",
    "facts_in_words",
    "time_in_words",
]

EVENTS = {
    "run begun": mark("run begun"),
    "run ended": mark("run ended"),
    "recording begun": mark("recording begun"),
    "recording finished": mark("recording finished"),
    "recording cut off": mark("recording cut off"),
    "recording repaired": mark("recording repaired"),
    "recording opened": mark("recording opened"),
    "scores opened": mark("scores opened"),
    "unsealed": mark("unsealed"),
    "view": mark("view"),
    "grant": mark("grant"),
    "operator": mark("operator"),
    "participant": mark("participant"),
    "steward": mark("steward"),
    "observer": mark("observer"),
    "refused": mark("refused"),
    "participant stop": mark("participant stop"),
    "blank after fall": mark("blank after fall"),
    "late pictures": mark("late pictures"),
    "gate stopped": mark("gate stopped"),
    "window pictured": mark("window pictured"),
    "kept": mark("kept"),
    "erased": mark("erased"),
    "released for export": mark("released for export"),
    "held for export": mark("held for export"),
    "exported": mark("exported"),
}
FACTS = {
    "action": mark("action"),
    "by": mark("by"),
    "confirmed_by": mark("confirmed by"),
    "consent": mark("consent"),
    "consent_id": mark("consent's identity"),
    "consent_of": mark("consent of"),
    "consent_signed": mark("consent signed"),
    "consent_until": mark("consent until"),
    "decode": mark("decoding"),
    "files": mark("files"),
    "format": mark("format"),
    "frames_dropped": mark("frames dropped"),
    "header": mark("header"),
    "interrupted": mark("interrupted"),
    "keep_until": mark("to be erased after"),
    "key": mark("key"),
    "messages": mark("messages"),
    "mode": mark("mode"),
    "node": mark("node"),
    "part": mark("part"),
    "person": mark("person"),
    "recording": mark("recording"),
    "records": mark("records"),
    "role": mark("role"),
    "scopes": mark("scopes"),
    "sealed": mark("sealed"),
    "shows": mark("shows"),
    "sink": mark("window"),
    "source": mark("source"),
    "state": mark("state"),
    "status": mark("status"),
    "stewards": mark("stewards"),
    "why": mark("why"),
}
MODES = {"pilot": mark("pilot"), "live": mark("live"), "replay": mark("replay")}
VALUES = {
    "true": mark("yes"),
    "false": mark("no"),
    "no": mark("no"),
    "none": mark("none"),
    "nothing": mark("nothing"),
    "openly": mark("openly"),
    "sealed": mark("sealed"),
    "success": mark("success"),
    "abort": mark("abort"),
    "fail": mark("fail"),
    "blank": mark("blank"),
    "card": mark("card"),
    "unblank": mark("unblank"),
    "pause": mark("pause"),
    "resume": mark("resume"),
    "marker": mark("marker"),
    "begin": mark("begin"),
    "stop": mark("stop"),
    "confirm": mark("confirm"),
    "release": mark("release"),
    "withdraw": mark("withdraw"),
    "open-block": mark("open a block"),
    "close-block": mark("close a block"),
    "tested": mark("tested"),
    "stopped": mark("stopped"),
    "device": mark("device"),
    "self": mark("self"),
    "stream": mark("stream"),
    "quality": mark("quality"),
    "results": mark("results"),
    "pictures": mark("pictures"),
    "report": mark("report"),
    "asked for": mark("asked for"),
    "time is over": mark("time is over"),
    "the participant asked for it after the run": mark(
        "the participant asked for it after the run"
    ),
    "the participant was asked after the run": mark("the participant was asked after the run"),
}
TOPICS = {
    "volume": mark("volume"),
    "samples": mark("samples"),
    "features": mark("features"),
    "quality": mark("quality"),
    "statmap": mark("statistical map"),
    "regions": mark("regions"),
    "event": mark("event"),
    "percept": mark("percept"),
    "frame": mark("frame"),
    "frameinfo": mark("facts of a frame"),
    "painting": mark("painting"),
    "beat": mark("sign of life"),
    "feedback": mark("feedback"),
    "view": mark("view"),
    "grant": mark("grant"),
}
"""What is recorded, by the topics of its messages."""
_LISTS = ("consent", "scopes")
_TIMES = ("consent_until", "keep_until")


def event_in_words(what: str) -> str:
    """Return what happened, as people call it; what is not known as it stands in the log."""
    return tr(EVENTS.get(what, what))


def facts_in_words(facts: Mapping[str, str]) -> str:
    """Return the facts of a line of the log, without the run and without what is empty."""
    pairs = [
        tr("{fact} {value}", fact=tr(FACTS.get(name, name)), value=_value(name, value))
        for name, value in facts.items()
        if name != "run" and value
    ]
    return tr(", ").join(pairs)


def _value(name: str, value: str) -> str:
    if name in _TIMES:
        return time_in_words(value)
    if name in _LISTS:
        return " ".join(_word(word) for word in value.split())
    return _word(value)


def _word(value: str) -> str:
    start, _, number = value.partition(" ")
    if start == "level" and number.isdecimal():
        return tr("level {n}", n=number)
    known = VALUES.get(value) or EVENTS.get(value) or MODES.get(value)
    return tr(known) if known else told(value)


def time_in_words(value: str) -> str:
    """Return date and time of day where this machine is."""
    try:
        return f"{datetime.fromisoformat(value).astimezone():%Y-%m-%d %H:%M}"
    except ValueError:
        return value
