"""A run on one machine opens no port but LSL's own, its sockets are files of its owner, and where
nobody has asked for a recording it leaves nothing on the disk but its lines of the audit log."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import psutil
import pytest

from acquisition.lsl.config import BASE_PORT, MULTICAST_PORT, PORTS
from tests.system.chain import Running, running, wait_for

LSL_PORTS = {MULTICAST_PORT, *range(BASE_PORT, BASE_PORT + PORTS)}
SESSION = """
person = "p01"
modality = "fmri"
[source]
kind = "dicom-folder"
path = "incoming"
[consent]
unsigned = true
"""


PLACES = ("incoming", "here", "home", "tmp", "state")


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def inet(run: Running) -> set[tuple[str, str, int]]:
    """Return process, address and port of all that the run's processes have open."""
    found = set()
    me = psutil.Process(run.process.pid)
    for process in [me, *me.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            for line in process.net_connections("inet"):
                open_udp = line.status == psutil.CONN_NONE
                if line.laddr and (line.status == psutil.CONN_LISTEN or open_udp):
                    found.add((" ".join(process.cmdline()[1:4]), line.laddr.ip, line.laddr.port))
    return found


def test_a_run_on_one_machine_listens_nowhere_but_where_lsl_does_and_leaves_no_file(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = tmp_path_factory.mktemp("one")  # a short path, as sockets need
    session, consent = tmp_path / "session.toml", tmp_path / "consent.toml"
    session.write_text(SESSION)
    # Whatever may be recorded; nobody wants it.
    consent.write_text(
        'person = "p01"\nexpires = "2099-01-01"\n'
        'scopes = ["view_self", "view_operator", "record_brain", "record_images", "export"]\n'
    )
    for name in PLACES:
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PHOSPHENE_STATE", str(tmp_path / "state"))
    before = files_below(tmp_path)
    with running(
        "live", session, "--consent", consent, "--confirmed-by", "test", "--headless",
        runtime=tmp_path / "run", log=tmp_path / "log",
    ) as run:  # fmt: skip
        wait_for("readiness", lambda: "all nodes are ready" in run.said(), 120)
        by_whom = inet(run)
        speakers = {who for who, _, _ in by_whom}
        assert all("acquisition" in who for who in speakers), f"others have ports open: {by_whom}"
        # liblsl cannot be told an address: the ports are what a firewall closes.
        assert {port for _, _, port in by_whom} <= LSL_PORTS, f"other ports are open: {by_whom}"
        assert not any(":" in address for _, address, _ in by_whom), f"IPv6 is open: {by_whom}"
        folder = run.folder()
        assert folder is not None
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {p.name for p in folder.iterdir() if p.is_socket()} >= {"control", "grants", "bonds"}
        assert run.end() == 0
    audit = {f"state/audit.{kind}" for kind in ("jsonl", "key", "pub")}
    assert files_below(tmp_path) - before == {"log", *audit}
    assert '"records":"nothing"' in (tmp_path / "state" / "audit.jsonl").read_text()
