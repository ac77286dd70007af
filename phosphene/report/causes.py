"""Why a figure is missing from the report: the true cause, as far as it was recorded."""

from __future__ import annotations

from collections.abc import Mapping

from phosphene.report.load import RunData

__all__ = ["why_no_latency"]

_NO_RATE = "at full speed frames follow the data, there is no frame rate"


def why_no_latency(name: str, data: RunData) -> str:
    """Say why a stage of the chain could not be measured.

    Parameters
    ----------
    name : str
        One of `phosphene.report.latency.STAGES`.
    data : RunData
        The run.
    """
    if name.startswith("frame_interval"):
        return _NO_RATE if data.facts.get("speed") == "max" else "fewer than two frames were drawn"
    if name == "acquired_to_features":
        return _why_no_features(data)
    if name == "features_to_percept":
        return _why_no_percepts(data)
    if name == "acquired_to_passed" and not data.frames:
        if "record_images" not in data.consented:
            return "no pictures were recorded (needs the consent scope record_images)"
        return "no pictures were recorded"
    why = "" if data.percepts else f": {_why_no_percepts(data)}"
    return "no frame showed a percept" + why


def _why_no_features(data: RunData) -> str:
    if "record_brain" not in data.consented:
        return "no features were recorded (needs the consent scope record_brain)"
    counts = data.counters().get("acquisition", {})
    if sent := counts.get("features", 0):
        return f"{sent} features were made, but none was recorded"
    if data.start is None or data.start.modality != "eeg":
        return "the acquisition node made no features"
    if not (counts.get("samples", 0) or data.samples):
        return "the acquisition node made no features: no samples came"
    return f"the acquisition node made no features: {_why_no_epochs(data, counts)}"


def _why_no_epochs(data: RunData, counts: Mapping[str, int]) -> str:
    if not (counts.get("events", 0) or data.events):
        without = data.facts.get("without", "")
        away = f" (the run went on without {without})" if without else ""
        return f"no marker came{away}; mode 'epochs' cuts nothing without markers"
    if rejected := counts.get("epochs_rejected", 0):
        return f"markers came, but all of {rejected} epochs were rejected"
    return (
        "markers came, but no epoch could be cut; see the settings of [acquisition.eeg], the "
        "labels of [source] and what the nodes told under Notes"
    )


def _why_no_percepts(data: RunData) -> str:
    if "record_brain" not in data.consented:
        return "no percepts were recorded (needs the consent scope record_brain)"
    if data.facts.get("bundle", "not told") == "":
        return "nothing was decoded: no bundle was given"
    if not data.features:
        return f"no percepts: {_why_no_features(data)}"
    counts = data.counters().get("decoder", {})
    if counts.get("not_allowed", 0):
        return "no percepts: the gate did not allow decoding"
    if counts.get("not_ready", 0):
        return "no percepts: the run ended before the decoder's statistics and window were filled"
    return "no percepts were recorded; see what the decoder told under Notes"
