"""The plainest c: one code for each category."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from decoder.spaces.base import Floats, name_of
from decoder.spaces.pictures import Pictures
from phosphene.errors import ConfigError, check_all, problem

__all__ = ["Prototypes"]


class Prototypes:
    """c = 1 at the category and -1 / (K - 1) elsewhere, so that the mean of all K codes is 0.

    Parameters
    ----------
    categories : Sequence of str
        Two or more names.
    """

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = tuple(categories)
        if len(self.categories) < 2 or len(set(self.categories)) < len(self.categories):
            allowed = "two or more different names"
            cure = "Write prototypes:face+house, say."
            raise ConfigError(problem("prototypes", self.categories, allowed, cure))
        self.id = "prototypes:" + "+".join(self.categories)
        self.sha256 = name_of("prototypes", *self.categories)

    @property
    def c_dim(self) -> int:
        """One number for each category."""
        return len(self.categories)

    def encode_c(self, pictures: Pictures) -> Floats:
        """Refuse: a prototype is of a category, which a picture does not name."""
        raise ConfigError(
            problem(
                "c of prototypes",
                f"{len(pictures)} pictures",
                "names of categories",
                "Give labels, or a c that reads pictures: --space c=clip:FOLDER.",
            )
        )

    def encode_text(self, texts: Sequence[str]) -> Floats:
        """Codes (n, K) of category names."""
        names = ", ".join(self.categories)
        strange = [text for text in dict.fromkeys(texts) if text not in self.categories]
        found = [problem("text", text, names, "Use one of these.") for text in strange]
        check_all(found, ConfigError, "c of prototypes")
        k = len(self.categories)
        codes = np.full((len(texts), k), -1.0 / (k - 1), np.float32)
        for row, text in enumerate(texts):
            codes[row, self.categories.index(text)] = 1.0
        return codes
