"""``python -m phosphene.sink``: the headless sink node."""

from __future__ import annotations

import sys

from phosphene.node import serve
from phosphene.sink.node import SinkNode

if __name__ == "__main__":
    sys.exit(serve("sink", SinkNode))
