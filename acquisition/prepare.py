"""``python -m acquisition.prepare SOURCE... --out DATA.npz``: recordings in, prepared data out.

The same cores in the same order as in a live run, without the normaliser: its statistics are what
the fit learns. All runs are aligned to the reference that the settings name, or to the first volume
of the first run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import structs
from pydantic import ValidationError
from tqdm import tqdm

from acquisition.bridge.timeline import ChunkItem, MarkerItem, chunk_items
from acquisition.eeg.asr import AsrModel
from acquisition.eeg.config import EegConfig
from acquisition.eeg_chain import EegChain, EegResult
from acquisition.fmri.regressors import DesignConfig
from acquisition.fmri.volume import Volume
from acquisition.fmri_betas import usual_delays_s
from acquisition.fmri_chain import FmriChain, end_of_volume_s
from acquisition.fmri_reference import lay_reference, read_reference
from acquisition.prepare_rows import BetaRows, Rows
from acquisition.regions import given_mask
from acquisition.settings import dump_settings, epoch_times_s
from acquisition.sources.recording import (
    EegRun,
    FmriRecording,
    OpenOptions,
    Recording,
    open_recording,
    runs_of,
)
from phosphene.commands.options import pairs
from phosphene.dataset import PreparedData, PreparedMeta, write_prepared
from phosphene.errors import ConfigError, InputError, PhospheneError, problem
from phosphene.session import AcquisitionSettings, explain

__all__ = ["chosen_runs", "main", "prepare", "prepare_eeg", "prepare_fmri"]

_CHUNK_S = 1.0


def prepare(
    recordings: Sequence[Recording],
    person: str,
    settings: AcquisitionSettings | None = None,
    show_progress: bool = False,
    beta_delays_s: Sequence[float] | None = None,
) -> PreparedData:
    """Clean the runs of one person.

    Parameters
    ----------
    recordings : sequence of FmriRecording or EegRun
        One for each run, all of one kind.
    person : str
        Pseudonym.
    settings : AcquisitionSettings, optional
        How to clean.
    show_progress : bool
        Whether to draw a progress bar on standard error.
    beta_delays_s : sequence of float, optional
        Make betas at each of these delays (seconds), for the fit to choose from; empty takes those
        that suit the events' lengths. None makes them at the one of the settings.

    Returns
    -------
    PreparedData

    Raises
    ------
    InputError
        If the runs do not fit together or nothing is left of them.
    """
    settings = settings or AcquisitionSettings()
    fmri = [r for r in recordings if isinstance(r, FmriRecording)]
    eeg = [r for r in recordings if isinstance(r, EegRun)]
    if bool(fmri) == bool(eeg):
        kinds = sorted({r.modality for r in recordings})
        raise InputError(problem("recordings", kinds, "runs of one modality", "Choose some."))
    if fmri:
        return prepare_fmri(fmri, person, settings, show_progress, beta_delays_s)
    return prepare_eeg(eeg, person, settings, show_progress)


def prepare_fmri(
    runs: Sequence[FmriRecording],
    person: str,
    settings: AcquisitionSettings,
    show_progress: bool = False,
    beta_delays_s: Sequence[float] | None = None,
) -> PreparedData:
    """Realign, smooth and mask the volumes of all runs, or find their betas; see `prepare`.

    A beta that the volumes until then do not determine is left out, as it is in a live run.
    """
    first, delays_s = runs[0], _delays_s(runs, settings, beta_delays_s)
    tr_s = settings.fmri.tr_s or first.tr_s
    _check_alike(runs)
    rows, mask, mask_hash = Rows(), _mask_of(first, settings), ""
    reference = _reference_of(first, settings)
    aligned, volumes = False, settings.fmri.model_copy(update={"features": "volume"})
    bar = tqdm(total=sum(r.n_volumes for r in runs), unit="volume", disable=not show_progress)
    with bar:
        for run in runs:
            bar.set_description(f"run {run.run}")
            chain = FmriChain(volumes, tr_s, mask=mask, reference=reference)
            events = BetaRows(run, tr_s, delays_s)
            for volume in run.volumes():
                result = chain.step(volume)
                if delays_s:
                    events.step(chain.core, result)
                else:
                    t_s = end_of_volume_s(volume.index, tr_s)
                    rows.add(result.raw, run.run, t_s, None, result.step.spike)
                bar.update()
            events.give(rows)
            # What the first run found holds for all: features must mean the same voxels.
            mask, reference = chain.core.mask, chain.core.reference
            mask_hash, aligned = chain.core.mask_hash, not chain.core.note
    if mask is None or reference is None:
        raise InputError(problem("recordings", "no volume", "1 or more", "Choose other runs."))
    return _pack(
        rows,
        _meta(runs, person, settings, mask_hash)
        | {"modality": "fmri", "kind": "fmri-beta" if delays_s else "fmri", "tr_s": tr_s}
        | {"delays_s": delays_s if len(delays_s) > 1 else ()}
        | {"affine": tuple(float(v) for v in reference.affine.flat)},
        mask,
        reference if aligned else None,
    )


def _delays_s(
    runs: Sequence[FmriRecording], settings: AcquisitionSettings, asked: Sequence[float] | None
) -> tuple[float, ...]:
    """Return the delays of betas, none where volumes are wanted."""
    if settings.fmri.features != "beta":
        return ()
    if asked is None:
        return (settings.fmri.beta_delay_s,)
    rest = DesignConfig().rest
    lengths_s = [e.duration_s for r in runs for e in r.events if e.label not in rest]
    return tuple(asked) or usual_delays_s(lengths_s)


def _mask_of(run: FmriRecording, settings: AcquisitionSettings) -> npt.NDArray[np.bool_] | None:
    """Return the mask that the settings name, laid on the run's first volume; else its own."""
    if settings.fmri.mask is None:
        return run.mask
    return given_mask(settings.fmri, next(run.volumes()))


