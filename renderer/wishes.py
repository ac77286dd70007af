"""Settings of the renderer as text, both ways: what `phosphene paint` and the window send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from phosphene.errors import ConfigError, problem
from phosphene.session import RendererSettings
from phosphene.session_renderer import LargeSettings
from phosphene.setting_words import worded_problem

__all__ = ["HOW", "RELOADS", "changed", "needs_loading", "taken_over", "wished", "worded"]

NOTHING = "none"
RELOADS = ("model", "engine", "precision", "size_px", "threads", "large")
"""Settings that take another painter, which is loaded while the old one goes on painting."""
HOW = ("mode", "strength", "guides", "guidance", "warm_start", "steps")
"""Settings for which a painter may first have to prepare something."""
LISTED = "`phosphene paint --help` lists all settings."


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
        found = [worded_problem(one, RendererSettings, LISTED) for one in error.errors()]
        raise ConfigError("renderer: " + "; ".join(found)) from error


def worded(settings: RendererSettings) -> str:
    """Return all settings as ``name=value``, each as `wished` takes it."""
    large = settings.model.startswith("diffusers:")
    pairs = _pairs(settings)
    return _joined({k: v for k, v in pairs.items() if large or not k.startswith("large.")})


def changed(old: RendererSettings, new: RendererSettings, names: Iterable[str]) -> str:
    """Return those of some settings that differ, as ``name=value`` of the new ones."""
    before, wanted = _pairs(old), set(names)
    large = new.model.startswith("diffusers:")  # otherwise that table goes with the model
    return _joined(
        {
            name: value
            for name, value in _pairs(new).items()
            if value != before[name]
            and name.partition(".")[0] in wanted
            and (large or not name.startswith("large."))
        }
    )


def taken_over(
    settings: RendererSettings, other: RendererSettings, names: Iterable[str]
) -> RendererSettings:
    """Return settings with some of them as they are in the other ones."""
    return settings.model_copy(update={name: getattr(other, name) for name in names})


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


def _pairs(settings: RendererSettings) -> dict[str, str]:
    values = settings.model_dump(mode="json")
    large = values.pop("large")
    values |= {f"large.{name}": large[name] for name in LargeSettings.model_fields}
    return {name: _text(value) for name, value in values.items()}


def _joined(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in pairs.items())


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, list):
        return ",".join(map(str, value))
    return json.dumps(value) if isinstance(value, bool) else str(value)
