"""Where swap is written to, told from a made-up /proc and /sys."""

from __future__ import annotations

from pathlib import Path

import pytest

from phosphene.doctor import CHECKS
from phosphene.doctor_swap import swap_finding

HEAD = "Filename Type Size Used Priority\n"


class Machine:
    """A machine with these places of swap."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("proc", "sys/class/block", "sys/dev/block", "sys/devices"):
            (root / name).mkdir(parents=True)
        self.lines: list[str] = []

    def block(self, name: str, uuid: str = "", *slaves: str, numbers: str = "") -> None:
        node = self.root / "sys/devices" / name
        (node / "slaves").mkdir(parents=True)
        if uuid:
            (node / "dm").mkdir()
            (node / "dm" / "uuid").write_text(uuid + "\n")
        for slave in slaves:
            (node / "slaves" / slave).symlink_to(self.root / "sys/devices" / slave)
        (self.root / "sys/class/block" / name).symlink_to(node)
        if numbers:
            (self.root / "sys/dev/block" / numbers).symlink_to(node)

    def swap(self, place: str, kind: str = "partition") -> None:
        self.lines.append(f"{place}\t{kind}\t1024\t0\t-2\n")
        (self.root / "proc/swaps").write_text(HEAD + "".join(self.lines))

    def level(self, device: str = "8:1") -> str:
        return swap_finding(self.root, lambda path: device).level


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.block("sda1", numbers="8:1")
    made.block("dm-0", "CRYPT-PLAIN-swap", "sda1", numbers="253:0")
    made.block("dm-1", "LVM-abc", "dm-0")
    made.block("dm-2", "LVM-def", "sda1")
    made.block("dm-3", "LVM-ghi", "dm-0", "sda1")
    made.block("zram0")
    return made


def test_no_swap_is_fine_and_a_system_that_does_not_tell_is_said_to(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert machine.level() == "hint"
    (tmp_path / "proc/swaps").write_text(HEAD)
    assert machine.level() == "ok"


@pytest.mark.parametrize(
    ("place", "level"),
    [
        ("/dev/sda1", "warning"),
        ("/dev/dm-0", "ok"),
        ("/dev/dm-1", "ok"),
        ("/dev/dm-2", "warning"),
        ("/dev/dm-3", "warning"),
        ("/dev/zram0", "ok"),
        ("/dev/zd16", "warning"),
    ],
)
def test_partitions_are_fine_where_all_below_them_is_encrypted_or_they_are_memory(
    machine: Machine, place: str, level: str
) -> None:
    machine.swap(place)
    assert machine.level() == level


def test_a_file_is_as_safe_as_the_device_that_it_lies_on(machine: Machine) -> None:
    machine.swap("/swap\\040file", "file")
    assert machine.level("8:1") == "warning"
    assert machine.level("253:0") == "ok"
    assert machine.level("0:42") == "warning", "nobody knows what is below"
    assert "(/swap file)" in swap_finding(machine.root, lambda path: "8:1").text


def test_one_bare_place_is_enough_and_is_named_alone(machine: Machine) -> None:
    machine.swap("/dev/dm-0")
    machine.swap("/dev/sda1")
    found = swap_finding(machine.root)
    assert found.level == "warning"
    assert "(/dev/sda1)" in found.text
    assert "swapoff" in found.fix


def test_compressed_memory_that_is_written_back_to_a_disk_is_none(machine: Machine) -> None:
    backing = machine.root / "sys/devices/zram0/backing_dev"
    machine.swap("/dev/zram0")
    backing.write_text("none\n")
    assert machine.level() == "ok"
    backing.write_text("/dev/sda3\n")
    assert machine.level() == "warning"


def test_the_doctor_looks_at_it() -> None:
    assert "swap" in {check.name for check in CHECKS}
