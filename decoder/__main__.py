"""``python -m decoder --plan PLAN``: the decoder node."""

import sys

from decoder.node import build
from phosphene.node import serve

if __name__ == "__main__":
    sys.exit(serve("decoder", build))
