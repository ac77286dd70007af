"""``phosphene export``: the EEG of a recording as XDF or BIDS."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from acquisition.export.bids import write_bids
from acquisition.export.bids_facts import bad_channels
from acquisition.export.own_eeg import eeg_of, owner_of, refuse_without_consent
from acquisition.sources.xdf_write import write_xdf
from phosphene.commands.base import CliCommand
from phosphene.consent import consent_beside, load_consent
from phosphene.consent.withdrawal import refuse_withdrawn
from phosphene.errors import ConfigError, InputError, SealError
from phosphene.release import require_release
from phosphene.seal.places import note

__all__ = ["EXPORT"]


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recording", type=Path, help="recording (.mcap) or its folder")
    parser.add_argument("--format", choices=("xdf", "bids"), required=True, help="what to write")
    parser.add_argument("--out", type=Path, required=True, help="file (xdf) or data set (bids)")
    parser.add_argument("--run", help="which run of a folder; default: the newest")
    parser.add_argument("--consent", type=Path, help="consent file with the scope export; default: "
                        "one beside the recording")  # fmt: skip
    parser.add_argument("--task", default="neurofeedback", help="name of the task (bids)")
    parser.add_argument("--mains-hz", type=float, choices=(50.0, 60.0), help="mains "
                        "frequency (bids); default: the session's notch_hz, where set")  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    where: Path = arguments.recording
    if not where.exists():
        raise InputError(f"{where}: does not exist")
    start = owner_of(where, arguments.run)
    path = arguments.consent or consent_beside(where)
    consent = None if path is None else load_consent(path)
    now = datetime.now(UTC)
    refuse_without_consent(start, consent, now)
    refuse_withdrawn(start.facts)
    require_release(where, start.run, now)
    eeg, seen = eeg_of(where, start)
    written: Path = arguments.out
    if arguments.format == "xdf" and written.exists():
        raise ConfigError(f"{written}: exists already and is not overwritten; choose another --out")
    # Noted first: what has left without a line in the log cannot be told from what was taken.
    if why := note("exported", run=start.run, format=arguments.format):
        raise SealError(f"nothing is exported: {why}")
    if arguments.format == "bids":
        mains_hz = arguments.mains_hz or float(start.facts.get("mains_hz", 0.0)) or None
        bad = bad_channels(eeg, seen.flags)
        written = write_bids(eeg, arguments.out, start.person, arguments.task, mains_hz=mains_hz,
                             bad=bad)  # fmt: skip
    else:
        write_xdf(eeg, written, seen.source_id)
    print(f"{written}: {len(eeg.data)} samples of {len(eeg.channel_names)} channels, "
          f"{len(eeg.markers)} markers")  # fmt: skip
    return 0


EXPORT = CliCommand("export", "write the EEG of a recording as XDF or BIDS", _configure, _run)
