"""The recorder: one MCAP file per run that survives the death of its writer."""

from phosphene.recorder.info import info
from phosphene.recorder.reader import RecordingReader, read_run
from phosphene.recorder.recover import Recovered, recover

__all__ = ["RecordingReader", "Recovered", "info", "read_run", "recover"]
