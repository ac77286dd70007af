"""Decoder: from cleaned brain data to a percept (z, c, confidence), one bundle per person."""

# Before anything here imports ONNX Runtime: the shared package switches its reporting off.
import phosphene  # noqa: F401
