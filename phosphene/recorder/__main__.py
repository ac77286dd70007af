"""``python -m phosphene.recorder --plan FILE``."""

import sys

from phosphene.node import serve
from phosphene.recorder.node import RecorderNode

if __name__ == "__main__":
    sys.exit(serve("recorder", RecorderNode))
