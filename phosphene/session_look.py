"""What can be known before anything starts of what decodes and paints: files, packages, engines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from phosphene.consent import load_consent
from phosphene.doctor import Finding
from phosphene.engines.choose import why_not_here
from phosphene.errors import PhospheneError
from phosphene.session import RendererSettings, Session

__all__ = ["file_findings", "renderer_findings"]

LARGE = "diffusers:"
PARTS = ("torch", "diffusers", "transformers")
TRAIN = 'pip install "phosphene[train]"'
SHIPPED = Path(__file__).resolve().parents[1] / "renderer" / "weights"


def renderer_findings(settings: RendererSettings, shipped: Path = SHIPPED) -> tuple[Finding, ...]:
    """Look at what paints.

    Parameters
    ----------
    settings : RendererSettings
        Of the session.
    shipped : Path
        Folder of the shipped weights.

    Returns
    -------
    tuple of Finding
        Model, engine and, for a large pipeline, what it needs beside. Nothing is loaded, and the
        network is never asked.
    """
    if not settings.model.startswith(LARGE):
        return (_own_model(settings.model, shipped), _engine(settings.engine))
    place = settings.model.removeprefix(LARGE)
    return (
        *_packages(),
        _folder("renderer.model", place, "model_index.json"),
        *_beside(settings),
        _large_engine(settings.engine),
    )


def file_findings(session: Session) -> tuple[Finding, ...]:
    """Look at the files of bundle and consent that a session names, with absolute paths."""
    bundle, consent, found = session.decoder.bundle, session.gate.consent, list[Finding]()
    if bundle is None:
        found.append(Finding("hint", "decoder.bundle is not set: nothing will be decoded",
                             "set it; phosphene fit makes one"))  # fmt: skip
    elif (bundle / "manifest.json").is_file() or bundle.is_file():
        found.append(Finding("ok", f"bundle {bundle}: there"))
    else:
        found.append(Finding("error", f"bundle {bundle}: there is none",
                             "correct decoder.bundle, or fit one with phosphene fit"))  # fmt: skip
    if consent is None:
        text = "the session file names no consent: without --consent FILE no frame will pass"
        found.append(Finding("hint", text, "start it with --consent FILE, or set gate.consent"))
        return tuple(found)
    try:
        load_consent(consent)
    except PhospheneError as error:
        found.append(Finding("error", str(error), "correct gate.consent or that file"))
    else:
        found.append(Finding("ok", f"consent {consent}: there and readable"))
    return tuple(found)


def _own_model(name: str, shipped: Path) -> Finding:
    folder = shipped if name == "world-64" else shipped / name
    cure = "install Phosphene again; or set renderer.model to another one"
    try:
        files = json.loads((folder / "model.json").read_text("utf-8"))["files"]
        graphs = [file for file in files if file.endswith(".onnx")]  # the rest is for training
        missing = [file for file in graphs if not _is_there(folder, file)]
    except (OSError, ValueError, KeyError) as error:
        return Finding("error", f'renderer.model "{name}": model.json: {error}', cure)
    if missing:
        return Finding("error", f'renderer.model "{name}": missing {", ".join(missing)}', cure)
    return Finding("ok", f'renderer.model "{name}": its weights are there')


def _is_there(folder: Path, name: str) -> bool:
    # world-64 shares its decoder with the encoder's package.
    return (folder / name).is_file() or (SHIPPED.parents[1] / "phosphene/data" / name).is_file()


def _engine(name: str) -> Finding:
    missing = why_not_here(name)
    if missing is None:
        return Finding("ok", f'renderer.engine "{name}": runs here')
    cure = 'set renderer.engine = "auto", or install what is missing'
    return Finding("warning", f'renderer.engine "{name}": {missing}; the CPU would paint', cure)


def _large_engine(name: str) -> Finding:
    if name in ("auto", "torch", "cuda", "cpu", "reference"):
        return Finding("ok", f'renderer.engine "{name}": torch paints large pipelines')
    text = f'renderer.engine "{name}" does not run large pipelines, torch would paint'
    return Finding("warning", text, 'set renderer.engine = "auto"')


def _packages() -> Iterator[Finding]:
    missing = [name for name in PARTS if find_spec(name) is None]
    if missing:
        text = f"renderer.model: {', '.join(missing)} not installed, large pipelines need them"
        yield Finding("error", text, TRAIN)
    else:
        yield Finding("ok", f"{', '.join(PARTS)} are installed")


def _beside(settings: RendererSettings) -> Iterator[Finding]:
    large = settings.large
    if large.tiny is not None:
        yield _folder("renderer.large.tiny", large.tiny, "config.json")
    for name in ("lora", "adapter"):
        place = getattr(large, name)
        if place is not None:
            yield _folder(f"renderer.large.{name}", place, "")


def _folder(what: str, place: str, marker: str) -> Finding:
    """Look for a folder, a file, or a hub id among what was downloaded before."""
    given = Path(place).expanduser()
    if given.is_file() and not marker:
        return Finding("ok", f"{what} {place}: there")
    found = given if given.is_dir() else _downloaded(place)
    if found is None:
        cure = f"correct the path, or download it once: hf download {place}"
        return Finding("error", f"{what} {place}: not on this machine", cure)
    if marker and not (found / marker).is_file():
        cure = "save it with save_pretrained, or download it whole"
        return Finding("error", f"{what} {place}: has no {marker}", cure)
    return Finding("ok", f"{what} {place}: there")


def _downloaded(place: str) -> Path | None:
    """Return the newest folder of a hub id in the cache of huggingface_hub; None without one."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    cache = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    owner, _, rest = place.partition("/")
    model = rest.partition("/")[0]
    snapshots = cache / f"models--{owner}--{model}" / "snapshots"
    folders = sorted(snapshots.glob("*/"), key=lambda p: p.stat().st_mtime) if model else []
    return folders[-1] if folders else None
