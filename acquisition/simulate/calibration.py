"""A simulated calibration: the synthetic person is measured in memory, through the real cores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from acquisition.bridge.timeline import programme_events
from acquisition.fmri.volume import Volume
from acquisition.simulate.ahead import ahead
from acquisition.simulate.eeg import EegSimConfig, simulate_eeg
from acquisition.simulate.head import RunConfig, SyntheticHead, simulate
from acquisition.sources.recording import EegRun, FmriRecording, Recording, Refuse
from phosphene.dataset import PreparedData, TimedEvent
from phosphene.errors import ConfigError, problem
from phosphene.session import AcquisitionSettings
from phosphene.stimuli import Programme, make_programme

__all__ = ["CalibrationPlan", "calibrate", "head_of", "programme_of", "run_seed", "simulated_runs"]

CLIP_S, REST_S, LEAD_IN_S, TAIL_S = 6.0, 2.0, 6.0, 8.0
_PROGRAMME_STEP, _NOISE_STEP = 104_729, 15_485_863


def programme_of(seed: int, seconds: float) -> Programme:
    """Make a stimulus programme that fills about `seconds` seconds.

    Its end leaves room for the haemodynamic response to the last clip.
    """
    blocks = int((seconds - LEAD_IN_S - TAIL_S) // (CLIP_S + REST_S))
    if blocks < 1:
        allowed = f"{LEAD_IN_S + TAIL_S + CLIP_S + REST_S:g} or more"
        raise ConfigError(problem("seconds", seconds, allowed, "Make it longer."))
    return make_programme(seed, blocks, CLIP_S, REST_S, LEAD_IN_S)


def head_of(seed: int) -> SyntheticHead:
    """Return the synthetic person in the scanner; the seed is who it is."""
    return SyntheticHead(seed=seed)


def run_seed(seed: int, run: int) -> int:
    """Return the noise seed of a person's run: 0 is the session, 1, 2, ... the calibration."""
    return seed + _NOISE_STEP * (run + 1)


@dataclass(frozen=True)
class CalibrationPlan:
    """How long the calibration is.

    Attributes
    ----------
    runs : int
        Runs with noise of their own; at least 2, so that whole runs can be held out.
    blocks : int
        Clips in each run; a multiple of 8 shows every category equally often.
    tr_s : float
        Repetition time in seconds (fMRI).
    """

    runs: int = 4
    blocks: int = 8
    tr_s: float = 1.0

    def __post_init__(self) -> None:
        if self.runs < 2 or self.blocks < 1 or not self.tr_s > 0:
            got = f"{self.runs} runs, {self.blocks} blocks, TR {self.tr_s} s"
            allowed = "2 or more runs, 1 or more blocks, TR above 0"
            raise ConfigError(problem("calibration", got, allowed, "Correct it."))

    @classmethod
    def usual(cls, modality: Literal["fmri", "eeg"]) -> CalibrationPlan:
        """Return the usual length; single epochs of EEG say less than volumes of fMRI.

        Five minutes in the scanner; 27 minutes of EEG, 1152 flashes.
        """
        return cls(runs=4, blocks=8) if modality == "fmri" else cls(runs=8, blocks=24)

    @property
    def minutes(self) -> float:
        """How long the person is measured, all runs together."""
        each_s = LEAD_IN_S + self.blocks * (CLIP_S + REST_S) + TAIL_S
        return self.runs * each_s / 60

    def programme(self, seed: int, run: int) -> Programme:
        """Return what is shown in a run, counted from 1."""
        shown = make_programme(seed + _PROGRAMME_STEP * run, self.blocks, CLIP_S, REST_S, LEAD_IN_S)
        return msgspec.structs.replace(shown, duration_s=shown.duration_s + TAIL_S)


def calibrate(
    seed: int,
    modality: Literal["fmri", "eeg"],
    plan: CalibrationPlan | None = None,
    settings: AcquisitionSettings | None = None,
    show_progress: bool = False,
) -> PreparedData:
    """Measure and clean a calibration of the synthetic person.

    Parameters
    ----------
    seed : int
        The person.
    modality : str
        ``fmri`` or ``eeg``.
    plan : CalibrationPlan, optional
        How long.
    settings : AcquisitionSettings, optional
        How to clean.
    show_progress : bool
        Whether to draw a progress bar.
    """
    from acquisition.prepare import prepare  # a second to load: not for scanners and amplifiers

    runs = simulated_runs(seed, modality, plan or CalibrationPlan.usual(modality))
    return prepare(runs, f"pilot-{seed}", settings, show_progress)


def simulated_runs(
    seed: int, modality: Literal["fmri", "eeg"], plan: CalibrationPlan
) -> list[Recording]:
    """Return the runs of a calibration; volumes are made when they are asked for."""
    make = _fmri_run if modality == "fmri" else _eeg_run
    return [make(seed, run, plan) for run in range(1, plan.runs + 1)]


def _fmri_run(seed: int, run: int, plan: CalibrationPlan) -> Recording:
    head, programme = head_of(seed), plan.programme(seed, run)
    n_volumes = int(programme.duration_s / plan.tr_s)
    noise = RunConfig(seed=run_seed(seed, run))

    def volumes(_refuse: Refuse) -> Iterator[Volume]:
        for made in ahead(lambda: simulate(head, programme, n_volumes, plan.tr_s, noise)):
            yield Volume(made.data.astype(np.float32), head.affine, made.index, plan.tr_s)

    return FmriRecording(
        run=str(run),
        shape=head.shape,
        affine=head.affine,
        tr_s=plan.tr_s,
        n_volumes=n_volumes,
        events=programme_events(programme, str(run)),
        # What an atlas or a localiser would give for a real person.
        mask=head.mask("early") | head.mask("higher"),
        sources=_sources("fmri", seed, run, programme),
        read=volumes,
    )


def _eeg_run(seed: int, run: int, plan: CalibrationPlan) -> Recording:
    programme = plan.programme(seed, run)
    config = EegSimConfig(participant_seed=seed, run_seed=run_seed(seed, run))
    eeg = simulate_eeg(programme, config, name=f"calibration-{run}")
    events = tuple(
        TimedEvent(run=str(run), t_s=m.t_s, duration_s=m.duration_s, label=m.label, detail=m.detail)
        for m in eeg.markers
    )
    return EegRun(str(run), eeg, events, _sources("eeg", seed, run, programme))


def _sources(modality: str, seed: int, run: int, programme: Programme) -> dict[str, str]:
    told = f"{modality} {seed} {run_seed(seed, run)} ".encode() + msgspec.json.encode(programme)
    return {f"simulated-{modality}-{run}": hashlib.sha256(told).hexdigest()}
