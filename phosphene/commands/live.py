"""``phosphene live``: a session on a live folder or live LSL streams."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, steward_key
from phosphene.commands.options import add_output_options, gui_arguments, headless
from phosphene.commands.preflight import (
    reduced,
    require_streams,
    source_is_there,
    streams_are_there,
)
from phosphene.consent import LANGUAGES, Consent, load_consent
from phosphene.consent.confirm import Confirmation, confirm_here
from phosphene.consent.signing import require_consent
from phosphene.consent.words import Circumstances
from phosphene.errors import ConsentError
from phosphene.run import RunOptions, run_chain
from phosphene.seal.opening import unlocked
from phosphene.seal.overdue import overdue_words
from phosphene.session import Session, load_session
from phosphene.session_check import require_source, source_findings
from phosphene.session_record import as_started
from phosphene.session_stop import require_stop

__all__ = ["LIVE"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", type=Path, help="session file (TOML)")
    parser.add_argument("--consent", type=Path, help="consent file; overrides the session's")
    parser.add_argument("--confirmed-by", metavar="WHO", help="who has confirmed the consent's "
                        "words at this start; default: it is asked for")  # fmt: skip
    # The console has shown these words; where the files say others by now, nothing starts.
    parser.add_argument("--confirmed-words", metavar="SHA256", help=argparse.SUPPRESS)
    parser.add_argument("--language", choices=LANGUAGES, help="of these words; default: that of "
                        "the consent")  # fmt: skip
    parser.add_argument("--seconds", type=float, help="end after this long")
    parser.add_argument("--lsl-session", default="", help="LSL session id of the "
                        "streams of source_ids; default: default")  # fmt: skip
    parser.add_argument("--check", action="store_true", help="only look whether the source and "
                        "the LSL streams are there that the session names")  # fmt: skip
    parser.add_argument("--wait", type=float, default=10.0, help="seconds to wait for LSL streams")
    parser.add_argument("--without", action="append", default=[], metavar="ID", help="start even "
                        "if this LSL stream is missing; may be given several times")  # fmt: skip
    parser.add_argument("--record", metavar="WHAT", help="of what the session records, this alone: "
                        "brain, pictures, brain,pictures or nothing")  # fmt: skip
    parser.add_argument("--programme", type=Path, help="stimulus programme of a simulated person")
    add_output_options(parser, "; without it, that of the session file")
    add_key_options(parser)


def _confirmed(
    session: Session, consent: Consent | None, arguments: argparse.Namespace
) -> Confirmation | None:
    """Have the consent confirmed; before that, see that it is one that counts here."""
    if consent is None:
        return None
    require_consent(consent, session, "live")
    at, by, language = Circumstances.of(session), arguments.confirmed_by, arguments.language
    given = confirm_here(consent, at, by, lambda: datetime.now(UTC), language)
    if arguments.confirmed_words not in (None, given.words_sha256):
        raise ConsentError(
            "the session is not started: other words were confirmed than those that hold by now; "
            "session or consent were changed meanwhile, so confirm them anew"
        )
    return given


def _run(arguments: argparse.Namespace) -> int:
    read = load_session(arguments.session)
    session = as_started(read, arguments.out, arguments.seal, arguments.record)
    lsl_session = arguments.lsl_session or ("default" if session.source.source_ids else "")
    looked = (arguments.session, lsl_session or "default", arguments.wait, arguments.without)
    bundle = session.decoder.bundle
    # Streams are held against the decoder, too.
    with unlocked([bundle] if bundle else [], steward_key(arguments)):
        if arguments.check:
            return 0 if all([source_is_there(session), streams_are_there(*looked)]) else 1
        return _live(arguments, session, looked)


def _live(
    arguments: argparse.Namespace, session: Session, looked: tuple[Path, str, float, list[str]]
) -> int:
    lsl_session = arguments.lsl_session or ("default" if session.source.source_ids else "")
    require_source(source_findings(session))
    # Before anybody is asked to confirm anything.
    require_stop(session, "live")
    if told := overdue_words(session.recorder.out, datetime.now(UTC)):
        print(told)
    facts = {"started": datetime.now(UTC).isoformat()}
    if session.source.source_ids or arguments.without:
        require_streams(*looked)
        session = reduced(session, arguments.without)
        facts |= {"without": ", ".join(arguments.without)} if arguments.without else {}
    consent_path = arguments.consent or session.gate.consent
    consent = None if consent_path is None else load_consent(consent_path)
    options = RunOptions(
        mode="live",
        headless=headless(arguments),
        gui_arguments=gui_arguments(arguments),
        console_fd=arguments.console_fd,
        consent=consent,
        confirmation=_confirmed(session, consent, arguments),
        programme=arguments.programme.read_text() if arguments.programme else "",
        lsl_session=lsl_session,
        seconds=arguments.seconds,
        unit="volume" if session.modality == "fmri" else "epoch",
        facts=facts,
    )
    outcome = run_chain(session, options)
    return 0 if outcome.status in ("success", "abort") else 1


LIVE = CliCommand("live", "run a live session described by a session file", _configure, _run)
