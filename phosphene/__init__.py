"""What every node shares: messages, bus, clock, configuration, gate, recorder, supervisor, CLI."""

import os

# From 1.29 on, ONNX Runtime on Linux writes a device identifier to the home folder and reports
# each process and model to its maker. Only this variable, set before its import, stops all of it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
