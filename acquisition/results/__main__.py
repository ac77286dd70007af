"""``python -m acquisition.results --plan FILE``: the node of the result streams."""

from __future__ import annotations

import sys

from acquisition.results.node import build
from phosphene.node import serve

if __name__ == "__main__":
    sys.exit(serve("outlets", build))
