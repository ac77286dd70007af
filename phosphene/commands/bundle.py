"""``phosphene bundle``: look at a bundle, check it, make one file of it, or a folder again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from phosphene.bundle import CARD, Bundle
from phosphene.bundle_store import PHOS
from phosphene.commands.base import CliCommand
from phosphene.commands.keys import add_key_options, steward_key
from phosphene.describe import describe_bundle
from phosphene.engine import OnnxEngine
from phosphene.errors import BundleError, ConfigError, check_all, problem
from phosphene.model_card import untold
from phosphene.seal.bundles import SEALED_BUNDLE, seal_bundle
from phosphene.seal.keys import load_public
from phosphene.seal.opening import unlocked

__all__ = ["BUNDLE"]

LEAST_DIGITS = 12


def _configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    kinds: tuple[tuple[str, str, Callable[[argparse.Namespace], int]], ...] = (
        ("show", "tell what it decodes and how well; --card prints the model card", _show),
        ("check", "verify every file and load the graph", _check),
        ("pack", f"make a single {PHOS} file", _pack),
        ("unpack", "make a folder", _unpack),
        ("seal", "make a file that only a data steward's key opens", _seal),
    )
    for name, summary, run in kinds:
        sub = actions.add_parser(name, help=summary, description=summary)
        sub.add_argument("bundle", type=Path, help=f"folder or {PHOS} file")
        if name == "show":
            sub.add_argument("--card", action="store_true", help="print the model card")
        if name == "check":
            sub.add_argument("--digest", metavar="D", help="digest that the fit told, or its first "
                             "12 digits or more")  # fmt: skip
        if name == "seal":
            sub.add_argument("--to", type=Path, action="append", required=True, metavar="PUB",
                             help="public key of a data steward; may be repeated")  # fmt: skip
            sub.add_argument("--out", type=Path, help="where; by default beside it")
        else:
            add_key_options(sub)
        if name in ("pack", "unpack"):
            sub.add_argument("--out", type=Path, help="where; by default beside it")
            sub.add_argument("--replace", action="store_true", help="replace what is there")
        sub.set_defaults(run_action=run)


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run_action
    if arguments.action == "seal":
        return run(arguments)
    with unlocked([arguments.bundle], steward_key(arguments)):
        return run(arguments)


def _show(arguments: argparse.Namespace) -> int:
    bundle = Bundle.load(arguments.bundle)
    if arguments.card:
        card = bundle.payload.get(CARD)
        if card is None:
            raise BundleError(problem(CARD, "missing", "a model card", "Fit the bundle anew."))
        print(card.decode(), end="")
    else:
        print(describe_bundle(bundle))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    bundle = Bundle.load(arguments.bundle)
    _check_told(bundle, arguments.digest)
    engine = OnnxEngine(bundle.graph)
    total = sum(len(content) for content in bundle.payload.values())
    print(
        f"{arguments.bundle}: {len(bundle.payload)} files, {total} bytes, all as their hashes say"
    )
    print(f"graph: {'; '.join(map(str, engine.inputs))} -> {'; '.join(map(str, engine.outputs))}")
    print(f"digest {bundle.digest}" + (", as asked" if arguments.digest else ""))
    if not arguments.digest:
        print("whoever changes manifest.json and card together is not noticed by this: compare "
              "with the digest that the fit told, --digest D")  # fmt: skip
    return 0


def _check_told(bundle: Bundle, digest: str | None) -> None:
    """Compare the manifest with the card, and its digest with the one that is asked for."""
    found = []
    if digest is not None and len(digest) < LEAST_DIGITS:
        found.append(problem("--digest", digest, f"{LEAST_DIGITS} digits or more", "Give more."))
    elif digest is not None and not bundle.digest.startswith(digest.lower()):
        found.append(
            problem("digest", bundle.digest, digest, "It is not the bundle that the fit wrote.")
        )
    card = bundle.payload.get(CARD)
    if card is not None and (lines := untold(bundle.manifest, card.decode("utf-8", "replace"))):
        cure = "One of them was changed after the fit; fit anew, or take the bundle from its maker."
        found.append(problem("manifest.json", lines[0], f"the figures of {CARD}", cure))
    check_all(found, BundleError, "bundle")


def _pack(arguments: argparse.Namespace) -> int:
    goal = arguments.out or arguments.bundle.with_name(arguments.bundle.name + PHOS)
    if goal.suffix != PHOS:
        raise ConfigError(problem("--out", str(goal), f"a name that ends in {PHOS}", "Rename it."))
    return _written(arguments, goal)


def _unpack(arguments: argparse.Namespace) -> int:
    goal = arguments.out or arguments.bundle.with_suffix("")
    if goal.suffix == PHOS or goal == arguments.bundle:
        raise ConfigError(problem("--out", str(goal), "a name of a folder", "Give another."))
    return _written(arguments, goal)


def _seal(arguments: argparse.Namespace) -> int:
    bundle = Bundle.load(arguments.bundle)
    name = arguments.bundle.name.removesuffix(PHOS) + SEALED_BUNDLE
    goal = arguments.out or arguments.bundle.with_name(name)
    seal_bundle(bundle, goal, [load_public(path) for path in arguments.to], datetime.now(UTC))
    print(f"{goal}: digest {bundle.digest[:12]}; {arguments.bundle} lies there as before: erase it")
    return 0


def _written(arguments: argparse.Namespace, goal: Path) -> int:
    bundle = Bundle.load(arguments.bundle)
    print(f"{bundle.write(goal, replace=arguments.replace)}: digest {bundle.digest[:12]}")
    return 0


BUNDLE = CliCommand("bundle", "look at, check, pack, unpack or seal a bundle", _configure, _run)
