"""``python -m acquisition.simulate``."""

from __future__ import annotations

import sys

from acquisition.simulate.cli import main

if __name__ == "__main__":
    sys.exit(main())
