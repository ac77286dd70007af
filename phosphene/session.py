"""The session file: what an experimenter sets, validated all at once.

A session is TOML; every table maps to one frozen model here. Unknown keys are errors, and all
problems are reported together, each with its path, the value and what is allowed.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from phosphene.errors import ConfigError
from phosphene.session_consent import ConsentSettings
from phosphene.session_eeg import EegSettings
from phosphene.session_fmri import FmriSettings
from phosphene.session_gate import GateSettings, StopSettings
from phosphene.session_network import NetworkSettings
from phosphene.session_protocol import ProtocolSettings
from phosphene.session_renderer import RendererSettings
from phosphene.session_source import SourceSettings

__all__ = [
    "AcquisitionSettings",
    "ConsentSettings",
    "DecoderSettings",
    "EegSettings",
    "FmriSettings",
    "GateSettings",
    "NetworkSettings",
    "ProtocolSettings",
    "RecorderSettings",
    "RendererSettings",
    "ResultSettings",
    "Session",
    "SourceSettings",
    "StopSettings",
    "anchored",
    "explain",
    "load_session",
]

Seconds = Annotated[float, Field(ge=0)]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AcquisitionSettings(_Settings):
    """Settings of the acquisition node; a bundle's own settings win where it carries some."""

    fmri: FmriSettings = FmriSettings()
    eeg: EegSettings = EegSettings()


class DecoderSettings(_Settings):
    """Settings of the decoder node.

    Parameters
    ----------
    bundle : Path or None
        Fitted decoder of this person; None runs quality control only.
    engine : str
        What computes the graph; ``phosphene doctor`` says which work here. Where the one asked for
        does not, the CPU takes its place and says so.
    precision : str
        ``fp16`` computes large matrices in half precision.
    threads : int
        CPU threads of the inference engine.
    """

    bundle: Path | None = None
    engine: Literal[
        "auto", "cpu", "openvino", "cuda", "tensorrt", "tensorrt-file", "torch", "reference"
    ] = "auto"
    precision: Literal["fp32", "fp16"] = "fp32"
    threads: Annotated[int, Field(ge=1, le=64)] = 1


class RecorderSettings(_Settings):
    """Settings of the recorder; recording is off unless a folder is given.

    Parameters
    ----------
    out : Path or None
        Folder for recording and report.
    brain : bool
        Record brain data and percepts (needs the scope ``record_brain``).
    images : bool
        Record frames too (needs the scope ``record_images``).
    seal : tuple of Path
        Public keys of data stewards; with any, only these can open the recording.
    retention_days : int or None
        Days after which ``phosphene purge`` erases the recording; None: 30 where frames are
        recorded, else never. A shorter time in the consent wins.
    """

    out: Path | None = None
    brain: bool = True
    images: bool = True
    seal: tuple[Path, ...] = ()
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None


class ResultSettings(_Settings):
    """What other programs (PsychoPy, Unity, LabRecorder) get of the results, through LSL.

    Parameters
    ----------
    stream : bool
        Send the results; needs the scope ``stream_results`` too.
    target : str or None
        Category whose probability is the feedback score; None takes the confidence.
    source_id : str or None
        LSL source id of the numbers; that of the texts ends in ``-text``. None makes one that no
        other run has.
    lsl_session : str
        LSL session id in which the results are seen.
    scope : str
        How far they are announced: this ``machine`` or the local network (``link``).
    """

    stream: bool = False
    target: str | None = None
    source_id: Annotated[str, Field(pattern=r"^[\w.:@/-]{1,128}$")] | None = None
    lsl_session: str = "default"
    scope: Literal["machine", "link"] = "machine"


class Session(_Settings):
    """One visit of one person.

    Parameters
    ----------
    person : str
        Pseudonym.
    modality : str
        ``fmri`` or ``eeg``.
    source, acquisition, decoder, renderer, consent, gate, stop, recorder, results
        One table for each part.
    protocol : ProtocolSettings or None
        Blocks and feedback of a neurofeedback run.
    network : NetworkSettings or None
        Other machines that take part; None: nothing listens on a network.
    """

    person: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    modality: Literal["fmri", "eeg"]
    source: SourceSettings
    acquisition: AcquisitionSettings = AcquisitionSettings()
    decoder: DecoderSettings = DecoderSettings()
    renderer: RendererSettings = RendererSettings()
    consent: ConsentSettings = ConsentSettings()
    gate: GateSettings = GateSettings()
    stop: StopSettings = StopSettings()
    recorder: RecorderSettings = RecorderSettings()
    results: ResultSettings = ResultSettings()
    protocol: ProtocolSettings | None = None
    network: NetworkSettings | None = None

    @model_validator(mode="after")
    def _one_mask(self) -> Self:
        if self.acquisition.fmri.mask is not None and self.decoder.bundle is not None:
            raise ValueError(
                "acquisition.fmri.mask is not used beside decoder.bundle, which brings the mask "
                "that its decoder was fitted in; remove one of them"
            )
        return self


def explain(error: ValidationError) -> list[str]:
    """Word every problem of a validation: its path, the value and what is allowed."""
    lines = []
    for e in error.errors():
        path = ".".join(str(part) for part in e["loc"]) or "(whole file)"
        given = "" if isinstance(e["input"], dict) else f": got {e['input']!r}"
        what = (
            "unknown key; remove it or correct its name"
            if e["type"] == "extra_forbidden"
            else (e["msg"])
        )
        lines.append(f"{path}{given}; {what}")
    return lines


def _absolute(value: Any, base: Path) -> Any:
    """Resolve the paths of a validated model against the folder of the session file."""
    if isinstance(value, Path):
        return value if value.is_absolute() else (base / value).resolve()
    if isinstance(value, BaseModel):
        held = {k: getattr(value, k) for k in type(value).model_fields}
        moved = {k: _absolute(v, base) for k, v in held.items()}
        # What the file does not set stays unset: a bundle may have a say in it.
        return value.model_copy(update={k: v for k, v in moved.items() if v is not held[k]})
    if isinstance(value, tuple):
        return tuple(_absolute(v, base) for v in value) if value else value
    if isinstance(value, dict):
        moved = {k: _absolute(v, base) for k, v in value.items()}
        return value if all(moved[k] is value[k] for k in value) else moved
    return value


def anchored(session: Session, folder: Path) -> Session:
    """Return a session whose relative paths count from a folder, that of its file."""
    moved: Session = _absolute(session, folder.resolve())
    return moved


def load_session(path: Path) -> Session:
    """Read and validate a session file; relative paths count from its folder.

    Raises
    ------
    ConfigError
        If it cannot be read or is invalid; lists all problems at once.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        session = anchored(Session.model_validate(raw), path.resolve().parent)
    except OSError as error:
        raise ConfigError(f"session file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"session file {path}: not valid TOML: {error}") from error
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in explain(error))
        raise ConfigError(
            f"session file {path}: {error.error_count()} problem(s)\n{lines}"
        ) from error
    return session
