"""Target spaces: what a decoder's z and c are, how pictures become z and c, and z a picture."""

from __future__ import annotations

from decoder.spaces.base import CCoder, Space, TargetSpace, ZCoder
from decoder.spaces.pictures import resize
from decoder.spaces.registry import open_space

__all__ = ["CCoder", "Space", "TargetSpace", "ZCoder", "open_space", "resize"]
