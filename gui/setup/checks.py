"""The checks before a run: each is a function of the run and of probes. No Qt.

A check gives level, words and what to do; None where this kind of run does not have it.
"""

from __future__ import annotations

from pathlib import Path

from gui.screens import why_unfit
from gui.setup.subject import Found, Level, Probes, Subject, worst
from gui.texts import told, tr
from phosphene.consent.confirm import why_unconfirmed
from phosphene.consent.words import Circumstances
from phosphene.doctor import Finding
from phosphene.errors import PhospheneError
from phosphene.session_stop import missing_stop

__all__ = [
    "bundle", "clock", "confirmed", "consent", "content", "disk", "engine", "folder", "screen",
    "seal", "source", "stop", "streams", "study", "swap",
]  # fmt: skip

GIB = 2**30
LOW_DISK, FLOOR_DISK = 5 * GIB, GIB


def study(at: Subject, probes: Probes) -> Found | None:
    """Look whether all settings are valid and saved."""
    if at.problems:
        return (
            "error",
            tr("settings to correct: {n}", n=at.problems),
            tr("they are marked in the form"),
        )
    if at.mode == "live" and at.file is None:
        return "error", tr("no study file"), tr("open one, or save this one under a name")
    if at.mode == "live" and not at.saved:
        return "error", tr("changes are not saved"), tr("save the study file")
    return "ok", tr("all are valid"), ""


def source(at: Subject, probes: Probes) -> Found | None:
    """Look whether that is there which the data come from."""
    if at.mode == "pilot":
        return "ok", tr("a synthetic participant"), ""
    if at.mode == "replay":
        if at.recording is None:
            return "error", tr("no recording"), tr("choose one")
        if why := probes.why_not_readable(at.recording):
            return "error", f"{at.recording}: {told(why)}", tr("choose another one")
        return "ok", tr("{file}: there and readable", file=at.recording), ""
    if at.session is None:
        return None
    findings = probes.source(at.session)
    return worst(findings) if findings else ("ok", at.session.source.kind, "")


def streams(at: Subject, probes: Probes) -> Found | None:
    """Look whether every stream answers that the session names, by its exact source id."""
    if at.mode != "live" or at.session is None or not at.session.source.source_ids:
        return None
    findings = probes.streams(at)
    if findings is None:
        return "waiting", tr("looking for {ids}", ids=", ".join(at.session.source.source_ids)), ""
    if not findings:
        return "error", tr("the streams could not be looked for"), tr("run phosphene doctor")
    return worst(findings)


def bundle(at: Subject, probes: Probes) -> Found | None:
    """Look whether the decoder belongs to this person, mask and target space."""
    if at.bundle is None:
        if at.mode == "pilot":
            return "ok", tr("is calibrated at the start"), ""
        return (
            "warning",
            tr("none: quality control only, nothing is decoded"),
            tr("set decoder.bundle, or calibrate"),
        )
    if sealed := probes.locked(at):
        return worst([sealed])
    found = probes.bundle(at)
    if found is None:
        return "error", tr("{file}: there is none", file=at.bundle), tr("choose another one")
    held = found.manifest
    place = held.mask_hash[:8] if held.mask_hash else tr("none")
    words = tr(
        "of {person}, {modality}, {n} features, mask {mask}, {window} per percept",
        person=held.person, modality=held.modality, n=held.features, mask=place,
        window=held.window.length,
    )  # fmt: skip
    grid = probes.grid(found, _volumes_of(at))
    if grid is None:
        return "ok", words, ""
    return grid.level, f"{words}; {told(grid.text)}", told(grid.fix) if grid.fix else ""


def _volumes_of(at: Subject) -> Path | None:
    """Return where volumes of the run lie already: a recording, or the folder of a scanner."""
    if at.mode == "replay":
        return at.recording
    return None if at.session is None else at.session.source.path


def engine(at: Subject, probes: Probes) -> Found | None:
    """Look whether this machine runs what computes and what paints."""
    findings = list(probes.renderer(at.renderer))
    if at.session is not None and at.bundle is not None:
        name = at.session.decoder.engine
        if why := probes.engine(name):
            text = f'decoder.engine "{name}": {why}; the CPU would decode'
            findings.append(Finding("warning", text, 'set decoder.engine = "auto"'))
    return worst(findings) if findings else ("ok", at.renderer.engine, "")


def folder(at: Subject, probes: Probes) -> Found | None:
    """Look whether the folder of the recording can be written."""
    if at.out is None:
        cure = tr("to record, name a folder and switch it on")
        if at.mode != "live":
            cure = tr("to record, set a folder")
        return "hint", tr("off: nothing is recorded"), cure
    if why := probes.why_not_writable(at.out):
        return "error", f"{at.out}: {told(why)}", tr("choose another folder")
    return "ok", tr("on: into {folder}", folder=at.out), ""


