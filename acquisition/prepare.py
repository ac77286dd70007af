"""``python -m acquisition.prepare SOURCE... --out DATA.npz``: recordings in, prepared data out.

The same cores in the same order as in a live run, without the normaliser: its statistics are what
the fit learns. All runs are aligned to the reference that the settings name, or to the first volume
of the first run.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec import structs
from pydantic import ValidationError
from tqdm import tqdm

from acquisition.fmri.regressors import DesignConfig
from acquisition.fmri.volume import Volume
from acquisition.fmri_betas import usual_delays_s
from acquisition.fmri_chain import FmriChain, end_of_volume_s
from acquisition.fmri_reference import lay_reference, read_reference
from acquisition.prepare_eeg import prepare_eeg
from acquisition.prepare_pictures import with_pictures
from acquisition.prepare_rows import BetaRows, Rows, meta_of, pack
from acquisition.regions import given_mask
from acquisition.sources.recording import (
    EegRun,
    FmriRecording,
    OpenOptions,
    Recording,
    open_recording,
    runs_of,
)
from phosphene.commands.options import pairs
from phosphene.dataset import PreparedData, write_prepared
from phosphene.errors import ConfigError, InputError, PhospheneError, problem
from phosphene.session import AcquisitionSettings, explain

_GIB = 1024**3

__all__ = ["chosen_runs", "main", "prepare", "prepare_eeg", "prepare_fmri"]

_CHUNK_S = 1.0
_RUN = re.compile(r"(?:^|_)run-(\d+)(?:_|$)")


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
    return pack(
        rows,
        meta_of(runs, person, settings, mask_hash)
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


# ---- command line ------------------------------------------------------------------------------


def chosen_runs(text: str | None, known: Sequence[str]) -> list[str]:
    """Read ``1-11``, ``1,3,5`` or a mixture; None takes all.

    Where runs have BIDS names, a number stands for the one run with that ``run-`` entity.

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
    chosen = [_by_number(run, known) for run in chosen]
    unknown = [run for run in chosen if run not in known]
    if unknown or not chosen:
        raise ConfigError(problem("--runs", text, ", ".join(known), "Name runs that exist."))
    return list(dict.fromkeys(chosen))


def _by_number(run: str, known: Sequence[str]) -> str:
    """Return the only BIDS run of a number; the text itself where there is none, or several."""
    if run in known or not run.isdigit():
        return run
    found = [name for name in known if (m := _RUN.search(name)) and int(m[1]) == int(run)]
    return found[0] if len(found) == 1 else run


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


def _check_memory(recordings: Sequence[Recording], limit_gib: float) -> None:
    """Refuse volumes that would not fit: every voxel of the grid may be in the mask, twice."""
    need = sum(
        r.n_volumes * int(np.prod(r.shape) if r.mask is None else r.mask.sum()) * 8
        for r in recordings
        if isinstance(r, FmriRecording)
    )
    if need > limit_gib * _GIB:
        raise InputError(
            problem("--memory", f"{limit_gib:g} GiB", f"{need / _GIB:.1f} GiB or more for all "
                    "voxels of these runs", "Raise it, name a mask, or take fewer runs.")
        )  # fmt: skip


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
    parser.add_argument("--stimuli-folder", type=Path, help="where the pictures lie that events "
                        "name (stim_file); default: the data set's folder stimuli")  # fmt: skip
    parser.add_argument("--picture-px", type=int, help="shorter side that pictures are "
                        "held with at most (256), and the side of films (128)")  # fmt: skip
    parser.add_argument("--memory", type=float, default=8.0, metavar="GIB", help="refuse what "
                        "would take more")  # fmt: skip
    arguments = parser.parse_args(argv)
    try:
        settings = _settings(arguments.settings)
        recordings = _recordings(arguments, settings.fmri.tr_s)
        found = {r.modality for r in recordings}
        if arguments.modality and found != {arguments.modality}:
            raise InputError(
                problem("--modality", arguments.modality, ", ".join(sorted(found)), "Correct it.")
            )
        _check_memory(recordings, arguments.memory)
        data = prepare(
            recordings, arguments.person, settings, show_progress=True,
            beta_delays_s=arguments.beta_delays,
        )  # fmt: skip
        data, notes = with_pictures(
            data, recordings, arguments.stimuli_folder, arguments.picture_px
        )
        for note in notes:
            print(note, file=sys.stderr)
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
