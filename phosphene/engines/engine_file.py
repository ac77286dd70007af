"""Engine files: a built engine, what it was built from and for, and a digest over both.

Layout: ``PHOSENG1``, length of the header (4 bytes, big-endian), header (JSON), engine, SHA-256 of
all that comes before. An engine belongs to one graph, precision, set of shapes, engine version and
kind of GPU; a file is refused, with every reason, where one of them is another, or where a byte of
it is missing or changed.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

import msgspec

from phosphene.engines.device import NONE, Device
from phosphene.errors import BundleError, problem

__all__ = ["NOT_CHECKED", "EngineFile", "Made", "key_of", "read_engine_file", "write_engine_file"]

MAGIC = b"PHOSENG1"
DIGEST_BYTES = 32
NOT_CHECKED = "parity not checked: no GPU"
CURE = "Build it anew: phosphene build-engine."


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an engine was built from and for.

    Attributes
    ----------
    label : str
        Name of the graph for people, such as ``world-256-1-step``.
    graph : str
        SHA-256 of the ONNX graph.
    precision : str
        ``fp32`` or ``fp16``.
    shapes : dict of str to tuple of int
        Of each input.
    engine, version : str
        What has built it.
    gpu, capability : str
        The GPU that it was built on; empty capability: built ahead of time, without one.
    targets : tuple of str
        Compute capabilities that it was built for.
    """

    label: str
    graph: str
    precision: str
    shapes: dict[str, tuple[int, ...]]
    engine: str
    version: str
    gpu: str
    capability: str
    targets: tuple[str, ...] = ()

    def runs_on(self, device: Device) -> bool:
        """Tell whether an engine that was built for this runs on a GPU."""
        if self.capability:
            return (self.gpu, self.capability) == (device.name, device.capability)
        return device == NONE or device.capability in self.targets


class EngineFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An engine and what is known of it; `parity` tells in words what was compared."""

    made: Made
    parity: str
    engine_bytes: bytes = b""


def key_of(made: Made) -> str:
    """Return 16 hexadecimal digits that name an engine; any difference but the label changes it."""
    facts: dict[str, Any] = {**msgspec.to_builtins(made), "label": ""}
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()[:16]


def write_engine_file(path: Path, content: EngineFile) -> None:
    """Write a file whole or not at all, readable for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = {"made": content.made, "parity": content.parity, "bytes": len(content.engine_bytes)}
    header = msgspec.json.encode(facts, order="deterministic")
    body = MAGIC + len(header).to_bytes(4, "big") + header + content.engine_bytes
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(body)
            stream.write(hashlib.sha256(body).digest())
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_engine_file(path: Path, wanted: Made | None = None, device: Device = NONE) -> EngineFile:
    """Read an engine, if it is whole and the one that is wanted.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    wanted : Made, optional
        What it has to be built from and with; left out, only that it is whole.
    device : Device
        The GPU that has to run it.

    Raises
    ------
    BundleError
        With all reasons why it is refused.
    """
    content = _whole(path)
    if wanted is not None:
        reasons = _differences(content.made, wanted)
        if not content.made.runs_on(device):
            built = content.made.gpu if content.made.capability else ", ".join(content.made.targets)
            got = f"built for {built} {content.made.capability}".rstrip()
            reasons.append(f"{got}, here is {device.name} {device.capability}".rstrip())
        if reasons:
            raise _refused(path, "; ".join(reasons))
    return content


def _differences(made: Made, wanted: Made) -> list[str]:
    names = {"graph": "another graph", "precision": "another precision", "shapes": "other shapes",
             "engine": "another engine", "version": "another version"}  # fmt: skip
    found = []
    for name, words in names.items():
        got, need = getattr(made, name), getattr(wanted, name)
        if got != need:
            short = 12 if name == "graph" else 80
            found.append(f"{words}: {str(got)[:short]}, here is {str(need)[:short]}")
    return found


def _whole(path: Path) -> EngineFile:
    try:
        held = path.stat()
        body = path.read_bytes()
    except OSError as error:
        raise _refused(path, f"cannot be read: {error}") from error
    if held.st_uid != os.getuid() or held.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _refused(path, "others can write it")
    start = len(MAGIC) + 4
    if len(body) < start + DIGEST_BYTES or not body.startswith(MAGIC):
        raise _refused(path, "no engine file, or cut off")
    end = start + int.from_bytes(body[len(MAGIC) : start], "big")
    try:
        facts = msgspec.json.decode(body[start:end])
        size, parity = int(facts["bytes"]), str(facts["parity"])
        made = msgspec.convert(facts["made"], Made)
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise _refused(path, f"its header cannot be read: {error}") from error
    if len(body) != end + size + DIGEST_BYTES:
        raise _refused(path, f"cut off: {len(body)} of {end + size + DIGEST_BYTES} bytes")
    if hashlib.sha256(body[:-DIGEST_BYTES]).digest() != body[-DIGEST_BYTES:]:
        raise _refused(path, "its bytes are not those that were written")
    return EngineFile(made, parity, body[end : end + size])


def _refused(path: Path, reason: str) -> BundleError:
    return BundleError(problem("engine", path.name, "one that belongs here", f"{reason}. {CURE}"))
