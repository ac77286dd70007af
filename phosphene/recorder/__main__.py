"""``python -m phosphene.recorder --plan FILE``."""

import resource
import sys

from phosphene.node import serve
from phosphene.recorder.node import RecorderNode

if __name__ == "__main__":
    # What a sealed recording keeps from the disk must not reach it in a core dump.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(serve("recorder", RecorderNode))
