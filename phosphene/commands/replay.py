"""``phosphene replay``: the same chain on a recorded session."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mcap.writer import MCAP0_MAGIC

from phosphene.bundle import Bundle, sha256_hex
from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, unlocking
from phosphene.commands.options import (
    add_output_options,
    add_painting_options,
    gui_arguments,
    headless,
    painting,
    pairs,
    table,
    validated,
)
from phosphene.consent import Consent, consent_beside, load_consent
from phosphene.consent.withdrawal import refuse_withdrawn
from phosphene.errors import ConfigError, InputError, problem
from phosphene.identity import new_key, public_name
from phosphene.messages import RunStart
from phosphene.recorder.names import recordings_in
from phosphene.recorder.reader import parts_of, start_of
from phosphene.run import RunOptions, run_chain
from phosphene.seal.opening import is_sealed
from phosphene.session import FmriSettings, GateSettings, Session

__all__ = ["REPLAY", "modality_of", "own_start", "person_of", "speed_of", "split_of",
           "visit_of"]  # fmt: skip


def speed_of(text: str) -> float | None:
    """Read ``1``, ``N`` or ``max``.

    Returns
    -------
    float or None
        Pace; None for ``max``.

    Raises
    ------
    ConfigError
        For anything else.
    """
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise ConfigError(problem("--speed", text, "a number above 0, or max", "Try --speed 1."))
    return speed


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="file or folder of the recording")
    parser.add_argument("--speed", default="1", help="1 real time, N times faster, or max")
    parser.add_argument("--bundle", type=Path, help="fitted decoder; none: quality control only")
    parser.add_argument("--run", help="which run, where the recording holds several")
    parser.add_argument("--consent", type=Path, help="consent file; default: one beside it")
    parser.add_argument("--trust", type=Path, action="append", default=[], metavar="PUB",
                        help="public key that must have signed the consent; may be "
                        "repeated")  # fmt: skip
    parser.add_argument(
        "--operator-level", type=int, choices=range(5), default=GateSettings().level_operator,
        help="abstraction of the operator's view: 4 full, 3 at most 32x32, 2 8x8, 1 one colour, "
        "0 blank (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--person", help="pseudonym; default: that of bundle or consent")
    parser.add_argument("--labels", default="", help="rename markers, for instance 1=house,2=face")
    parser.add_argument("--events", type=Path, help="BIDS events.tsv; default: one beside it")
    parser.add_argument("--roi", action="append", default=[], help="NAME=MASK.nii, may be repeated")
    parser.add_argument("--roi-reference", type=Path, help="picture that the regions lie on")
    parser.add_argument(
        "--registration", choices=("rigid", "affine"), default="rigid",
        help="how that picture is laid on the run: same head, or another such as a template",
    )  # fmt: skip
    parser.add_argument("--smooth-mm", type=float, default=0.0, help="smoothing of volumes, mm")
    parser.add_argument(
        "--slice-timing", choices=("off", "linear", "cubic"), default="off",
        help="put each slice to the moment of the first",
    )  # fmt: skip
    parser.add_argument("--acquisition", type=table, default={}, metavar="JSON", help="settings "
                        "of the cleaning, as in a session's table [acquisition]: JSON or its file, "
                        "for instance '{\"eeg\": {\"notch_hz\": 60}}'")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="seed of the renderer's noise")
    add_painting_options(parser)
    add_output_options(parser, "; without it, nothing is recorded")
    add_key_options(parser)


def _consent(arguments: argparse.Namespace) -> Consent | None:
    path = arguments.consent or consent_beside(arguments.recording)
    return None if path is None else load_consent(path)


def own_start(recording: Path, run: str | None) -> RunStart | None:
    """Return the start document of a recording of our own; None for all others."""
    if recording.is_file():
        with recording.open("rb") as file:
            own = file.read(len(MCAP0_MAGIC)) == MCAP0_MAGIC or is_sealed(recording)
    else:
        own = bool(recordings_in(recording))
    return start_of(parts_of(recording, run)[0]) if own else None


def person_of(
    asked: str | None, own: RunStart | None, bundle: Bundle | None, consent: Consent | None
) -> str:
    """Tell whose brain data is replayed; a recording of our own knows that itself.

    Parameters
    ----------
    asked : str or None
        What the command line says.
    own : RunStart or None
        Start document of a recording of our own.
    bundle, consent
        Of this replay; they only name the person where nothing else does.

    Raises
    ------
    ConfigError
        If the recording is of somebody else than the command line says: a consent covers the
        person who gave it, not whoever is named.
    """
    if own is not None:
        if asked not in (None, own.person):
            raise ConfigError(problem("--person", asked, own.person, "It is in the recording."))
        return own.person
    named = bundle.manifest.person if bundle else consent.person if consent else "unknown"
    return asked or named


def visit_of(own: RunStart | None, consent: Consent | None) -> str | None:
    """Tell of which visit a recording is; one of our own knows, for others the consent counts."""
    if own is not None and "visit" in own.facts:
        return own.facts["visit"] or None
    return consent.visit if consent is not None else None


def modality_of(
    recording: Path, own: RunStart | None, bundle: Bundle | None
) -> Literal["fmri", "eeg"]:
    """Tell the modality from the recording itself, the bundle, or the recording's name."""
    if own is not None:
        return own.modality
    if bundle is not None:
        return bundle.manifest.modality
    eeg = {".xdf", ".csv", ".edf", ".bdf", ".vhdr", ".set", ".fif"}
    return "eeg" if recording.suffix.lower() in eeg else "fmri"


