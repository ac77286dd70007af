"""``phosphene join`` and ``phosphene observe``: this machine's part in a run of another one."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from phosphene.clock import MonotonicClock
from phosphene.commands.base import CliCommand

__all__ = ["JOIN", "OBSERVE"]

_LOOK_MS = 100


@contextmanager
def _asked_to_end() -> Iterator[list[int]]:
    """Return a list that Ctrl-C and a request to end leave their number in."""
    asked: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda number, _frame: asked.append(number)) for n in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _configure_join(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=Path, help="plan.json of the run, copied from the console")
    parser.add_argument("--as", dest="machine", required=True, metavar="NAME",
                        help="name of this machine in [network] of the session")  # fmt: skip
    parser.add_argument("--key", type=Path, required=True, help="private key of this machine")
    parser.add_argument("--bundle", type=Path, help="the person's bundle, where it lies elsewhere "
                        "than on the console")  # fmt: skip
    parser.add_argument("--bundle-key", type=Path, metavar="FILE", help="private key that opens "
                        "that bundle, where it is sealed")  # fmt: skip
    parser.add_argument("--passphrase-fd", type=int, metavar="N", help="file descriptor that its "
                        "passphrase is read from; default: PHOSPHENE_PASSPHRASE, else it is "
                        "asked for")  # fmt: skip
    parser.add_argument("--trust", type=Path, action="append", default=[], metavar="FILE",
                        help="public key of who may sign consents, likewise")  # fmt: skip


def _join(arguments: argparse.Namespace) -> int:
    from phosphene.commands.keys import steward_key
    from phosphene.seal.opening import unlocked

    own = argparse.Namespace(key=arguments.bundle_key, passphrase_fd=arguments.passphrase_fd)
    sealed = [] if arguments.bundle is None else [arguments.bundle]
    with unlocked(sealed, steward_key(own)):
        return _work_along(arguments)


def _work_along(arguments: argparse.Namespace) -> int:
    from phosphene.network.joining import Here, read_plan, run_nodes

    here = Here(arguments.machine, arguments.key, arguments.bundle, arguments.trust)
    plan = read_plan(arguments.plan, here)
    nodes = plan.network.mine.nodes if plan.network is not None else ()
    print(f"running here: {', '.join(nodes)}; ends with the run, or with Ctrl-C", flush=True)
    with _asked_to_end() as asked:
        run_nodes(plan, lambda line: print(line, flush=True), MonotonicClock(), lambda: bool(asked))
    return 0


def _configure_observe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", help="tcp://HOST:PORT of the observers, as the run tells it")
    parser.add_argument("--console", type=Path, required=True, metavar="FILE",
                        help="public key of the console")  # fmt: skip
    parser.add_argument("--key", type=Path, required=True, help="private key of this observer")


def _observe(arguments: argparse.Namespace) -> int:
    from phosphene.network.watching import DistantView, Silence, unanswered

    told, silence = "", Silence()
    with (
        _asked_to_end() as asked,
        DistantView(arguments.address, arguments.console, arguments.key, MonotonicClock()) as view,
    ):
        while not asked:
            view.socket.poll(_LOOK_MS)
            showing = view.look()
            if silence.begins(view.silent_s()):
                print(unanswered(arguments.address), flush=True)
            picture = showing.picture
            now = f"blank: {showing.reason}"
            if picture is not None and showing.frame is not None:
                size = f"{picture.shape[1]}x{picture.shape[0]}"
                now = f"picture {size} at level {showing.frame.level}"
            if now != told:
                told = now
                print(now, flush=True)
    print(f"{view.state.shown} frames shown, {view.state.gaps} missing")
    return 0


JOIN = CliCommand(
    "join", "run this machine's nodes of a run that another machine has begun",
    _configure_join, _join,
)  # fmt: skip
OBSERVE = CliCommand(
    "observe", "tell what observers see of a run on another machine", _configure_observe, _observe
)
