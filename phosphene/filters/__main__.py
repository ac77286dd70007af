"""``python -m phosphene.filters``: a content filter in a process of its own, for the gate."""

from __future__ import annotations

import sys

from phosphene.filters.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
