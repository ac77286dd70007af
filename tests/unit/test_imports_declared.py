"""What is imported is declared: nothing works only because something else happens to bring it."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"phosphene", "acquisition", "decoder", "renderer", "gui", "tests"}
FOR_TYPES = {"_typeshed"}
"""Known to type checkers only."""
NAMED = {
    "PIL": "pillow",
    "PySide6": "pyside6-essentials",
    "google": "protobuf",
    "mcap_protobuf": "mcap-protobuf-support",
    "pytestqt": "pytest-qt",
    "rtspm": "python-rtspm",
    "serial": "pyserial",
    "sklearn": "scikit-learn",
    "zmq": "pyzmq",
}
"""Packages whose import has another name than what is installed."""
IMPORT = re.compile(
    r"^(?P<indent>[ ]*)(?:from (?P<of>\w[\w.]*) import"
    r"|import (?P<plain>\w[\w.]*)(?: as \w+)?(?: *#.*)?$"
    r"|.*\b(?:import_module|importorskip|find_spec)\(\"(?P<named>\w[\w.]*)\")",
    re.MULTILINE,
)
"""A statement, or a call that imports, or asks for, what it names."""
LIGHT = ("phosphene", "acquisition", "gui")
"""Work with what a default installation has; what they import inside of functions may be extra."""


def _table() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def _names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", line) for line in requirements)
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


def _default() -> set[str]:
    return _names(_table()["dependencies"])


def _extras(*left_out: str) -> set[str]:
    extras = _table()["optional-dependencies"]
    return set().union(*(_names(lines) for name, lines in extras.items() if name not in left_out))


def _imports(file: Path, *, at_once: bool = False) -> Iterator[str]:
    """Yield what a file imports; `at_once`: only what it needs to be imported itself."""
    for found in IMPORT.finditer(file.read_text()):
        if not (at_once and found["indent"]):
            yield found["of"] or found["plain"] or found["named"]


def _undeclared(folder: str, declared: set[str], *, at_once: bool = False) -> list[str]:
    found = set()
    beside = {path.stem for path in (ROOT / "tests/unit").glob("*.py")}
    for file in sorted((ROOT / folder).rglob("*.py")):
        for module in _imports(file, at_once=at_once):
            top = module.split(".")[0]
            if top in sys.stdlib_module_names | OWN | FOR_TYPES | beside:
                continue
            needed = NAMED.get(top, top.replace("_", "-").lower())
            if needed not in declared:
                found.add(f"{file.relative_to(ROOT)} imports {top}: {needed} is not declared")
    return sorted(found)


@pytest.mark.parametrize("folder", sorted(OWN - {"tests"}))
def test_every_import_of_a_package_is_declared(folder: str) -> None:
    assert not _undeclared(folder, _default() | _extras("dev", "bench"))


@pytest.mark.parametrize("folder", LIGHT)
def test_a_default_installation_can_be_imported(folder: str) -> None:
    assert not _undeclared(folder, _default(), at_once=True)


def test_every_import_of_the_tests_is_declared() -> None:
    assert not _undeclared("tests", _default() | _extras())


def test_an_undeclared_import_is_found() -> None:
    found = _undeclared("phosphene", _default() - {"lz4", "pyzmq"})
    assert any("imports lz4" in line for line in found)
    assert any("imports zmq" in line for line in found)
