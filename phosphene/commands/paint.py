"""``phosphene paint``: say how the pictures of a running session are painted."""

from __future__ import annotations

import argparse
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

import zmq

from phosphene.about import choose_folder
from phosphene.bus import RunFolder, running_folders
from phosphene.clock import MonotonicClock
from phosphene.commands.base import CliCommand
from phosphene.errors import ConfigError, MessageError, NodeError, problem
from phosphene.messages import Command, Message, Reply, decode, encode
from phosphene.network import Network, guarded_context
from phosphene.plan import Plan
from phosphene.session import RendererSettings
from phosphene.setting_words import settings_help

__all__ = ["PAINT", "ask_renderer"]

DEADLINE_S = 15.0
"""A machine that loads a large model meanwhile may keep the renderer from answering."""
EXAMPLE = "mode=z, mode=zc strength=0.6"


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    listed = settings_help(RendererSettings).replace("%", "%%")
    parser.epilog = f"settings, as NAME=VALUE:\n{listed}"
    parser.add_argument(
        "setting", nargs="*",
        help=f"settings of the renderer, for instance {EXAMPLE}; none tells what is set",
    )  # fmt: skip
    parser.add_argument(
        "--run", type=Path, help="run folder or --out folder of the run, where several are going on"
    )


def _run(arguments: argparse.Namespace) -> int:
    pairs = {}
    for text in arguments.setting:
        name, mark, value = text.partition("=")
        if not (name and mark and value):
            raise ConfigError(problem("setting", text, "NAME=VALUE", f"For instance {EXAMPLE}."))
        pairs[name] = value
    folder = choose_folder(arguments.run, running_folders())
    print(ask_renderer(RunFolder(folder), pairs))
    return 0


def ask_renderer(
    folder: RunFolder, settings: Mapping[str, str], deadline_s: float = DEADLINE_S
) -> str:
    """Change settings of the renderer of a run, or ask for them; return its answer.

    Parameters
    ----------
    folder : RunFolder
        Of the run.
    settings : Mapping of str to str
        Names and values; empty to ask.
    deadline_s : float
        How long to wait for the answer, in seconds.

    Raises
    ------
    ConfigError
        If the renderer refuses.
    NodeError
        If it does not answer.
    """
    now = MonotonicClock().now()
    command = Command(
        run="", seq=0, t_acquired=now, t_sent=now, producer=f"paint-{os.getpid()}",
        id=uuid.uuid4().hex, action="set" if settings else "status", arguments=dict(settings),
    )  # fmt: skip
    network = _network_of(folder)
    far = None if network is None else network.address("paint-control")
    with guarded_context(network) as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(far or folder.endpoint("paint-control"))
        socket.send_multipart(encode(Message(command)))
        if not socket.poll(round(deadline_s * 1000)):
            late = "; it may still take effect: look with `phosphene paint`" if settings else ""
            raise NodeError(
                f"the renderer of {folder.path} has not answered for {deadline_s:g} s{late}. "
                "Is the run going on?"
            )
        try:
            reply = decode(socket.recv_multipart()).header
        except MessageError as error:
            raise NodeError(f"the renderer's answer cannot be read: {error}") from error
    if not isinstance(reply, Reply) or not reply.ok:
        raise ConfigError(getattr(reply, "text", "the renderer refuses"))
    return reply.text


def _network_of(folder: RunFolder) -> Network | None:
    """Return the machines of a run, which its plan names."""
    plan = folder.path / "plan.json"
    return Plan.load(plan).network if plan.exists() else None


PAINT = CliCommand(
    "paint", "change live how pictures are painted: mode, strength", _configure, _run
)
