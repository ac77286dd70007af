"""Consent files: found, read, written."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from phosphene.consent.record import Consent
from phosphene.errors import ConsentError

__all__ = ["NAMES_BESIDE", "as_toml", "consent_beside", "load_consent", "read_consent",
           "write_consent"]  # fmt: skip

NAMES_BESIDE = ("consent.toml", "consent.json")


def load_consent(path: Path) -> Consent:
    """Read and validate a consent file that is to be used.

    Raises
    ------
    ConsentError
        If the file is missing, unreadable or invalid (names the file and every problem), or the
        consent was withdrawn.
    """
    from phosphene.consent.withdrawal import withdrawal_of  # which imports the audit log's place

    consent = read_consent(path)
    withdrawal = withdrawal_of(consent)
    if withdrawal is not None:
        raise ConsentError(f"consent file {path}: {withdrawal.words}; nothing may be done with it")
    return consent


def read_consent(path: Path) -> Consent:
    """Read and validate a consent file, withdrawn or not.

    Raises
    ------
    ConsentError
        If the file is missing, unreadable or invalid; names the file and every problem.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return Consent.model_validate(raw)
    except OSError as error:
        raise ConsentError(f"consent file {path}: {error.strerror}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConsentError(f"consent file {path}: not readable: {error}") from error
    except ValidationError as error:
        lines = [f"  - {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConsentError("\n".join([f"consent file {path}:", *lines])) from error


def write_consent(path: Path, consent: Consent, *, replace: bool = False) -> None:
    """Write a consent file, for its owner only; a reader sees all of it or nothing.

    Raises
    ------
    ConsentError
        If there is a file already and `replace` is False, or it cannot be written.
    """
    if path.exists() and not replace:
        raise ConsentError(f"consent file {path}: exists already and is not overwritten")
    text = _as_json(consent) if path.suffix == ".json" else as_toml(consent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConsentError(f"consent file {path}: cannot be written ({error.strerror})") from error


def as_toml(consent: Consent) -> str:
    """Return a consent as TOML."""
    said = consent.model_dump(mode="json", exclude_none=True)
    signature = said.pop("signature", None)
    said["scopes"] = sorted(said["scopes"])
    lines = ["# What one person allows, until when. What is not listed is not allowed."]
    lines += [f"{name} = {_toml(value)}" for name, value in said.items()]
    if signature is not None:
        lines += ["", "[signature]  # of all above: whatever is changed there makes it invalid"]
        lines += [f"{name} = {_toml(value)}" for name, value in signature.items()]
    return "\n".join(lines) + "\n"


def _as_json(consent: Consent) -> str:
    said = consent.model_dump(mode="json", exclude_none=True)
    said["scopes"] = sorted(said["scopes"])
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"


def _toml(value: object) -> str:
    # JSON's strings, numbers, booleans and lists are TOML's, but for one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def consent_beside(recording: Path) -> Path | None:
    """Return the consent file that lies in or beside a recording, if there is one."""
    folder = recording if recording.is_dir() else recording.parent
    candidates = [folder / name for name in NAMES_BESIDE]
    candidates += [recording.with_suffix(s) for s in (".consent.toml", ".consent.json")]
    return next((p for p in candidates if p.is_file()), None)
