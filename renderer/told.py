"""What paints, told for the record: model, weights, engine, size and every setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phosphene.session import RendererSettings
from renderer.protocol import Described, Painter

__all__ = ["told_of"]

LARGE = "diffusers:"


def told_of(painter: Painter, settings: RendererSettings) -> dict[str, Any]:
    """Return the fields of a `phosphene.messages.Painting`.

    Folders keep their name alone: where they lie may name a person.
    """
    values = settings.model_dump(mode="json")
    large = values.pop("large")
    if settings.model.startswith(LARGE):
        values |= {f"large.{name}": value for name, value in large.items()}
    texts = {name: _text(value) for name, value in values.items()}
    return {
        "model": texts["model"],
        "weights": painter.model,
        "engine": painter.describe() if isinstance(painter, Described) else "",
        "size_px": painter.size_px,
        "settings": texts,
    }


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if not isinstance(value, str):
        return json.dumps(value)
    kind = LARGE if value.startswith(LARGE) else ""
    place = value.removeprefix(LARGE)
    is_path = place.startswith(("/", "~", ".")) or Path(place).exists()
    return kind + (Path(place).name if is_path else place)
