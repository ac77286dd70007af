"""``python -m phosphene.stop --plan FILE``."""

import sys

from phosphene.node import serve
from phosphene.stop.node import StopNode

if __name__ == "__main__":
    sys.exit(serve("stop", StopNode))
