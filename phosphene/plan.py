"""The plan of one run: the validated session plus the facts that only exist at run time.

The supervisor writes it into the run folder; every node reads it from there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from phosphene.consent import Consent
from phosphene.consent.confirm import Confirmation
from phosphene.consent.signing import require_consent
from phosphene.errors import ConfigError, PhospheneError
from phosphene.network.layout import DISTANT_PATIENCE_S, Network
from phosphene.session import Session

__all__ = ["SINKS", "Plan"]

SINKS = ("self", "operator", "observer")


class Plan(BaseModel):
    """Everything a node needs to know about the run.

    Parameters
    ----------
    run : str
        Identifier of the run.
    folder : Path
        Private folder of the run's sockets.
    mode : str
        ``live``, ``replay`` or ``pilot`` (synthetic participant).
    speed : float or None
        Pace of a replay; None means as fast as every part can, with flow control.
    session : Session
        The validated session.
    consent : Consent or None
        The consent, already read; None means nothing is allowed. One that the session does not
        take (signature, visit, study) is an error, in every process that reads the plan.
    confirmation : Confirmation or None
        That it was confirmed in words at the start.
    nodes : tuple of str
        Names of the nodes that take part; each is bonded to the gate.
    lsl_session : str
        LSL session id, so that runs never see each other's streams.
    watchdog_s : float
        A node whose work loop stands still for this long ends itself.
    out : Path or None
        Folder for recording and report.
    programme : str
        JSON of the synthetic participant's stimulus programme; empty otherwise.
    facts : dict
        Words and hashes for the run's start document.
    audit : Path or None
        Folder of the audit log; None keeps none.
    network : Network or None
        Machines that take part, and who may watch from elsewhere; None: everything is here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    folder: Path
    mode: Literal["live", "replay", "pilot"]
    speed: float | None = 1.0
    session: Session
    consent: Consent | None = None
    confirmation: Confirmation | None = None
    nodes: tuple[str, ...] = ()
    lsl_session: str = "phosphene"
    watchdog_s: float = 8.0
    out: Path | None = None
    programme: str = ""
    facts: dict[str, str] = {}
    audit: Path | None = None
    network: Network | None = None

    @model_validator(mode="after")
    def _consented(self) -> Self:
        try:
            # Whether it may do without any signature was asked when the run was begun.
            require_consent(self.consent, self.session, "replay")
        except PhospheneError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def lossless(self) -> bool:
        """True when every link waits instead of dropping (replay at full speed)."""
        return self.speed is None

    def endpoint(self, name: str) -> str:
        """Return the address of the run's socket `name`."""
        far = None if self.network is None else self.network.address(name)
        return far or f"ipc://{self.folder / name}"

    @property
    def gate_hears_percepts(self) -> bool:
        """True where the gate listens to the decoder: for windows, outlets or feedback."""
        return "gate" in self.nodes and (
            not {"gui", "outlets"}.isdisjoint(self.nodes) or self.session.protocol is not None
        )

    @property
    def gate_hears_features(self) -> bool:
        """True where the gate listens to acquisition's features, for a window."""
        return {"gate", "gui"} <= set(self.nodes)

    def patience_s(self, peer: str, here_s: float) -> float:
        """Return how long to wait for another node at the start, in seconds.

        Parameters
        ----------
        peer : str
            The node that is waited for.
        here_s : float
            How long where it runs on this machine.
        """
        near = self.network is None or self.network.home(peer) == self.network.mine
        return here_s if near else DISTANT_PATIENCE_S

    def save(self) -> Path:
        """Write the plan into its run folder and return the file's path."""
        path = self.folder / "plan.json"
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(), encoding="utf-8")
        return path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a plan that `save` has written.

        Raises
        ------
        ConfigError
            If the file is missing or not a plan.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise ConfigError(f"plan {path}: {error}") from error
