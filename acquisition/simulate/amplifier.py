"""An amplifier that sends a recording to LSL in real time, with its markers."""

from __future__ import annotations

from acquisition.bridge.timeline import ChunkItem, MarkerItem, chunk_items
from acquisition.lsl.formats import EegFormat
from acquisition.lsl.outlet import EegOutlet, MarkerOutlet
from acquisition.simulate.pace import HardwareClock
from acquisition.sources.eeg import EegRecording
from phosphene.dataset import TimedEvent

__all__ = ["run_amplifier"]

_CHUNK_S = 1 / 32
_LOOK_S = 0.05
_MARKER_PATIENCE_S = 2.0
_DELIVERY_S = 1.0


def run_amplifier(
    eeg: EegRecording, source_id: str, clock: HardwareClock, patience_s: float = 60.0
) -> int:
    """Send a recording once somebody listens.

    Parameters
    ----------
    eeg : EegRecording
        What is measured.
    source_id : str
        LSL source id of the samples; the markers' is the same with ``-markers``.
    clock : HardwareClock
        Pace.
    patience_s : float
        Seconds to wait for a listener; then it starts all the same, as an amplifier does.

    Returns
    -------
    int
        Samples sent.

    Raises
    ------
    SwitchedOffError
        When the clock is stopped.
    """
    samples = EegOutlet(source_id, EegFormat(eeg.fs_hz, eeg.channel_names))
    markers = MarkerOutlet(f"{source_id}-markers")
    try:
        _wait(samples, clock, patience_s)
        _wait(markers, clock, _MARKER_PATIENCE_S)
        return _play(eeg, samples, markers, clock)
    finally:
        samples.close()
        markers.close()


def _wait(outlet: EegOutlet | MarkerOutlet, clock: HardwareClock, patience_s: float) -> None:
    until_s = clock.now() + patience_s
    while not outlet.has_reader() and clock.now() < until_s:
        clock.wait_until(clock.now() + _LOOK_S)


def _play(
    eeg: EegRecording, samples: EegOutlet, markers: MarkerOutlet, clock: HardwareClock
) -> int:
    events = tuple(
        TimedEvent(run="", t_s=m.t_s, duration_s=m.duration_s, label=m.label, detail=m.detail)
        for m in eeg.markers
    )
    start_s, sent = clock.now(), 0
    for item in chunk_items(eeg, events, _CHUNK_S):
        clock.wait_until(start_s + item.t_s)
        if isinstance(item, MarkerItem):
            markers.push(item.t_s, item.label, n=item.number, **item.more)
        elif isinstance(item, ChunkItem):
            samples.push(item.samples, item.first_index)
            sent += len(item.samples)
    clock.wait_until(clock.now() + _DELIVERY_S)
    return sent