def _reference_of(run: FmriRecording, settings: AcquisitionSettings) -> Volume | None:
    """Return the reference that the settings name, laid on the run's first volume."""
    picture = read_reference(settings.fmri)
    if picture is None:
        return None
    return lay_reference(next(run.volumes()), picture, settings.fmri.realign)


def _check_alike(runs: Sequence[FmriRecording]) -> None:
    shapes = {r.shape for r in runs}
    periods = {round(r.tr_s, 6) for r in runs}
    if len(shapes) > 1 or len(periods) > 1:
        got = f"shapes {sorted(shapes)}, TR {sorted(periods)} s"
        raise InputError(problem("recordings", got, "one of each", "Choose runs of one protocol."))


def prepare_eeg(
    runs: Sequence[EegRun],
    person: str,
    settings: AcquisitionSettings,
    show_progress: bool = False,
) -> PreparedData:
    """Filter and cut the samples of all runs; see `prepare`.

    Epochs in which the filter still settles, or that are too large, are left out: a decoder should
    not learn from blinks.
    """
    rows, config, asr = Rows(), None, _clean_part(runs[0], settings)
    mask_hash, kind, left_out = "", "eeg-epoch", 0
    total_s = round(sum(r.duration_s for r in runs))
    bar: tqdm[Any] = tqdm(total=total_s, unit="s", disable=not show_progress)
    with bar:
        for run in runs:
            bar.set_description(f"run {run.run}")
            chain = EegChain(settings.eeg, run.eeg.fs_hz, run.eeg.channel_names, asr=asr)
            if mask_hash and chain.mask_hash != mask_hash:
                raise InputError(
                    problem(f"run {run.run}", f"{run.eeg.fs_hz:g} Hz {run.eeg.channel_names}",
                            "the rate and channels of the first run", "Choose other runs.")
                )  # fmt: skip
            mask_hash, config = chain.mask_hash, chain.config
            for result in _epochs(run, chain, bar):
                if result.ready and not result.rejected:
                    rows.add(result.x, run.run, result.t_data, result.t_event)
                    kind = result.kind
                else:
                    left_out += 1
    if show_progress:
        print(f"{len(rows.runs)} epochs, {left_out} more left out", file=sys.stderr)
    data = _pack(rows, _meta(runs, person, settings, mask_hash) | _eeg_facts(config, kind), None)
    known = {} if asr is None else {"asr_mixing": asr.mixing, "asr_limits": asr.limits}
    return replace(data, further=known)


def _clean_part(run: EegRun, settings: AcquisitionSettings) -> AsrModel | None:
    """Learn from the first run what clean data look like, where artefacts are to be taken out."""
    if settings.eeg.asr_cutoff is None:
        return None
    chain = EegChain(settings.eeg, run.eeg.fs_hz, run.eeg.channel_names)
    for _ in _epochs(run, chain, tqdm(disable=True)):
        pass
    found = chain.core.cleaner.asr_model
    if found is None:
        need = f"{settings.eeg.asr_calibration_s:g} s or more"
        raise InputError(
            problem(f"run {run.run}", f"{run.duration_s:g} s", need, "Lower asr_calibration_s.")
        )
    return found


def _epochs(run: EegRun, chain: EegChain, bar: tqdm[Any]) -> Iterator[EegResult]:
    """Yield what becomes complete, in the order of a live run."""
    before_s = bar.n
    for item in chunk_items(run.eeg, run.events, _CHUNK_S):
        if isinstance(item, MarkerItem) and not item.more.get("end"):
            yield from chain.marker(item.t_s, item.label)
        elif isinstance(item, ChunkItem):
            yield from chain.push(item.samples, item.first_index)
            bar.update(before_s + round(item.t_s) - bar.n)


def _eeg_facts(config: EegConfig | None, kind: str) -> dict[str, Any]:
    times_s = () if config is None else epoch_times_s(config)
    channels = () if config is None else config.channel_names
    facts: dict[str, Any] = {"modality": "eeg", "kind": kind, "tr_s": 0.0, "affine": ()}
    return facts | {"channels": channels, "times_s": times_s}


