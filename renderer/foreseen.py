"""What can be said at once of a wish for another painter: that it cannot be had on this machine.

Nothing is loaded here, and no library that takes seconds to import: the node that asks paints
frames meanwhile. What passes may still fail when it is loaded.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from phosphene.engines.choose import ENGINES, why_not_here
from phosphene.errors import ConfigError, InputError, check_all, problem
from phosphene.session import RendererSettings

__all__ = ["foresee"]

LARGE = "diffusers:"
EXTRA = ("torch", "diffusers", "transformers", "safetensors", "huggingface_hub")


def foresee(old: RendererSettings, new: RendererSettings) -> None:
    """Refuse a change of settings that is sure to fail when it is loaded.

    Raises
    ------
    ConfigError
        With everything that is foreseen: an engine that cannot run here, a folder that is not
        there, a hub id of which nothing was downloaded, a missing extra.
    """
    found = [] if new.engine == old.engine else _engine(new.engine)
    if new.model.startswith(LARGE) and (new.model, new.large) != (old.model, old.large):
        found += _large(new)
    check_all(found, ConfigError, "renderer")


def _engine(name: str) -> list[str]:
    reason = why_not_here(name)
    if reason is None:
        return []
    allowed = ", ".join(one for one in ENGINES if why_not_here(one) is None)
    return [problem("engine", name, f"{allowed} (those that run here)", f"{reason}.")]


def _large(settings: RendererSettings) -> list[str]:
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        got = f"{settings.model}, and {', '.join(missing)} missing"
        cure = "Install it: pip install 'phosphene[train]'."
        return [problem("model", got, "what the extra [train] is installed for", cure)]
    large = settings.large
    places = {
        "model": settings.model.removeprefix(LARGE),
        "large.lora": large.lora,
        "large.tiny": large.tiny,
        "large.adapter": large.adapter,
    }
    return [line for what, place in places.items() if place for line in _place(what, place)]


def _place(what: str, place: str) -> list[str]:
    """Look for a folder or file, or for what was downloaded of a hub id."""
    from renderer.large.files import refuse_absent

    if Path(place).expanduser().exists():
        return []
    try:
        # A file of a hub is named by OWNER/MODEL/FILE.
        refuse_absent(place if what in ("model", "large.tiny") else _repository(place), what)
    except InputError as error:
        return [str(error)]
    return []


def _repository(place: str) -> str:
    return place if place.startswith((".", "/", "~")) else "/".join(place.split("/")[:2])
