"""How figures, counters and stages are called by people, with their units."""

from __future__ import annotations

from collections.abc import Mapping

from phosphene import quality as names
from phosphene.quality import region_name

__all__ = ["ARRIVALS", "COUNTS", "SOURCES", "STAGES", "counter_words", "figure_words"]

# What is counted, told so far in the run, or a setting: no measurement of one volume.
_NO_MEASUREMENT = frozenset({
    names.FD_LOW, names.FD_HIGH, names.SPIKE, names.TSNR, names.DRIFT, names.TR_ANNOUNCED,
    names.TR_MEASURED, names.TRIGGER_TR, names.VOLUMES, names.LATE, names.LOST, names.HEADER,
    "held_samples",
})  # fmt: skip
_EEG = {
    "rms_uv": ("amplitude (RMS), unfiltered, median of channels", "µV"),
    "bad_channels": ("bad channels", "channels"),
    "rejected": ("rejected windows or epochs, as a share", ""),
}
_LONGER = {
    "motion_x_mm": "head to the right", "motion_y_mm": "head forward", "motion_z_mm": "head up",
    names.FD: "displacement (Power)", names.RESIDUAL: "residual of realignment, of the mean",
    names.LAG: "behind the punctual volumes", names.STEP: "processing in the acquisition node",
}  # fmt: skip

ARRIVALS = {
    "volumes": "volumes taken",
    "volumes_lost": "volumes that did not come",
    "volumes_late": "volumes that came half a TR or more behind the others",
    "volumes_refused": "volumes that could not be used",
    "repeated": "volumes that came again and were left out",
}
SOURCES = {
    "volumes_planned": "volumes in the recording that is replayed",
    "repeated": "volumes sent again after the acquisition node was started again",
    "unacknowledged": "volumes that a fallen acquisition node did not finish",
    "duplicates": "volumes that came again at the source and were left out",
    "duplicate_slices": "slices that came again within their volume and were left out",
    "foreign_files": "files that hold no image",
    "second_series": "files or volumes of another series, left out",
    "moco": "files of the motion-corrected copy, left out",
    "other_echoes": "files of other echoes, left out",
    "restarts": "starts of the scan with numbers that were there before",
    "other_matrix": "volumes of another matrix, left out",
    "truncated": "files that were cut off",
    "damaged": "files that could not be read",
    "gaps": "volumes that the source gave up waiting for",
    "late": "volumes that came after the run had gone on without them",
    "folder_outages": "times that the folder could not be reached",
}
COUNTS = {
    "volumes": "volumes taken",
    "volumes_lost": "volumes that did not come",
    "samples": "samples taken",
    "samples_lost": "samples that did not come",
    "epochs": "epochs cut out",
    "events": "events",
    "percepts": "percepts decoded",
    "frames": "frames drawn",
    "frames_late": "frames drawn late or skipped",
    "frames_passed": "frames that the gate passed",
    "frames_blanked": "frames that the gate held back",
    "frames_recorded": "frames recorded",
}
STAGES = {
    "acquired_to_features": "data acquired to features sent",
    "features_to_percept": "features to percept",
    "percept_to_frame": "percept to first frame drawn",
    "acquired_to_frame": "data acquired to first frame drawn",
    "acquired_to_passed": "data acquired to frame past the gate",
    "frame_interval": "interval between frames",
    "frame_interval_deviation": "deviation from the wanted interval",
}


def figure_words(name: str) -> tuple[str, str] | None:
    """Return a measured figure's name and unit; None for what is no measurement of its own."""
    if name in _NO_MEASUREMENT or name.startswith("flags_"):
        return None
    if (region := region_name(name)) is not None:
        return f"region {region}, deviation from baseline", "%"
    if name in _EEG:
        return _EEG[name]
    if (known := names.FIGURES.get(name)) is not None:
        return _LONGER.get(name, known.words), known.unit
    for start, words in (
        ("ptp_", "peak to peak of an epoch, after the decoder's filters"),
        ("rms_", "amplitude (RMS) of a second, unfiltered"),
    ):
        if name.startswith(start) and name.endswith("_uv"):
            return f"{words}, channel {name.removeprefix(start).removesuffix('_uv')}", "µV"
    stem, _, unit = name.rpartition("_")
    return (stem.replace("_", " "), unit) if unit in ("ms", "s", "mm", "uv") else (
        name.replace("_", " "), "")  # fmt: skip


def counter_words(arrivals: Mapping[str, int], source: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return arrivals and what the source met, in words; each thing once, without idle zeros."""
    told = [(ARRIVALS[name], count) for name, count in arrivals.items()]
    for name, count in source.items():
        again = name == "gaps" and count == arrivals.get("volumes_lost")
        if count and not again:
            told.append((SOURCES.get(name, f"source: {name.replace('_', ' ')}"), count))
    return told