def _meta(
    runs: Sequence[Recording], person: str, settings: AcquisitionSettings, mask_hash: str
) -> dict[str, Any]:
    return {
        "person": person,
        "mask_hash": mask_hash,
        "channels": (),
        "times_s": (),
        "settings": dump_settings(settings),
        "sources": {name: sha for run in runs for name, sha in run.sources.items()},
        "events": [event for run in runs for event in run.events],
    }


def _pack(
    rows: Rows,
    meta: Mapping[str, Any],
    mask: npt.NDArray[np.bool_] | None,
    reference: Volume | None = None,
) -> PreparedData:
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
    )


# ---- command line ------------------------------------------------------------------------------


def chosen_runs(text: str | None, known: Sequence[str]) -> list[str]:
    """Read ``1-11``, ``1,3,5`` or a mixture; None takes all.

    Raises
    ------
    ConfigError
        If a run does not exist or the text cannot be read.
    """
    if text is None:
        return list(known)
    chosen: list[str] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if dash and low.isdigit() and high.isdigit():
            chosen += [str(k) for k in range(int(low), int(high) + 1)]
        else:
            chosen.append(part.strip())
    unknown = [run for run in chosen if run not in known]
    if unknown or not chosen:
        raise ConfigError(problem("--runs", text, ", ".join(known), "Name runs that exist."))
    return list(dict.fromkeys(chosen))


def _recordings(arguments: argparse.Namespace, tr_s: float | None) -> list[Recording]:
    sources: list[Path] = arguments.source
    options = OpenOptions(
        labels=pairs("--labels", arguments.labels), tr_s=tr_s, events=arguments.events
    )
    if len(sources) == 1:
        runs = chosen_runs(arguments.runs, runs_of(sources[0]))
        single = len(runs_of(sources[0])) == 1
        return [open_recording(sources[0], None if single else r, options) for r in runs]
    several = [str(p) for p in sources if len(runs_of(p)) > 1]
    if several:
        raise ConfigError(
            problem("SOURCE", ", ".join(several), "one folder of runs, or files of one run each",
                    "Give them one by one.")
        )  # fmt: skip
    chosen = chosen_runs(arguments.runs, [str(k) for k in range(1, len(sources) + 1)])
    opened = [open_recording(sources[int(run) - 1], None, options) for run in chosen]
    return [_as_run(recording, run) for recording, run in zip(opened, chosen, strict=True)]


def _as_run(recording: Recording, run: str) -> Recording:
    """Name a run after its place in the list; every file calls its only run the same."""
    events = tuple(structs.replace(event, run=run) for event in recording.events)
    return replace(recording, run=run, events=events)


def _settings(text: str) -> AcquisitionSettings:
    """Read settings given as JSON or as the name of a JSON file."""
    try:
        raw = text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8")
        return AcquisitionSettings.model_validate(json.loads(raw))
    except OSError as error:
        raise ConfigError(f"--settings {text}: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise ConfigError(f"--settings: not JSON: {error}") from error
    except ValidationError as error:
        lines = "\n".join(f"  - {line}" for line in explain(error))
        raise ConfigError(f"--settings: {error.error_count()} problem(s)\n{lines}") from error


def _seconds(text: str) -> tuple[float, ...]:
    """Read ``6,8,10``; ``auto`` is empty."""
    return () if text == "auto" else tuple(float(part) for part in text.split(","))


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare recordings from the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m acquisition.prepare",
        description="Clean recordings for the fit of a decoder.",
    )
    parser.add_argument("source", type=Path, nargs="+", help="recordings: files or one folder")
    parser.add_argument("--out", type=Path, required=True, help="prepared data (.npz)")
    parser.add_argument("--person", default="p01", help="pseudonym of the person")
    parser.add_argument("--runs", help="runs to use, for instance 1-11 or 1,3,5")
    parser.add_argument("--modality", choices=("fmri", "eeg"), help="refuse any other")
    parser.add_argument("--events", type=Path, help="BIDS events.tsv; default: one beside it")
    parser.add_argument("--labels", default="", help="rename labels, for instance 1=house,2=face")
    parser.add_argument("--settings", default="{}", help="acquisition settings: JSON or its file")
    parser.add_argument("--beta-delays", type=_seconds, help="make betas at each of these delays, "
                        "for instance 6,8,10; auto suits the events' lengths")  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        settings = _settings(arguments.settings)
        recordings = _recordings(arguments, settings.fmri.tr_s)
        found = {r.modality for r in recordings}
        if arguments.modality and found != {arguments.modality}:
            raise InputError(
                problem("--modality", arguments.modality, ", ".join(sorted(found)), "Correct it.")
            )
        data = prepare(
            recordings, arguments.person, settings, show_progress=True,
            beta_delays_s=arguments.beta_delays,
        )  # fmt: skip
        write_prepared(arguments.out, data)
    except PhospheneError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    rows, features = data.responses.shape
    runs = len(recordings)
    print(f"{arguments.out}: {rows} responses of {features} features in {runs} run(s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