def disk(at: Subject, probes: Probes) -> Found | None:
    """Look whether there is room for what is recorded."""
    if at.out is None:
        return None
    free = probes.free_bytes(at.out)
    words = tr("{n} GiB free", n=f"{free / GIB:.1f}")
    if free < FLOOR_DISK:
        return "error", words, tr("free some space, or choose another folder")
    if free < LOW_DISK:
        return "warning", words, tr("free some space before a long run")
    return "ok", words, ""


def clock(at: Subject, probes: Probes) -> Found | None:
    """Look whether the clock can be believed: consents expire and recordings go by it."""
    now = probes.now()
    words = f"{now.astimezone():%Y-%m-%d %H:%M}"
    if why := probes.clock_trouble(now):
        return "warning", told(why), tr("look at the date of this machine")
    if probes.synchronised() is False:
        return (
            "warning",
            tr("{time}, follows no time server", time=words),
            tr("look whether it is right"),
        )
    return "ok", words, ""


def screen(at: Subject, probes: Probes) -> Found | None:
    """Look for the participant's screen: not the operator's, and its test card is seen."""
    if not at.screen:
        return "hint", tr("no window for the participant"), tr("to show one, choose a screen")
    if why := why_unfit(at.screen, at.screen, at.screens, at.operator or None):
        return (
            "error",
            tr("{screen}: {why}", screen=at.screen, why=why),
            tr("choose another screen"),
        )
    if at.card_seen != at.screen:
        level: Level = "error" if at.mode == "live" else "warning"
        return level, at.screen, tr("show the test card, and say when it is seen")
    return "ok", tr("{screen}: the test card is seen", screen=at.screen), ""


def consent(at: Subject, probes: Probes) -> Found | None:
    """Look for a consent that holds, of this person, for this visit, signed where it has to be."""
    if at.mode == "pilot":
        return "ok", tr("a synthetic participant allows everything"), ""
    held = probes.consent(at)
    if held is None:
        return (
            "warning",
            tr("none: nothing is decoded or shown"),
            tr("set gate.consent") if at.mode == "live" else tr("choose the consent file"),
        )
    person = at.session.person if at.session is not None else held.person
    if held.person != person:
        return (
            "error",
            tr("is of {whose}, the session is of {person}", whose=held.person, person=person),
            tr("choose the consent of this person"),
        )
    if probes.now() >= held.expires:
        return (
            "error",
            tr("has expired on {date}", date=f"{held.expires:%Y-%m-%d}"),
            tr("ask the person anew"),
        )
    scopes = ", ".join(sorted(held.scopes)) or tr("nothing")
    return "ok", tr("of {person}: {scopes}", person=held.person, scopes=scopes), ""


def confirmed(at: Subject, probes: Probes) -> Found | None:
    """Look whether the words of the consent were confirmed just now."""
    if at.mode != "live" or at.session is None or at.consent is None:
        return None
    try:
        held = probes.consent(at)
    except PhospheneError:
        return "waiting", tr("no consent that could be confirmed"), ""
    at_now = Circumstances.of(at.session)
    if why := why_unconfirmed(held, at_now, at.confirmation, probes.now()):
        return "error", told(why), tr("read it with the person on the page Consent")
    by = "" if at.confirmation is None else at.confirmation.by
    return "ok", tr("by {who}", who=by), ""


def seal(at: Subject, probes: Probes) -> Found | None:
    """Look whether recording and decoder are for the data steward's eyes only."""
    if at.mode != "live" or at.session is None:
        return None
    try:
        held = probes.consent(at)
    except PhospheneError:
        held = None  # told beside the consent; without one nothing of the person is recorded
    findings = probes.seal(at.session, held)
    return worst(findings) if findings else None


def content(at: Subject, probes: Probes) -> Found | None:
    """Look at the content filter; a live run without one is worth knowing of, no more."""
    if at.mode != "live" or at.session is None or at.bundle is None:
        return None
    return worst([probes.filter(at.session.gate.filter)])


def swap(at: Subject, probes: Probes) -> Found | None:
    """Look whether what lies in memory can reach the disk."""
    return worst([probes.swap()]) if at.mode == "live" else None


def stop(at: Subject, probes: Probes) -> Found | None:
    """Look whether the participant's stop was pressed once."""
    if at.mode != "live" or at.session is None:
        return None
    settings = at.session.stop
    if (missing := missing_stop(at.session)) is not None:
        return worst([missing])
    if settings.keyboard is None and settings.serial is None:
        return (
            "hint",
            tr("the key of the participant's window"),
            tr("is pressed once after the start, before anything is decoded"),
        )
    presses = probes.presses(settings)
    if not presses:
        return "error", tr("not pressed yet"), tr("ask the participant to press it once")
    return "ok", tr("pressed: {n}", n=presses), ""
