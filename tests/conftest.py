from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings

# The same examples every time where a change is judged; new ones are looked for everywhere else.
# No deadline: a busy machine is not a failure.
settings.register_profile("judged", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile("judged" if os.environ.get("CI") else "searching")

ROOT = Path(__file__).resolve().parent.parent
_OWN_FOLDER = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give tests folders with short names: those of sockets may have 80 bytes in all.

    One of several processes has its own, beside the first one's and not in it.
    """
    config.addinivalue_line("markers", "timing: bounds a time so tightly that it runs alone")
    _hear_signals()
    given = getattr(config, "workerinput", {"own_folder": config.option.basetemp is None})
    if given["own_folder"]:
        config.stash[_OWN_FOLDER] = config.option.basetemp = tempfile.mkdtemp(prefix="pt-")


def _hear_signals() -> None:
    """Ignore by a handler what a shell ignores for tests in the background or under ``nohup``.

    Processes that tests start inherit what is ignored, but no handler: what a signal does to them
    is what some tests look at.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell one of several processes where all of them may put what takes long to make."""
    node.workerinput["own_folder"] = _OWN_FOLDER in node.config.stash
    node.workerinput["shared"] = str(node.config.option.basetemp)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remove them, unless there is something to look at."""
    folder = session.config.stash.get(_OWN_FOLDER, None)
    if folder is not None and exitstatus == 0:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that all processes of these tests share; whoever writes in it has to lock it."""
    given = getattr(request.config, "workerinput", None)
    return tmp_path_factory.getbasetemp() if given is None else Path(given["shared"])


@pytest.fixture
def realdata() -> Path:
    """Folder of the real recordings; the test is skipped, with the reason, where it is absent."""
    path = Path(os.environ.get("PHOSPHENE_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"real recordings not found at {path} (set PHOSPHENE_DATA)")
    return path


@pytest.fixture(autouse=True, scope="session")
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep audit logs of tests, and of processes that they start, out of the user's own folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHOSPHENE_STATE", str(tmp_path_factory.mktemp("state")))
        yield


def _bound(me: psutil.Process) -> set[str]:
    """Sockets of this process that others can connect to: bound ipc files, listening ports."""
    return {
        str(c.laddr)
        for c in me.net_connections("all")
        if c.laddr and (isinstance(c.laddr, str) or c.status == psutil.CONN_LISTEN)
    }


def _children(me: psutil.Process) -> list[psutil.Process]:
    """Return all processes below this one; where there are none, without a look at all others."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return []
    return me.children(recursive=True)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a child process, thread or socket behind."""
    me = psutil.Process()
    children = {c.pid for c in _children(me)}
    threads = {t.ident for t in threading.enumerate()}
    bound = _bound(me)
    yield
    left = [c for c in _children(me) if c.pid not in children]
    _gone, alive = psutil.wait_procs(left, timeout=2)
    names = [" ".join(c.cmdline()) for c in alive if c.status() != psutil.STATUS_ZOMBIE]
    for child in alive:
        child.kill()
    assert not names, f"processes left behind: {names}"
    late = [t for t in threading.enumerate() if t.ident not in threads and not t.daemon]
    for thread in late:
        thread.join(2)
    alive_threads = [t.name for t in late if t.is_alive()]
    assert not alive_threads, f"threads left behind: {alive_threads}"
    assert not (open_now := _bound_after(me, bound)), f"sockets left behind: {open_now}"


def _bound_after(me: psutil.Process, before: set[str], patience_s: float = 2.0) -> set[str]:
    """Return new bound sockets; libraries close theirs in threads of their own, shortly after."""
    deadline = time.monotonic() + patience_s
    while (left := _bound(me) - before) and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    return left
