"""Write a recording as an XDF file that any reader of the format opens.

Layout of XDF 1.0: ``XDF:``, then chunks of a length, a tag and a content. Offsets come every 5 s
and boundaries every 10 s, as in files of LabRecorder, so that readers can check clocks and resume
after damage.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import numpy as np

from acquisition.sources.eeg import EegMarker, EegRecording

__all__ = ["write_xdf"]

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _OFFSET, _BOUNDARY, _STREAM_FOOTER = 1, 2, 3, 4, 5, 6
_BOUNDARY_MARK: Final = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_EEG, _MARKERS = 1, 2
_PART_S = 5.0


def write_xdf(recording: EegRecording, path: Path) -> None:
    """Write EEG and markers, replacing the file in one step.

    Parameters
    ----------
    recording : EegRecording
        Samples and markers; markers become JSON text as on our own LSL streams.
    path : Path
        Where to.
    """
    part = round(_PART_S * recording.fs_hz)
    chunks = [b"XDF:", _chunk(_FILE_HEADER, _xml("<version>1.0</version>"))]
    chunks += [_eeg_header(recording), _marker_header(recording)]
    waiting = list(recording.markers)
    for number, begin in enumerate(range(0, len(recording.data), part)):
        end_s = (begin + part) / recording.fs_hz
        due = [marker for marker in waiting if marker.t_s < end_s]
        waiting = waiting[len(due) :]
        chunks += [_samples(recording, begin, begin + part)]
        chunks += [_texts(due, recording.t0_s)] if due else []
        collected_s = recording.t0_s + begin / recording.fs_hz
        chunks += [_offset(stream, collected_s) for stream in (_EEG, _MARKERS)]
        if number % 2:
            chunks.append(_chunk(_BOUNDARY, _BOUNDARY_MARK))
    last_s = recording.t0_s + (len(recording.data) - 1) / recording.fs_hz
    times = [recording.t0_s + marker.t_s for marker in recording.markers] or [0.0]
    chunks.append(_footer(_EEG, recording.t0_s, last_s, len(recording.data)))
    chunks.append(_footer(_MARKERS, times[0], times[-1], len(recording.markers)))
    temporary = path.with_suffix(".part")
    temporary.write_bytes(b"".join(chunks))
    temporary.replace(path)


def _chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def _xml(body: str) -> bytes:
    return f'<?xml version="1.0"?><info>{body}</info>'.encode()


def _header(stream: int, name: str, kind: str, count: int, rate_hz: float, text: str) -> bytes:
    body = (
        f"<name>{escape(name)}</name><type>{kind}</type><channel_count>{count}</channel_count>"
        f"<nominal_srate>{rate_hz!r}</nominal_srate>{text}"
    )
    return _chunk(_STREAM_HEADER, struct.pack("<I", stream) + _xml(body))


def _eeg_header(recording: EegRecording) -> bytes:
    channels = "".join(
        f"<channel><label>{escape(name)}</label><unit>microvolts</unit><type>EEG</type></channel>"
        for name in recording.channel_names
    )
    text = (
        f"<channel_format>float32</channel_format><source_id>{escape(recording.name)}</source_id>"
        f"<desc><channels>{channels}</channels></desc>"
    )
    count = len(recording.channel_names)
    return _header(_EEG, recording.name, "EEG", count, recording.fs_hz, text)


def _marker_header(recording: EegRecording) -> bytes:
    source = escape(recording.name) + "-markers"
    text = f"<channel_format>string</channel_format><source_id>{source}</source_id><desc/>"
    return _header(_MARKERS, f"{recording.name}-markers", "Markers", 1, 0.0, text)


def _samples(recording: EegRecording, begin: int, end: int) -> bytes:
    """Pack rows as 8, time stamp, values: every stamp is written, so none has to be deduced."""
    rows = recording.data[begin:end]
    layout = np.dtype([("n", "u1"), ("t", "<f8"), ("x", "<f4", (rows.shape[1],))])
    packed = np.empty(len(rows), dtype=layout)
    packed["n"] = 8
    packed["t"] = recording.t0_s + (begin + np.arange(len(rows))) / recording.fs_hz
    packed["x"] = rows
    head = struct.pack("<IBI", _EEG, 4, len(rows))
    return _chunk(_SAMPLES, head + packed.tobytes())


def _texts(markers: Sequence[EegMarker], t0_s: float) -> bytes:
    parts = [struct.pack("<IBI", _MARKERS, 4, len(markers))]
    for marker in markers:
        fields = {"t": marker.t_s, "label": marker.label, "duration": marker.duration_s}
        text = json.dumps(fields | ({"detail": marker.detail} if marker.detail else {})).encode()
        parts.append(struct.pack("<BdBI", 8, t0_s + marker.t_s, 4, len(text)) + text)
    return _chunk(_SAMPLES, b"".join(parts))


def _offset(stream: int, collected_s: float) -> bytes:
    return _chunk(_OFFSET, struct.pack("<Idd", stream, collected_s, 0.0))


def _footer(stream: int, first_s: float, last_s: float, count: int) -> bytes:
    body = (
        f"<first_timestamp>{first_s!r}</first_timestamp><last_timestamp>{last_s!r}"
        f"</last_timestamp><sample_count>{count}</sample_count>"
    )
    return _chunk(_STREAM_FOOTER, struct.pack("<I", stream) + _xml(body))
