"""``phosphene demo``: the whole chain on a synthetic participant."""

from __future__ import annotations

import argparse
import tempfile
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from phosphene.bundle import Bundle, Expectation
from phosphene.commands.base import CliCommand
from phosphene.commands.fit import run_module
from phosphene.commands.options import (
    add_output_options,
    add_painting_options,
    gui_arguments,
    headless,
    painting,
    validated,
)
from phosphene.consent import Consent
from phosphene.errors import ConfigError, problem
from phosphene.run import RunOptions, check_out, run_chain
from phosphene.session import RendererSettings, Session
from phosphene.stimuli import Programme, make_programme
from phosphene.supervisor import NodeSpec

__all__ = ["DEMO", "demo_programme"]

TR_S = 1.0
CLIP_S, REST_S, LEAD_IN_S = 6.0, 2.0, 6.0
# Short flashes, one a second, for EEG.
FLASH_S, PAUSE_S, EEG_LEAD_IN_S = 0.5, 0.5, 4.0
# The haemodynamic response to the last clip arrives after the clip has ended.
TAIL_S = 8.0
EEG_SOURCE_ID = "phosphene-simulated-eeg"
# The session shows other clips and other noise than the calibration, to the same person.
SESSION_SEED_STEP = 7919


def demo_programme(seed: int, seconds: float, *, eeg: bool) -> Programme:
    """Make the session's stimulus programme so that it fills about `seconds` seconds."""
    if eeg:
        flashes = max(2, int((seconds - EEG_LEAD_IN_S) // (FLASH_S + PAUSE_S)))
        return make_programme(seed, flashes, FLASH_S, PAUSE_S, EEG_LEAD_IN_S)
    blocks = max(2, int((seconds - LEAD_IN_S - TAIL_S) // (CLIP_S + REST_S)))
    return make_programme(seed, blocks, CLIP_S, REST_S, LEAD_IN_S)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the session")
    parser.add_argument("--seed", type=int, default=0, help="seed of participant, clips and noise")
    parser.add_argument("--eeg", action="store_true", help="32-channel EEG instead of the scanner")
    parser.add_argument(
        "--bundle", type=Path,
        help="decoder of an earlier demo with this seed, which saves calibrating anew",
    )  # fmt: skip
    add_painting_options(parser)
    add_output_options(parser)
    parser.set_defaults(out=Path("out/demo"))


def _calibrated(folder: Path, seed: int, modality: str) -> Path:
    """Fit the synthetic participant's decoder on a simulated calibration run."""
    data, bundle = folder / "calibration.npz", folder / "bundle"
    print(f"calibrating on simulated {modality} runs ...", flush=True)
    run_module(
        "acquisition.simulate",
        ["calibration", "--seed", str(seed), "--modality", modality, "--out", str(data)],
    )
    run_module("decoder.fit", [str(data), "--out", str(bundle)])
    return bundle


def _decoder(arguments: argparse.Namespace, folder: Path) -> Path:
    """Return the synthetic participant's bundle: fitted now, or that of an earlier demo."""
    modality: Literal["fmri", "eeg"] = "eeg" if arguments.eeg else "fmri"
    if arguments.bundle is None:
        return _calibrated(folder, arguments.seed, modality)
    own = Expectation(person=f"pilot-{arguments.seed}", modality=modality)
    # It may lie in the very folder that is set aside when this demo begins to record.
    return Bundle.load(arguments.bundle, own).write(folder / "bundle")


def _source(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    if arguments.eeg:
        return {"kind": "lsl-eeg", "source_ids": [EEG_SOURCE_ID, f"{EEG_SOURCE_ID}-markers"]}
    incoming = folder / "incoming"
    incoming.mkdir()
    return {"kind": "dicom-folder", "path": incoming}


def _hardware(
    arguments: argparse.Namespace, folder: Path, programme: Path, lsl_session: str
) -> NodeSpec:
    """Describe the simulated scanner or amplifier, a process of its own."""
    seed = ["--seed", str(arguments.seed), "--programme", str(programme)]
    if arguments.eeg:
        options = ["eeg", *seed, "--source-id", EEG_SOURCE_ID, "--session", lsl_session]
        return NodeSpec("amplifier", "acquisition.simulate", "tool", tuple(options))
    volumes = str(int(arguments.seconds / TR_S))
    options = ["scanner", *seed, "--to", str(folder / "incoming"), "--tr", str(TR_S)]
    options += ["--volumes", volumes]
    return NodeSpec("scanner", "acquisition.simulate", "tool", tuple(options))


def _session(arguments: argparse.Namespace, folder: Path, person: str, bundle: Path) -> Session:
    return validated(
        Session,
        {
            "person": person,
            "modality": "eeg" if arguments.eeg else "fmri",
            "source": _source(arguments, folder),
            "acquisition": {"fmri": {"tr_s": TR_S}},
            "decoder": {"bundle": bundle},
            "renderer": painting(arguments),
            # Nobody's brain is behind it: the picture may be seen as it was painted.
            "gate": {"level_operator": 4},
            "recorder": {
                "out": arguments.out.resolve(),
                "seal": [path.resolve() for path in arguments.seal],
            },
        },
    )


def _keep(out: Path, bundle: Path, consent: Consent | None) -> None:
    """Lay the synthetic person's bundle and consent beside the recording, to replay it with."""
    if consent is None or not out.is_dir():
        return
    Bundle.load(bundle).write(out / "bundle")
    scopes = ", ".join(f'"{scope.value}"' for scope in sorted(consent.scopes))
    (out / "consent.toml").write_text(
        f'person = "{consent.person}"\nscopes = [{scopes}]\n'
        f'expires = "{consent.expires.isoformat()}"\n',
        encoding="utf-8",
    )


def _run(arguments: argparse.Namespace) -> int:
    if arguments.seconds < 30:
        raise ConfigError(
            problem("--seconds", arguments.seconds, "30 or more", "Shorter runs show nothing yet.")
        )
    # What is wrong with the options is told before half a minute of calibration.
    validated(RendererSettings, painting(arguments))
    check_out(arguments.out.resolve().parent)
    with tempfile.TemporaryDirectory(prefix="phosphene-demo-") as name:
        folder = Path(name)
        bundle = _decoder(arguments, folder)
        person = Bundle.load(bundle).manifest.person
        programme = demo_programme(
            arguments.seed + SESSION_SEED_STEP, arguments.seconds, eeg=arguments.eeg
        )
        programme_file = folder / "programme.json"
        programme_file.write_bytes(msgspec.json.encode(programme))
        lsl_session = f"phosphene-{uuid.uuid4().hex[:10]}"
        session = _session(arguments, folder, person, bundle)
        options = RunOptions(
            mode="pilot",
            headless=headless(arguments),
            gui_arguments=gui_arguments(arguments),
            console_fd=arguments.console_fd,
            consent=Consent.for_synthetic(person, datetime.now(UTC)),
            tools=(_hardware(arguments, folder, programme_file, lsl_session),),
            programme=programme_file.read_text(encoding="utf-8"),
            lsl_session=lsl_session,
            expected=None if arguments.eeg else int(arguments.seconds / TR_S),
            unit="epoch" if arguments.eeg else "volume",
            facts={
                "started": datetime.now(UTC).isoformat(),
                "seed": str(arguments.seed),
                "split": "calibration and session are of the same synthetic person, with other "
                "clips and other noise; everything shown in the session counts",
            },
        )
        outcome = run_chain(session, options)
        _keep(arguments.out, bundle, options.consent)
    if (film := arguments.out / "preview.mp4").exists():
        print(f"see also {film}")
    return 0 if outcome.status == "success" else 1


DEMO = CliCommand("demo", "run the chain on a synthetic participant", _configure, _run)
