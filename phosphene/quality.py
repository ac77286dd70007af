"""Names of the figures in `phosphene.messages.Quality` for fMRI, with units and limits.

One table for those who write them (acquisition), show them (gui) and sum them up (report).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "DRIFT",
    "DVARS",
    "EEG_FIGURES",
    "FD",
    "FD_HIGH",
    "FD_HIGH_MM",
    "FD_JENKINSON",
    "FD_LOW",
    "FD_LOW_MM",
    "FIGURES",
    "HEADER",
    "LAG",
    "LATE",
    "LATE_FROM_TR",
    "LOST",
    "MOTION",
    "RESIDUAL",
    "ROTATION",
    "SPIKE",
    "STEP",
    "TRANSLATION",
    "TRIGGER",
    "TRIGGER_TR",
    "TR_ANNOUNCED",
    "TR_MEASURED",
    "TSNR",
    "VOLUMES",
    "Figure",
    "region_key",
    "region_name",
    "tells_of_brain",
]

FD_LOW_MM, FD_HIGH_MM = 0.2, 0.5
"""Usual limits of framewise displacement, in millimetres: to watch, and a spike."""
LATE_FROM_TR = 0.5
"""A volume that comes this many repetition times behind the others is late."""

TRANSLATION = ("motion_x_mm", "motion_y_mm", "motion_z_mm")
ROTATION = ("pitch_deg", "roll_deg", "yaw_deg")
MOTION = TRANSLATION + ROTATION
FD, FD_JENKINSON = "fd_mm", "fd_jenkinson_mm"
FD_LOW, FD_HIGH = "fd_low_mm", "fd_high_mm"
DVARS, TSNR, DRIFT = "dvars_psc", "tsnr", "drift_psc_per_min"
SPIKE, RESIDUAL, STEP = "spike", "residual", "step_ms"
TR_ANNOUNCED, TR_MEASURED = "tr_announced_s", "tr_measured_s"
VOLUMES, LATE, LOST = "volumes", "volumes_late", "volumes_lost"
LAG, TRIGGER, TRIGGER_TR = "lag_ms", "trigger_to_arrival_ms", "tr_trigger_s"
HEADER = "header_s"


@dataclass(frozen=True)
class Figure:
    """How one figure is called by people.

    Attributes
    ----------
    words : str
        Short name.
    unit : str
        Unit, "" where it has none.
    meaning : str
        One sentence.
    """

    words: str
    unit: str
    meaning: str


FIGURES: dict[str, Figure] = {
    "motion_x_mm": Figure("right", "mm", "Head position to the right of the reference."),
    "motion_y_mm": Figure("forward", "mm", "Head position in front of the reference."),
    "motion_z_mm": Figure("up", "mm", "Head position above the reference."),
    "pitch_deg": Figure("pitch", "deg", "Head turned about the left-right axis."),
    "roll_deg": Figure("roll", "deg", "Head turned about the back-front axis."),
    "yaw_deg": Figure("yaw", "deg", "Head turned about the foot-head axis."),
    FD: Figure("displacement", "mm", "Framewise displacement after Power (2012)."),
    FD_JENKINSON: Figure("displacement (Jenkinson)", "mm", "The same after Jenkinson (1999)."),
    FD_LOW: Figure("displacement to watch", "mm", "Lower limit, from the settings."),
    FD_HIGH: Figure("displacement of a spike", "mm", "Upper limit, from the settings."),
    DVARS: Figure("DVARS", "%", "Root mean square change of the brain since the last volume."),
    TSNR: Figure("tSNR", "", "Median over voxels of mean over deviation, spikes left out."),
    DRIFT: Figure("drift", "% per minute", "Slope of the brain's mean over the run so far."),
    SPIKE: Figure("spike", "", "1 where a volume stands out; nothing is learned from it."),
    RESIDUAL: Figure("residual", "", "What realignment left, relative to the mean."),
    STEP: Figure("processing", "ms", "Time that the volume took in the acquisition node."),
    TR_ANNOUNCED: Figure("TR announced", "s", "Repetition time that the files state."),
    TR_MEASURED: Figure("TR measured", "s", "Median interval between the arrivals of volumes."),
    VOLUMES: Figure("volumes", "", "Taken so far."),
    LATE: Figure("late", "", "Volumes so far that came half a TR or more behind the others."),
    LOST: Figure("lost", "", "Volumes so far that did not come."),
    LAG: Figure("behind", "ms", "How far the volume came behind the punctual ones."),
    TRIGGER: Figure("trigger to arrival", "ms", "From the volume's trigger to its arrival."),
    TRIGGER_TR: Figure("TR of triggers", "s", "Mean interval between triggers so far."),
    HEADER: Figure(
        "header time", "s", "The scanner's own clock since the first volume; it drifts."
    ),
}
"""Every figure but those of regions, whose names are made by `region_key`."""
EEG_FIGURES = frozenset(
    {"bad_channels", "filter_delay_max_ms", "held_samples", "rejected", "rms_uv"}
)
"""Figures of EEG that are of no single channel."""


def region_key(name: str) -> str:
    """Return the key of a region's deviation from its baseline, in percent."""
    return f"roi_{name}_psc"


def region_name(key: str) -> str | None:
    """Return the region that a key stands for, None for another figure."""
    if not (key.startswith("roi_") and key.endswith("_psc") and len(key) > len("roi__psc")):
        return None
    return key[len("roi_") : -len("_psc")]


def tells_of_brain(key: str) -> bool:
    """Return whether a figure may tell of the brain: all that is not known to be about quality.

    Of EEG, what is wrong with channels and how long filters take is about quality; amplitudes of
    single channels are the signal.
    """
    of_channel = key.startswith("flags_") or (
        key.startswith("impedance_") and key.endswith("_kohm")
    )
    return not (key in FIGURES or key in EEG_FIGURES or of_channel or key.endswith("_delay_ms"))
