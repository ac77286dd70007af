"""``phosphene build-engine``: build engines of models and bundles ahead of time, and check them.

What the renderer opens is built here, graph for graph: the large model's pictures in 1, 2 and 4
steps, the small one's two parts; and the decoder of a bundle, or any ONNX file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

from phosphene.bundle import Bundle
from phosphene.bundle_store import PHOS
from phosphene.commands.base import CliCommand
from phosphene.engines.built import Builder, parity_of
from phosphene.engines.cache import EngineCache
from phosphene.engines.choose import ENGINES, open_engine, why_not_here
from phosphene.engines.device import device_here
from phosphene.engines.engine_file import read_engine_file
from phosphene.errors import BundleError, ConfigError, InputError, problem
from phosphene.stimuli.encoder import decoder_bytes
from renderer.generator import WEIGHTS
from renderer.graph import StartKind, compose
from renderer.world256 import WEIGHTS_256

__all__ = ["BUILD_ENGINE", "graphs_of"]

MODELS = ("world-256", "world-64")
PARTS = ("flow", "decoder", "low")
STARTS: tuple[StartKind, ...] = ("given", "low")
"""Where a picture in steps begins: at noise or the last picture, or at what z stands for."""
BUILT = "tensorrt-file"
USUAL = {BUILT: "fp16", "cuda": "fp16", "tensorrt": "fp16", "openvino": "bf16"}
Graph = tuple[str, bytes]
CURE = "Name world-256, world-64, a bundle or an ONNX file."


def graphs_of(what: str, steps: tuple[int, ...] = (1, 2, 4)) -> Iterator[Graph]:
    """Go through the graphs of a model, a bundle or a file, each with its label.

    Parameters
    ----------
    what : str
        ``world-256``, ``world-64``, a bundle (folder or .phos) or an ONNX file.
    steps : tuple of int
        Numbers of steps, for world-256.

    Raises
    ------
    InputError
        If there is no such thing.
    """
    path = Path(what)
    if what == "world-64":
        yield "world-64-flow", _read(WEIGHTS / "generator.onnx")
        yield "world-64-decoder", decoder_bytes()
    elif what == "world-256":
        flow, decoder, low = (_read(WEIGHTS_256 / f"{name}.onnx") for name in PARTS)
        yield "world-256-plain", compose(flow, decoder, low, 1, "plain")
        for start, count in product(STARTS, steps):
            yield f"world-256-{start}-{count}", compose(flow, decoder, low, count, start)
    elif path.suffix == ".onnx":
        yield path.stem, _read(path)
    elif path.is_dir() or path.suffix == PHOS:
        bundle = Bundle.load(path)
        yield f"bundle-{bundle.digest[:12]}", bundle.graph
    else:
        raise InputError(problem("WHAT", what, "a model, bundle or ONNX file", CURE))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(problem(path.name, str(error), "a readable file", CURE)) from error


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="*", default=list(MODELS),
        help="world-256, world-64, bundle (folder or .phos) or ONNX file",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=[name for name in ENGINES if name != "auto"], default=BUILT,
        help="tensorrt-file builds into the cache; the others are opened and checked",
    )  # fmt: skip
    parser.add_argument("--precision", choices=("fp16", "bf16", "fp32"), help="of the engine; "
                        "default: fp16 on GPUs, bf16 for openvino, else fp32")  # fmt: skip
    parser.add_argument("--steps", type=int, nargs="+", choices=(1, 2, 4), default=[1, 2, 4],
                        help="of world-256")  # fmt: skip
    parser.add_argument("--target", nargs="+", default=[], metavar="CC", help="compute "
                        "capabilities to build for, such as 8.9; default: this machine's GPU, "
                        "or 8.0 8.6 8.9 12.0 without one")  # fmt: skip
    parser.add_argument("--anew", action="store_true", help="build even what is cached")
    parser.add_argument("--list", action="store_true", help="list the cache and build nothing")
    parser.add_argument("--cache", type=Path, help="folder of built engines; default: "
                        "phosphene/engines in the user's cache folder")  # fmt: skip


def _run(arguments: argparse.Namespace) -> int:
    cache = EngineCache(arguments.cache)
    if arguments.list:
        return _listed(cache)
    arguments.precision = arguments.precision or USUAL.get(arguments.engine, "fp32")
    if arguments.engine == BUILT:
        if arguments.precision == "bf16":
            raise ConfigError(problem("--precision", "bf16", "fp16 or fp32", "Use fp16."))
        builder = Builder(cache, _once(_tell), arguments.target)
        return _each(arguments, lambda graph, label: _built(builder, arguments, graph, label))
    if reason := why_not_here(arguments.engine):
        raise ConfigError(problem("--engine", arguments.engine, "one that runs here", reason))
    return _each(arguments, lambda graph, label: _checked(arguments, graph, label))


def _each(arguments: argparse.Namespace, work: Callable[[bytes, str], None]) -> int:
    """Work on every graph; one that fails is told and does not keep the others from it."""
    failed = 0
    for what in arguments.what:
        for label, graph in graphs_of(what, tuple(arguments.steps)):
            try:
                work(graph, label)
            except BundleError as error:
                failed = 1
                print(f"{label}: {error}", file=sys.stderr)
    return failed


def _built(builder: Builder, arguments: argparse.Namespace, graph: bytes, label: str) -> None:
    start = time.monotonic()
    built = builder.build(graph, label, arguments.precision, arguments.anew)
    how = "cached" if built.cached else f"built in {time.monotonic() - start:.1f} s"
    made = built.content.made
    size = len(built.content.engine_bytes) / 2**20
    place = f"{made.gpu} ({made.capability})" if made.capability else ", ".join(made.targets)
    print(f"{built.path.name}: {how}, {size:.1f} MiB, {made.precision}, "
          f"{made.engine} {made.version} for {place}")  # fmt: skip
    print(f"  {built.content.parity}")


def _checked(arguments: argparse.Namespace, graph: bytes, label: str) -> None:
    start = time.monotonic()
    engine = open_engine(graph, arguments.engine, arguments.precision, 1, _tell, label)
    took = time.monotonic() - start
    found = parity_of(engine, graph, arguments.precision)
    if not found.agrees:
        raise BundleError(f"{engine.describe()}: {found.text}")
    print(f"{label}: {engine.describe()}, opened in {took:.1f} s\n  {found.text}")


def _listed(cache: EngineCache) -> int:
    """Tell every file, and why it could not be used here, if so."""
    device, found = device_here(), 0
    for held in cache:
        found += 1
        if held.content is None:
            print(f"{held.path.name}: {held.refused}")
            continue
        made = held.content.made
        try:
            read_engine_file(held.path, made, device)
            state = held.content.parity
        except BundleError as error:
            state = str(error)
        print(f"{held.path.name}: {made.engine} {made.version}, {made.precision}; {state}")
    if not found:
        print(f"{cache.folder}: no engines")
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Tell no line twice, however many engines it is about."""
    told: set[str] = set()

    def new(line: str) -> None:
        if line not in told:
            told.add(line)
            tell(line)

    return new


BUILD_ENGINE = CliCommand(
    "build-engine", "build and check the engines of models and bundles", _configure, _run
)
