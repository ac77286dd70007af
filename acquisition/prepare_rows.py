"""Rows of prepared data, collected run by run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.fmri.betas import Beta
from acquisition.fmri.core import FmriCore
from acquisition.fmri.regressors import Stimulus
from acquisition.fmri.volume import Volume
from acquisition.fmri_betas import BetaMaker
from acquisition.fmri_chain import FmriResult, end_of_volume_s
from acquisition.settings import dump_settings
from acquisition.sources.bids import session_of
from acquisition.sources.recording import FmriRecording, Recording
from phosphene.dataset import PreparedData, PreparedMeta
from phosphene.errors import InputError, problem
from phosphene.session import AcquisitionSettings

__all__ = ["BetaRows", "Rows", "meta_of", "pack"]


@dataclass
class Rows:
    """What has been collected so far."""

    responses: list[npt.NDArray[np.float32]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    t_data: list[float] = field(default_factory=list)
    t_event: list[float] = field(default_factory=list)
    spikes: list[bool] = field(default_factory=list)
    at_delays: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(
        self,
        x: npt.NDArray[np.float32],
        run: str,
        t_data: float,
        t_event: float | None,
        spike: bool = False,
    ) -> None:
        """Add one row, as in `phosphene.dataset.PreparedData`."""
        self.responses.append(x)
        self.runs.append(run)
        self.t_data.append(t_data)
        self.t_event.append(float("nan") if t_event is None else t_event)
        self.spikes.append(spike)


class BetaRows:
    """Betas of one run at one or several delays, in seconds.

    Only events whose betas are ready at every delay are given, so that a row means the same event
    at all of them.
    """

    def __init__(self, run: FmriRecording, tr_s: float, delays_s: Sequence[float]) -> None:
        events = sorted(run.events, key=lambda e: e.t_s)
        self._known = [Stimulus(e.t_s, e.label, e.duration_s) for e in events]
        self._run, self._tr_s, self._delays_s = run.run, tr_s, tuple(delays_s)
        self._makers: dict[float, BetaMaker] = {}
        self._found: dict[int, dict[float, Beta]] = {}

    def step(self, core: FmriCore, result: FmriResult) -> None:
        """Take in a volume; events that begin after it have no effect on it."""
        if not self._makers:
            self._makers = {d: BetaMaker(core, self._tr_s, d) for d in self._delays_s}
        for delay_s, maker in self._makers.items():
            for beta in maker.step(result.step, result.raw, self._known):
                self._found.setdefault(beta.number, {})[delay_s] = beta

    def give(self, rows: Rows) -> None:
        """Add the rows of the run, in order of onset."""
        for _, at in sorted(self._found.items()):
            if len(at) == len(self._delays_s) and all(beta.ready for beta in at.values()):
                first = at[self._delays_s[0]]
                t_s = end_of_volume_s(max(beta.index for beta in at.values()), self._tr_s)
                rows.add(first.x, self._run, t_s, first.onset_s)
                rows.at_delays.append(np.stack([at[d].x for d in self._delays_s]))


def meta_of(
    runs: Sequence[Recording], person: str, settings: AcquisitionSettings, mask_hash: str
) -> dict[str, Any]:
    """Return what prepared data say about their source, without what depends on its kind."""
    return {
        "person": person,
        "mask_hash": mask_hash,
        "channels": (),
        "times_s": (),
        "settings": dump_settings(settings),
        "sources": {name: sha for run in runs for name, sha in run.sources.items()},
        "run_sources": {run.run: tuple(run.sources.values()) for run in runs},
        "events": [event for run in runs for event in run.events],
    }


def pack(
    rows: Rows,
    meta: Mapping[str, Any],
    mask: npt.NDArray[np.bool_] | None,
    reference: Volume | None = None,
) -> PreparedData:
    """Put rows together.

    Raises
    ------
    InputError
        If there are none.
    """
    if not rows.runs:
        raise InputError(
            problem("recordings", "no volume, epoch or beta", "1 or more",
                    "Check markers, the limit reject_uv and the delay of betas.")
        )  # fmt: skip
    return PreparedData(
        meta=PreparedMeta(**meta),
        responses=np.stack(rows.responses).astype(np.float32),
        runs=np.asarray(rows.runs),
        t_data=np.asarray(rows.t_data),
        t_event=np.asarray(rows.t_event),
        mask=np.zeros((0, 0, 0), np.bool_) if mask is None else mask,
        reference=None if reference is None else reference.data,
        spikes=np.asarray(rows.spikes) if any(rows.spikes) else None,
        at_delays=np.stack(rows.at_delays, axis=1) if meta.get("delays_s") else None,
        sessions=np.array([session_of(run) for run in rows.runs])
        if any(map(session_of, rows.runs))
        else None,
    )
