"""Settings of the renderer as text, both ways: what `phosphene paint` and the window send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from phosphene.errors import ConfigError, problem
from phosphene.session import RendererSettings, explain

__all__ = ["RELOADS", "needs_loading", "wished", "worded"]

NOTHING = "none"
RELOADS = ("model", "engine", "precision", "size_px", "threads", "large")
"""Settings that take another painter, which is loaded while the old one goes on painting."""


def wished(settings: RendererSettings, arguments: Mapping[str, str]) -> RendererSettings:
    """Return the settings with some of them changed as the texts say.

    ``none`` is no value, cores are separated by commas, and the settings of a large pipeline are
    named ``large.NAME``.

    Raises
    ------
    ConfigError
        With every problem found.
    """
    values = settings.model_dump(mode="json")
    for name, text in arguments.items():
        outer, dot, inner = name.partition(".")
        if dot and isinstance(values.get(outer), dict):
            values[outer] = {**values[outer], inner: _value(inner, text)}
        else:
            values[name] = _value(name, text)
    large = str(values["model"]).startswith("diffusers:")
    if not large and not any(name.startswith("large.") for name in arguments):
        values.pop("large")  # goes with the large model that is left
    try:
        return RendererSettings.model_validate(values, strict=False)
    except ValidationError as error:
        raise ConfigError("renderer: " + "; ".join(explain(error))) from error


def worded(settings: RendererSettings) -> str:
    """Return all settings as ``name=value``, each as `wished` takes it."""
    values = settings.model_dump(mode="json")
    large = values.pop("large")
    if settings.model.startswith("diffusers:"):
        values |= {f"large.{name}": value for name, value in large.items()}
    return ", ".join(f"{name}={_text(value)}" for name, value in values.items())


def needs_loading(old: RendererSettings, new: RendererSettings) -> bool:
    """Say whether a change takes another painter."""
    return any(getattr(old, name) != getattr(new, name) for name in RELOADS)


def _value(name: str, text: str) -> Any:
    if text.strip().lower() == NOTHING:
        return None
    if name == "cores":
        return _cores(text)
    if name == "steps" and text.strip().isdigit():
        return int(text)  # one of three numbers: a text is never taken for one of them
    return text


def _cores(text: str) -> list[int]:
    try:
        return [int(part) for part in text.strip("[]() ").split(",") if part.strip()]
    except ValueError as cause:
        allowed, cure = "numbers separated by commas, or none", "For instance cores=0,1."
        raise ConfigError(problem("cores", text, allowed, cure)) from cause


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)
