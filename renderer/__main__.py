"""``python -m renderer --plan PLAN``: the renderer node."""

import sys

from phosphene.node import serve
from renderer.node import build

if __name__ == "__main__":
    sys.exit(serve("renderer", build))
