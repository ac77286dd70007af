"""Whether what lies in memory can come to lie on the disk: swap that is not encrypted (Linux)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from phosphene.doctor import Finding

__all__ = ["swap_finding"]

_CURE = (
    "switch it off (sudo swapoff --all, and take its line out of /etc/fstab), encrypt it "
    "(/etc/crypttab with the option swap), or use zram"
)


def _device_of(path: str) -> str:
    device = Path(path).stat().st_dev
    return f"{os.major(device)}:{os.minor(device)}"


def swap_finding(root: Path = Path("/"), device_of: Callable[[str], str] = _device_of) -> Finding:
    """Look whether swap is on, and where it is written.

    Parameters
    ----------
    root : Path
        Where ``proc`` and ``sys`` are.
    device_of : Callable
        Returns ``major:minor`` of the device that a file lies on.

    Returns
    -------
    Finding
        A warning names each place that is not encrypted. Compressed memory (zram) and dm-crypt,
        also below LVM, are fine; what cannot be told counts as not encrypted.
    """
    try:
        lines = (root / "proc" / "swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return Finding("hint", "it cannot be told whether swap is on", "look at it, and encrypt it")
    # A space in a name is written as \040.
    places = [line.split()[:2] for line in lines if line.strip()]
    if not places:
        return Finding("ok", "no swap")
    bare = [
        name.replace("\\040", " ")
        for name, kind in places
        if not _kept(root / "sys", name.replace("\\040", " "), kind, device_of)
    ]
    if not bare:
        return Finding("ok", "swap is encrypted, or compressed memory")
    text = f"swap is on and not encrypted ({', '.join(bare)}): "
    return Finding("warning", text + "pictures and brain data in memory can reach the disk", _CURE)


def _kept(sys: Path, name: str, kind: str, device_of: Callable[[str], str]) -> bool:
    """Return whether what is written to this place is on no disk, or encrypted there."""
    try:
        if kind == "file":
            node = (sys / "dev" / "block" / device_of(name)).resolve(strict=True)
        else:
            node = (sys / "class" / "block" / Path(name).name).resolve(strict=True)
        return _in_memory(node) or _encrypted(node)
    except OSError:
        return False


def _in_memory(node: Path) -> bool:
    """Tell compressed memory, unless it writes what is seldom used to a disk."""
    backing = node / "backing_dev"
    if not node.name.startswith("zram"):
        return False
    return not backing.exists() or backing.read_text("utf-8").strip() in ("", "none")


def _encrypted(node: Path) -> bool:
    uuid = node / "dm" / "uuid"
    if uuid.exists() and uuid.read_text("utf-8").startswith("CRYPT-"):
        return True
    below = sorted((node / "slaves").iterdir()) if (node / "slaves").is_dir() else []
    return bool(below) and all(_encrypted(one.resolve()) for one in below)
