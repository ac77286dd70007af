"""What tests of networks share: pairs of keys, free ports, the settings of three machines."""

from __future__ import annotations

import os
import socket as posix
from pathlib import Path

from phosphene.network.keys import new_network_key
from phosphene.network.layout import PLACES, Network
from phosphene.plan import Plan
from phosphene.session import Session
from phosphene.session_network import NetworkSettings

LOCAL = "127.0.0.1"
STEP = 20


def free_ports() -> int:
    """Return the first of as many neighbouring ports as a run may need."""
    # Two processes that look at the same time find others.
    for base in range(20_000 + os.getpid() * STEP % 12_000, 60_000, STEP):
        try:
            for port in range(base, base + len(PLACES)):
                with posix.socket() as probe:
                    probe.bind((LOCAL, port))
        except OSError:
            continue
        return base
    raise AssertionError("no ports are free")


def keys_in(folder: Path) -> Path:
    """Make pairs of keys: console, gpu, wall and stranger; return their folder."""
    for name in ("console", "gpu", "wall", "stranger"):
        new_network_key(folder / f"{name}.network", folder / f"{name}.network.pub")
    return folder


def settings(keys: Path, **more: object) -> dict[str, object]:
    """Return the settings of a console, a machine that decodes and paints, and an observer."""
    return {
        "key": keys / "console.network",
        "address": LOCAL,
        "machines": [
            {"name": "gpu", "key": keys / "gpu.network.pub", "address": LOCAL,
             "nodes": ["decoder", "renderer"]}
        ],
        "observers": [{"name": "wall", "key": keys / "wall.network.pub"}],
        **more,
    }  # fmt: skip


def network_of(keys: Path) -> Network:
    """Return that network, on ports that are free."""
    made = Network.of(NetworkSettings.model_validate(settings(keys, port=free_ports())))
    assert made is not None
    return made


def on(network: Network, machine: str, keys: Path) -> Network:
    """Return the network as another machine sees it."""
    return network.model_copy(update={"here": machine, "key": keys / f"{machine}.network"})


def carried(network: Network, tmp_path: Path, **facts: str) -> Path:
    """Write the plan of a run that another machine takes part in."""
    session = Session.model_validate(
        {"person": "p1", "modality": "fmri", "source": {"kind": "recording", "path": "x"}}
    )
    folder = tmp_path / "console"
    folder.mkdir(mode=0o700)
    plan = Plan(run="r", folder=folder, mode="replay", session=session, network=network,
                facts=facts, out=tmp_path / "out", audit=tmp_path / "audit")  # fmt: skip
    return plan.save()
