"""``python -m phosphene.gate --plan FILE``."""

import sys

from phosphene.gate.node import GateNode
from phosphene.node import serve

if __name__ == "__main__":
    sys.exit(serve("gate", GateNode))
