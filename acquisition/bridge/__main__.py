"""``python -m acquisition.bridge --plan FILE``."""

from __future__ import annotations

import sys

from acquisition.bridge.node import build
from phosphene.node import serve

if __name__ == "__main__":
    sys.exit(serve("bridge", build))
