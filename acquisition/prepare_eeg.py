"""EEG recordings to prepared data: filtered and cut as in a live run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from acquisition.bridge.timeline import ChunkItem, MarkerItem, chunk_items
from acquisition.eeg.asr import AsrModel
from acquisition.eeg.config import EegConfig
from acquisition.eeg_chain import EegChain, EegResult
from acquisition.prepare_rows import Rows, meta_of, pack
from acquisition.settings import epoch_times_s
from acquisition.sources.recording import EegRun
from phosphene.dataset import PreparedData
from phosphene.errors import InputError, problem
from phosphene.session import AcquisitionSettings

__all__ = ["prepare_eeg"]

_CHUNK_S = 1.0


def prepare_eeg(
    runs: Sequence[EegRun],
    person: str,
    settings: AcquisitionSettings,
    show_progress: bool = False,
) -> PreparedData:
    """Filter and cut the samples of all runs; see `acquisition.prepare.prepare`.

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
    data = pack(rows, meta_of(runs, person, settings, mask_hash) | _eeg_facts(config, kind), None)
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