def split_of(bundle: Bundle, recording: Path, run: str | None) -> str:
    """Say whether a replayed run was held out of the bundle's training data.

    Parameters
    ----------
    bundle : Bundle
        The fitted decoder, which names its training runs and the hashes of their files.
    recording : Path
        What is replayed.
    run : str or None
        Which run of it.
    """
    training = bundle.manifest.training
    runs = ", ".join(training.groups)
    if run is not None:
        if run in training.groups:
            return f"NOT held out: run {run} is among the runs that the bundle was fitted on"
        return f"run {run} held out; the bundle was fitted on runs {runs}"
    if recording.is_file():
        if sha256_hex(recording.read_bytes()) in training.data_sha256:
            return "NOT held out: the bundle was fitted on this very file"
        return f"file held out; the bundle was fitted on {len(training.groups)} other run(s)"
    return f"a recording that the bundle does not name; it was fitted on runs {runs}"


def _facts(arguments: argparse.Namespace, bundle: Bundle | None) -> dict[str, str]:
    facts = {
        "started": datetime.now(UTC).isoformat(),
        # whoever made the recording may have named it after the person
        "recording": public_name(arguments.recording.name, new_key()),
    }
    if bundle is not None:
        facts["split"] = split_of(bundle, arguments.recording, arguments.run)
    return facts


def _run(arguments: argparse.Namespace) -> int:
    if not arguments.recording.exists():
        raise InputError(f"recording {arguments.recording}: does not exist")
    _stay_sealed(arguments)
    with unlocking(arguments, arguments.recording, arguments.bundle):
        return _replay(arguments)


def _stay_sealed(arguments: argparse.Namespace) -> None:
    """Refuse to put what was sealed on the disk again without a seal.

    Raises
    ------
    ConfigError
        If the replay of a sealed recording would be recorded openly.
    """
    where: Path = arguments.recording
    files = [where] if where.is_file() else recordings_in(where)
    if arguments.out is not None and not arguments.seal and any(map(is_sealed, files)):
        allowed = "a data steward's public key, where a sealed recording is replayed with --out"
        cure = "Seal the new recording, or leave --out away."
        raise ConfigError(problem("--seal", "none", allowed, cure))


def _replay(arguments: argparse.Namespace) -> int:
    bundle = None if arguments.bundle is None else Bundle.load(arguments.bundle)
    consent = _consent(arguments)
    own = own_start(arguments.recording, arguments.run)
    if own is not None and consent is not None:
        refuse_withdrawn(own.facts)
    session = validated(
        Session,
        {
            "person": person_of(arguments.person, own, bundle, consent),
            "modality": modality_of(arguments.recording, own, bundle),
            "source": {
                "kind": "recording",
                "path": arguments.recording.resolve(),
                "run": arguments.run,
                "events": arguments.events and arguments.events.resolve(),
                "labels": pairs("--labels", arguments.labels),
            },
            "acquisition": _acquisition(arguments),
            "decoder": {"bundle": arguments.bundle and arguments.bundle.resolve()},
            "renderer": painting(arguments),
            "gate": {"level_operator": arguments.operator_level},
            "consent": {
                "visit": visit_of(own, consent),
                "trusted_keys": [path.resolve() for path in arguments.trust],
            },
            "recorder": {
                "out": arguments.out and arguments.out.resolve(),
                "seal": [path.resolve() for path in arguments.seal],
            },
        },
    )
    options = RunOptions(
        mode="replay",
        speed=speed_of(arguments.speed),
        headless=headless(arguments),
        gui_arguments=gui_arguments(arguments),
        console_fd=arguments.console_fd,
        consent=consent,
        unit="volume" if session.modality == "fmri" else "epoch",
        facts=_facts(arguments, bundle),
    )
    outcome = run_chain(session, options)
    if outcome.status == "fail":
        # names of files are kept out of all that is recorded, and so of what was told till now
        print(f"recording: {arguments.recording}")
    return 0 if outcome.status == "success" else 1


def _acquisition(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of the cleaning; options of their own stand above the table."""
    given = arguments.acquisition
    usual, table_of_fmri = FmriSettings(), given.get("fmri", {})
    if not isinstance(table_of_fmri, dict):
        return dict(given)  # which says what is wrong with it
    options = {k: v for k, v in _fmri(arguments).items() if v != getattr(usual, k)}
    return {**given, "fmri": {**table_of_fmri, **options}}


def _fmri(arguments: argparse.Namespace) -> dict[str, Any]:
    reference = arguments.roi_reference
    return {
        "rois": _rois(arguments.roi),
        "rois_reference": reference and reference.resolve(),
        "registration": arguments.registration,
        "smooth_mm": arguments.smooth_mm,
        "slice_timing": arguments.slice_timing,
    }


def _rois(items: list[str]) -> dict[str, Path]:
    return {k: Path(v).resolve() for item in items for k, v in pairs("--roi", item).items()}


REPLAY = CliCommand("replay", "replay a recording through the whole chain", _configure, _run)
