"""What was seen, for the generator: ``python -m decoder.encoding.seen SOURCE --out SEEN.npz``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decoder.cli import add_load_options, load_options
from decoder.encoding.sets import seen_once
from decoder.encoding.settings import EncodeSettings
from decoder.encoding.source import open_source
from phosphene.errors import PhospheneError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write z and c of everything that was seen; nothing where the generator does not know them."""
    parser = argparse.ArgumentParser(prog="python -m decoder.encoding.seen", description=__doc__)
    parser.add_argument("source", type=Path, help="prepared data (.npz), or trials")
    parser.add_argument("--out", type=Path, required=True, help="file to write (.npz)")
    add_load_options(parser)
    given = parser.parse_args(arguments)
    usual = EncodeSettings()
    try:
        source = open_source(given.source, load_options(given), usual.block_s, lambda _: None)
        if source.painted:
            seen = seen_once(source.data)
            np.savez(given.out, z=seen.z, c=seen.c)
    except PhospheneError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
