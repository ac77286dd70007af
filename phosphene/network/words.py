"""What a run on several machines tells the one who has to start its other parts."""

from __future__ import annotations

from pathlib import Path

from phosphene.network.layout import OBSERVED, PLACES, Network

__all__ = ["told_network"]


def told_network(network: Network | None, plan: Path) -> list[str]:
    """Return what to do on the other machines, and which ports are open meanwhile.

    Parameters
    ----------
    network : Network or None
        The run's; None tells nothing.
    plan : Path
        The plan that is carried over.
    """
    if network is None:
        return []
    lines = [
        f"on {machine.name} ({', '.join(machine.nodes)}): copy {plan} there, then: "
        f"phosphene join plan.json --as {machine.name} --key {machine.name}.network"
        for machine in network.machines
        if machine.nodes
    ]
    for observer in network.observers:
        lines.append(
            f"{observer.name} observes by: phosphene observe {network.address(OBSERVED)} "
            f"--console console.network.pub --key {observer.name}.network"
        )
    mine = [n for n in PLACES if network.address(n) and network.home(PLACES[n][0]) == network.mine]
    ports = ", ".join(network.bound(name).rpartition(":")[2] for name in mine)
    return [*lines, f"open on {network.mine.listen}, for the listed keys only: ports {ports}"]
