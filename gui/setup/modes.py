"""What a run is started with: settings of replays and pilots, and the command line. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from phosphene.consent.confirm import Confirmation
from phosphene.session import RendererSettings

__all__ = ["PilotChoice", "ReplayChoice", "live_arguments"]


class ReplayChoice(BaseModel):
    """A recorded session through the same chain.

    Parameters
    ----------
    recording : Path
        File or folder of the recording.
    run : str or None
        Which run, where it holds several.
    speed : str
        Real time, times faster, or as fast as the machine can, losing nothing.
    bundle : Path or None
        Fitted decoder; without one quality control only.
    consent : Path or None
        Consent file, where none lies beside the recording.
    out : Path or None
        Folder to record to; without one nothing is recorded.
    seal : tuple of Path
        Public keys of data stewards, who alone can open what is recorded.
    model : str
        What paints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recording: Path
    run: str | None = None
    speed: Literal["1", "2", "5", "10", "max"] = "1"
    bundle: Path | None = None
    consent: Path | None = None
    out: Path | None = None
    seal: tuple[Path, ...] = ()
    model: Literal["world-256", "world-64"] = "world-256"

    @property
    def renderer(self) -> RendererSettings:
        """What paints."""
        return RendererSettings(model=self.model)

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        found = ["replay", str(self.recording), "--speed", self.speed]
        for name in ("run", "bundle", "consent", "out"):
            value = getattr(self, name)
            found += [] if value is None else [f"--{name}", str(value)]
        return found + _painted_and_sealed(self.model, self.seal)


class PilotChoice(BaseModel):
    """A synthetic participant: nobody is measured, and every picture is of made-up data.

    Parameters
    ----------
    modality : str
        A simulated scanner or a simulated cap.
    seconds : float
        Length of the session.
    seed : int
        Seed of participant, clips and noise.
    bundle : Path or None
        Decoder of an earlier pilot with this seed, which saves calibrating anew.
    out : Path
        Folder to record to.
    seal : tuple of Path
        Public keys of data stewards, who alone can open what is recorded.
    model : str
        What paints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    modality: Literal["fmri", "eeg"] = "fmri"
    seconds: Annotated[float, Field(ge=30, le=7200)] = 60.0
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    bundle: Path | None = None
    out: Path = Path("out/demo")
    seal: tuple[Path, ...] = ()
    model: Literal["world-256", "world-64"] = "world-256"

    @property
    def renderer(self) -> RendererSettings:
        """What paints."""
        return RendererSettings(model=self.model)

    @property
    def arguments(self) -> list[str]:
        """The command line."""
        found = ["demo", "--seconds", f"{self.seconds:g}", "--seed", str(self.seed)]
        found += ["--eeg"] if self.modality == "eeg" else []
        found += ["--bundle", str(self.bundle)] if self.bundle is not None else []
        found += ["--out", str(self.out)]
        return found + _painted_and_sealed(self.model, self.seal)


def _painted_and_sealed(model: str, seal: Sequence[Path]) -> list[str]:
    """Return what replays and pilots are told alike: what paints, and who may open what is kept."""
    return ["--model", model, *(part for key in seal for part in ("--seal", str(key)))]


def live_arguments(
    session: Path, lsl_session: str, confirmation: Confirmation | None = None
) -> list[str]:
    """Return the command line of a live session.

    Parameters
    ----------
    session : Path
        Session file.
    lsl_session : str
        LSL session id of its streams.
    confirmation : Confirmation or None
        Of the consent; the run refuses to begin with other words.
    """
    found = ["live", str(session)]
    found += ["--lsl-session", lsl_session] if lsl_session not in ("", "default") else []
    if confirmation is None:
        return found
    found += ["--confirmed-by", confirmation.by, "--language", confirmation.language]
    return [*found, "--confirmed-words", confirmation.words_sha256]
