"""``phosphene consent``: make, sign, show, check and withdraw a person's consent."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from phosphene.commands.base import CliCommand
from phosphene.consent import (
    LANGUAGES,
    Consent,
    Scope,
    load_consent,
    read_consent,
    why_not,
    write_consent,
)
from phosphene.errors import ConfigError, ConsentError, check_all, problem

if TYPE_CHECKING:
    from phosphene.consent.words import Circumstances

__all__ = ["CONSENT"]


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    kinds: tuple[tuple[str, str, Callable[[argparse.Namespace], int]], ...] = (
        ("new", "write a consent file", _new),
        ("sign", "show the words of a consent and sign it", _sign),
        ("show", "tell what a consent allows", _show),
        ("check", "check signature, person, visit, study and end", _check),
        ("withdraw", "take a consent back, on this machine and in a running session", _withdraw),
    )
    for name, summary, run in kinds:
        sub = actions.add_parser(name, help=summary, description=summary)
        sub.add_argument("file", type=Path, help="consent file (.toml or .json)")
        _OPTIONS[name](sub)
        sub.set_defaults(run_action=run)


def _options_new(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", required=True, help="pseudonym")
    parser.add_argument("--visit", help="identifier of the session; needed to sign")
    parser.add_argument("--study", default="", help="identifier of the study")
    parser.add_argument("--scope", action="append", default=[], dest="scopes",
                        choices=[s.value for s in Scope], help="what is allowed; may be "
                        "repeated; none: nothing")  # fmt: skip
    parser.add_argument("--expires", required=True, metavar="DATE", help="last day, YYYY-MM-DD")
    parser.add_argument("--sealed", action="store_true", help="recordings only sealed")
    parser.add_argument("--retention-days", type=int, help="longest time of keeping recordings")
    parser.add_argument("--language", choices=LANGUAGES, default="en", help="of the person")
    parser.add_argument("--contact", default="", help="whom the person can ask, and where")
    parser.add_argument("--replace", action="store_true", help="replace what is there")


def _options_sign(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", type=Path, required=True, metavar="FILE",
                        help="private key made with: phosphene keys new --signing")  # fmt: skip
    parser.add_argument("--as", dest="role", choices=("participant", "steward"), required=True,
                        help="as what it is signed")  # fmt: skip
    parser.add_argument("--passphrase-fd", type=int, metavar="N", help="file descriptor that its "
                        "passphrase is read from; default: PHOSPHENE_PASSPHRASE, else it is "
                        "asked for")  # fmt: skip
    _options_start(parser)


def _options_start(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--session", type=Path, help="session file: who sees what at which level")
    parser.add_argument("--out", type=Path, help="as phosphene live is given it")
    parser.add_argument("--seal", type=Path, action="append", default=[], metavar="PUB",
                        help="likewise")  # fmt: skip
    parser.add_argument("--record", metavar="WHAT", help="likewise")


def _options_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--words", action="store_true", help="in plain words, for the person")
    parser.add_argument("--language", choices=LANGUAGES, help="of the words; default: the file's")
    _options_start(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the words as a page")


def _options_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--trust", type=Path, action="append", default=[], metavar="PUB",
                        help="public key that may sign; may be repeated")  # fmt: skip
    parser.add_argument("--session", type=Path, help="session file: person, visit, study and "
                        "trusted keys are taken from it")  # fmt: skip


def _options_withdraw(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", default="participant", help="who says so")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="folder of a running session "
                        "that is to stop decoding at once")  # fmt: skip


_OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "new": _options_new,
    "sign": _options_sign,
    "show": _options_show,
    "check": _options_check,
    "withdraw": _options_withdraw,
}


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run_action
    return run(arguments)


def _new(arguments: argparse.Namespace) -> int:
    names = ("person", "visit", "study", "scopes", "expires", "sealed", "retention_days",
             "language", "contact")  # fmt: skip
    try:
        consent = Consent.model_validate({n: getattr(arguments, n) for n in names})
    except (ValidationError, ValueError) as error:
        raise ConfigError(f"options: {error}") from error
    write_consent(arguments.file, consent, replace=arguments.replace)
    print(f"{arguments.file}: not signed yet; consent {consent.id}")
    return 0


def _sign(arguments: argparse.Namespace) -> int:
    from phosphene.consent.signing import sign
    from phosphene.consent.words import signed_words, summary
    from phosphene.seal.keys import SigningKey
    from phosphene.seal.passphrase import passphrase
    from phosphene.seal.places import note

    consent = load_consent(arguments.file)
    print(summary(consent, _circumstances(arguments, consent)).text)
    key = SigningKey.load(arguments.key, passphrase(arguments.key.name, arguments.passphrase_fd))
    signed = sign(consent, key, arguments.role, datetime.now(UTC))
    write_consent(arguments.file, signed, replace=True)
    print(signed_words(signed))
    untold = note("consent signed", consent=signed.id, person=signed.person, role=arguments.role)
    print(untold or f"in the audit log as consent {signed.id}")
    return 0


def _circumstances(arguments: argparse.Namespace, consent: Consent) -> Circumstances | None:
    """Return what a start with these options adds; of what it leaves open, what may be at most."""
    from phosphene.consent.words import Circumstances
    from phosphene.session import load_session
    from phosphene.session_record import NOTHING, as_started
    from phosphene.session_seal import pictures_lie_open

    given = (arguments.out, arguments.seal, arguments.record)
    if arguments.session is None:
        if any(given):
            cure = "Name the session file that phosphene live is given."
            wanted = "a session file, with --out, --seal or --record"
            raise ConfigError(problem("--session", None, wanted, cure))
        return None
    session = as_started(load_session(arguments.session), *given)
    at = Circumstances.of(session)
    if session.recorder.out is None and arguments.record != NOTHING:
        # The start may name a folder: it would be a promise that nothing is kept.
        return replace(at, records=True, settled=False)
    # A live session is not started until these pictures are sealed to somebody.
    return replace(at, settled=not pictures_lie_open(session, consent, "live"))


def _show(arguments: argparse.Namespace) -> int:
    from phosphene.consent.withdrawal import withdrawal_of
    from phosphene.consent.words import signed_words, summary

    consent = read_consent(arguments.file)
    words = summary(consent, _circumstances(arguments, consent), arguments.language)
    if arguments.html is not None:
        try:
            arguments.html.write_text(words.html, encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"{arguments.html}: cannot be written ({error.strerror})") from error
    withdrawal = withdrawal_of(consent)
    if arguments.words:
        print(words.text)
    else:
        for name, value in consent.model_dump(mode="json", exclude={"signature"}).items():
            told = " ".join(sorted(value)) if name == "scopes" else value
            print(f"{name:<15} {told}")
        print(f"{'consent':<15} {consent.id}")
    print(signed_words(consent, arguments.language))
    if withdrawal is not None:
        print(withdrawal.words)
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from phosphene.consent.signing import signature_problems, visit_problems
    from phosphene.consent.words import signed_words
    from phosphene.seal.keys import load_signer
    from phosphene.session import load_session

    consent = load_consent(arguments.file)
    session = None if arguments.session is None else load_session(arguments.session)
    trusted = [*arguments.trust, *(session.consent.trusted_keys if session else ())]
    if not trusted:
        cure = "Give --trust FILE, or --session FILE with trusted_keys in [consent]."
        raise ConfigError(problem("--trust", "none", "public keys of those who may sign", cure))
    found = signature_problems(consent, [load_signer(path) for path in trusted])
    person = consent.person if session is None else session.person
    scope = min(consent.scopes, default=Scope.VIEW_SELF)
    if denied := why_not(consent, scope, person, datetime.now(UTC)):
        found.append(denied)
    if session is not None:
        found += visit_problems(consent, session)
    check_all(found, ConsentError, f"consent file {arguments.file}")
    print(f"{arguments.file}: valid. {signed_words(consent)}")
    return 0


def _withdraw(arguments: argparse.Namespace) -> int:
    from phosphene.consent.withdrawal import withdraw, withdraw_running

    if arguments.run is not None:
        # The running session first: that is what cannot wait.
        withdraw_running(arguments.run, arguments.by)
        print("the running session stops decoding and goes dark")
    made = withdraw(read_consent(arguments.file), arguments.by, datetime.now(UTC))
    print(f"{arguments.file}: {made.words}; no copy of it can be used on this machine any more")
    print("what was recorded is still there: phosphene purge FOLDER --now")
    return 0


CONSENT = CliCommand("consent", "make, sign, show, check or withdraw a consent", _configure, _run)
