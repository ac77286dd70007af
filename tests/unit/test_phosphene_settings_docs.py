"""The tables of settings in the documents are those of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from phosphene.consent import Scope
from phosphene.session import load_session
from phosphene.session_eeg import EegSettings
from phosphene.session_renderer import LargeSettings, RendererSettings
from phosphene.session_source import SourceSettings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/eeg-settings.md"
OF_RENDERER = ROOT / "docs/how-to/renderer-settings.md"
OF_SOURCE = ("kind", "source_ids", "labels")
_LIMITS = (
    ("exclusiveMinimum", "above"),
    ("minimum", "from"),
    ("exclusiveMaximum", "below"),
    ("maximum", "to"),
)
_KINDS = {"number": "number", "integer": "whole number", "string": "text", "boolean": "true, false"}


def accepted(schema: dict[str, Any]) -> str:
    """Word what a JSON schema accepts."""
    if "$ref" in schema:
        return "table"
    if "anyOf" in schema:
        kinds = [accepted(s) for s in schema["anyOf"] if s.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in schema or "const" in schema:
        return ", ".join(told(v) for v in schema.get("enum", [schema.get("const")]))
    if "pattern" in schema:
        parts = schema["pattern"].removeprefix("^(").removesuffix(")$").split("|")
        return ", ".join(f'`"{part.replace(".+", "...")}"`' for part in parts)
    if "prefixItems" in schema:
        return "two of: " + accepted(schema["prefixItems"][0])
    if schema.get("type") == "array":
        return "list of " + accepted(schema["items"])
    if schema.get("type") == "object":
        return 'table of text = text, as `{ "1" = "house" }`'
    limits = [f"{words} {schema[key]:.10g}" for key, words in _LIMITS if key in schema]
    return " ".join([_KINDS[schema["type"]], *limits])


def told(value: Any) -> str:
    """Word a default as TOML."""
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    if isinstance(value, BaseModel):
        return "`{ }`"
    if isinstance(value, list | tuple):
        return f"`{list(value)}`"
    return f"`{value}`" if value != {} else "`{ }`"


def rows_of(model: type[BaseModel], names: tuple[str, ...] = ()) -> list[str]:
    """Return a line of the table for each setting."""
    schema = model.model_json_schema()["properties"]
    return [
        f"| `{name}` | {accepted(schema[name])} | "
        f"{'must be given' if field.is_required() else told(field.default)} |"
        for name, field in model.model_fields.items()
        if not names or name in names
    ]


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        (PAGE, [*rows_of(EegSettings), *rows_of(SourceSettings, OF_SOURCE)]),
        (OF_RENDERER, [*rows_of(RendererSettings), *rows_of(LargeSettings)]),
    ],
)
def test_the_pages_of_settings_have_every_setting_as_it_is(page: Path, wanted: list[str]) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    missing = [row for row in wanted if row not in lines]
    assert not missing, f"put these lines into {page.name}:\n" + "\n".join(missing)
    rows = [line for line in lines if line.startswith("| `")]
    assert sorted(rows) == sorted(wanted), "lines of settings that are gone"


def test_the_example_of_a_scanner_shows_every_setting_of_the_renderer() -> None:
    text = (ROOT / "examples/session-scanner.toml").read_text(encoding="utf-8")
    part = text.partition("[renderer]")[2].partition("\n[")[0]
    lines = [line.removeprefix("# ") for line in part.splitlines()]
    absent = [n for n in RendererSettings.model_fields
              if not any(line.startswith(f"{n} = ") for line in lines)]  # fmt: skip
    assert absent == []
    names = set(LargeSettings.model_fields)
    assert {name for name in names if name not in part} == set()


def test_the_example_of_consent_names_every_scope() -> None:
    text = (ROOT / "examples/consent.toml").read_text(encoding="utf-8")
    assert [s.value for s in Scope if f'"{s.value}"' not in text] == []


@pytest.mark.parametrize("name", ["eeg", "scanner", "network"])
def test_the_examples_are_valid(name: str) -> None:
    load_session(ROOT / f"examples/session-{name}.toml")
