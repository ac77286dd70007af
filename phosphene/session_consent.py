"""Settings of consent: for which visit it has to be, and who may sign it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ConsentSettings"]

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class ConsentSettings(BaseModel):
    """What is asked of a consent beside its scopes.

    Parameters
    ----------
    visit : str or None
        Identifier of this session of the person; a consent for another one is refused.
    study : str
        Identifier of the study; where it is set, a consent to another study is refused.
    trusted_keys : tuple of Path
        Public keys (``phosphene keys new --signing``) of which one must have signed the consent.
    unsigned : bool
        Without trusted keys: a live session may rest on an unsigned consent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    visit: Name | None = None
    study: Annotated[str, Field(max_length=200)] = ""
    trusted_keys: tuple[Path, ...] = ()
    unsigned: bool = False
