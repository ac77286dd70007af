"""Write a recording as an XDF file that any reader of the format opens.

Layout of XDF 1.0: ``XDF:``, then chunks of a length, a tag and a content. Offsets come every 5 s
and boundaries every 10 s, as in files of LabRecorder, so that readers can check clocks and resume
after damage.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

import numpy as np

from acquisition.sources.eeg import EegMarker, EegRecording

__all__ = ["write_xdf"]

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _OFFSET, _BOUNDARY, _STREAM_FOOTER = 1, 2, 3, 4, 5, 6
_BOUNDARY_MARK: Final = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_EEG, _MARKERS, _DETAILS = 1, 2, 3
_STREAMS = (_EEG, _MARKERS, _DETAILS)
_PART_S = 5.0


def write_xdf(recording: EegRecording, path: Path, source_id: str = "") -> None:
    """Write EEG and markers, replacing the file in one step.

    Parameters
    ----------
    recording : EegRecording
        Samples and markers. One stream holds the plain labels, which serve as event codes
        everywhere; a second one, of type ``MarkerDetails``, holds length and description as JSON.
    path : Path
        Where to.
    source_id : str
        LSL source id of the stream that the samples came from, told in the description; those of
        the markers are their own ``stream``.
    """
    part = round(_PART_S * recording.fs_hz)
    chunks = [b"XDF:", _chunk(_FILE_HEADER, _xml("<version>1.0</version>"))]
    chunks += [_eeg_header(recording, source_id), *_marker_headers(recording)]
    waiting = list(recording.markers)
    for number, begin in enumerate(range(0, len(recording.data), part)):
        end_s = (begin + part) / recording.fs_hz
        due = [marker for marker in waiting if marker.t_s < end_s]
        waiting = waiting[len(due) :]
        chunks += [_samples(recording, begin, begin + part)]
        if due:
            chunks += [_texts(_MARKERS, due, recording.t0_s, lambda marker: marker.label)]
            chunks += [_texts(_DETAILS, due, recording.t0_s, _details)]
        collected_s = recording.t0_s + begin / recording.fs_hz
        chunks += [_offset(stream, collected_s) for stream in _STREAMS]
        if number % 2:
            chunks.append(_chunk(_BOUNDARY, _BOUNDARY_MARK))
    last_s = recording.t0_s + (len(recording.data) - 1) / recording.fs_hz
    times = [recording.t0_s + marker.t_s for marker in recording.markers] or [0.0]
    chunks.append(_footer(_EEG, recording.t0_s, last_s, len(recording.data)))
    count = len(recording.markers)
    chunks += [_footer(stream, times[0], times[-1], count) for stream in (_MARKERS, _DETAILS)]
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


def _eeg_header(recording: EegRecording, source_id: str) -> bytes:
    channels = "".join(
        f"<channel><label>{escape(name)}</label><unit>microvolts</unit><type>EEG</type></channel>"
        for name in recording.channel_names
    )
    text = (
        f"<channel_format>float32</channel_format><source_id>{escape(recording.name)}</source_id>"
        f"<desc><channels>{channels}</channels>{_origin([source_id])}</desc>"
    )
    count = len(recording.channel_names)
    return _header(_EEG, recording.name, "EEG", count, recording.fs_hz, text)


def _origin(source_ids: Iterable[str]) -> str:
    """Tell which streams these were when they were recorded."""
    known = "".join(f"<source_id>{escape(i)}</source_id>" for i in source_ids if i)
    return f"<original>{known}</original>" if known else ""


def _marker_headers(recording: EegRecording) -> list[bytes]:
    origin = _origin(dict.fromkeys(marker.stream for marker in recording.markers))
    made = []
    for stream, ending, kind in (
        (_MARKERS, "-markers", "Markers"),
        (_DETAILS, "-markers-details", "MarkerDetails"),
    ):
        source = escape(recording.name) + ending
        text = (
            f"<channel_format>string</channel_format><source_id>{source}</source_id>"
            f"<desc>{origin}</desc>"
        )
        made.append(_header(stream, f"{recording.name}{ending}", kind, 1, 0.0, text))
    return made


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


def _details(marker: EegMarker) -> str:
    fields: dict[str, Any] = {"t": marker.t_s, "label": marker.label, "duration": marker.duration_s}
    fields |= {"detail": marker.detail} if marker.detail else {}
    return json.dumps(fields | ({"stream": marker.stream} if marker.stream else {}))


def _texts(
    stream: int, markers: Sequence[EegMarker], t0_s: float, worded: Callable[[EegMarker], str]
) -> bytes:
    parts = [struct.pack("<IBI", stream, 4, len(markers))]
    for marker in markers:
        text = worded(marker).encode()
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
