"""``python -m acquisition --plan FILE``: the acquisition node."""

from __future__ import annotations

import sys

from acquisition.start import build, load
from phosphene.node import serve

if __name__ == "__main__":
    sys.exit(serve("acquisition", build, load=load))
