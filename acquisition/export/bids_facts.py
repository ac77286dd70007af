"""Facts in a BIDS data set that a writer of recordings cannot know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.sources.eeg import EegRecording
from phosphene.eeg_flags import ChannelFlag

__all__ = ["bad_channels", "correct_events", "correct_sidecar", "tell_in_readme"]

_BAD = {
    ChannelFlag.FLAT: "flat",
    ChannelFlag.RAILED: "at the end of the amplifier's range",
    ChannelFlag.NOISY: "noisy",
    ChannelFlag.LISTED: "listed as bad",
}
_MOSTLY, _FLAT_UV = 0.5, 0.1
_README = """
How this was written
--------------------
Samples are as they came from the amplifier: not filtered, not referenced anew. Where samples did
not come, they are NaN and annotated BAD_lost. A channel is bad where it was found bad in at least
half of the epochs, or flat over the whole run. The date of measurement is left out on purpose, so
that it does not tell whose data these are; scans.tsv has none either. `value` in events.tsv is the
text of the marker as it was recorded (after renaming by the session's labels).
"""


def bad_channels(recording: EegRecording, flags: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Return why channels are bad; good ones are left out.

    Parameters
    ----------
    recording : EegRecording
        Samples in microvolts.
    flags : mapping of str to sequence of int
        `phosphene.eeg_flags.ChannelFlag` of each channel in every epoch or window.
    """
    reasons = {}
    spread_uv = [_spread_uv(column) for column in recording.data.T]
    for name, uv in zip(recording.channel_names, spread_uv, strict=True):
        seen = np.array(flags.get(name, ()), np.int64)
        shares = {words: float(np.mean(seen & flag > 0)) for flag, words in _BAD.items()
                  if len(seen)}  # fmt: skip
        told = [f"{words} in {100 * share:.0f} % of {len(seen)} epochs"
                for words, share in shares.items() if share >= _MOSTLY]  # fmt: skip
        if uv < _FLAT_UV:
            told = [f"flat over the whole run (standard deviation {uv:.2g} microvolts)"]
        if told:
            reasons[name] = "; ".join(told)
    return reasons


def _spread_uv(values: npt.NDArray[np.float32]) -> float:
    known = values[np.isfinite(values)].astype(np.float64)
    return float(known.std()) if len(known) else 0.0


def correct_sidecar(path: Path) -> None:
    """Take out the maker of the file format, which is not that of the amplifier."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["Manufacturer"] = "n/a"
    path.write_text(json.dumps(facts, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def correct_events(path: Path) -> None:
    """Put the text of each marker into ``value``, in place of a number made up while writing."""
    if not path.is_file():
        return
    head, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    if not {"value", "trial_type"} <= set(head):
        return
    value, kind = head.index("value"), head.index("trial_type")
    for row in rows:
        row[value] = "n/a" if row[kind] == "BAD_lost" else row[kind]
    text = "\n".join("\t".join(row) for row in [head, *rows])
    path.write_text(text + "\n", encoding="utf-8")
    beside = path.with_suffix(".json")
    if beside.is_file():
        told = json.loads(beside.read_text(encoding="utf-8"))
        told["value"] = {"Description": "Text of the marker as it was recorded."}
        told.get("trial_type", {}).pop("Levels", None)
        beside.write_text(json.dumps(told, indent=4) + "\n", encoding="utf-8")


def tell_in_readme(root: Path) -> None:
    """Add to the data set's README how the files came about; once."""
    path = root / "README"
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if _README.strip() not in before:
        path.write_text(before.rstrip() + "\n" + _README, encoding="utf-8")
