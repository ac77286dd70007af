"""Names of contrasts, as the window has them too."""

from __future__ import annotations

from phosphene.contrasts import contrast_words

__all__ = ["contrast_words"]
