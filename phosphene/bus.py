"""ZeroMQ sockets with the habits of this project built in.

Live views use `Publisher` and `Subscriber` (drain to the newest, never CONFLATE, which breaks
multipart messages); what must not be lost uses `Pusher` and `Puller`, where a sender that has to
drop counts it. All endpoints of a run are ipc sockets in one folder that only its owner may enter,
unless its session names other machines (`phosphene.network`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import zmq

from phosphene.closing import Closing
from phosphene.errors import ConfigError, NodeError, problem
from phosphene.messages import Message, decode, encode
from phosphene.network.sockets import GuardedContext

__all__ = ["Publisher", "Puller", "Pusher", "RunFolder", "Subscriber", "running_folders"]

HWM = 100
MAX_MESSAGE_BYTES = 64 * 2**20
_IPC_PATH_BYTES = 100
_OWNER = "owner.lock"


class RunFolder:
    """The private folder that holds the sockets of one run.

    Parameters
    ----------
    path : Path
        The folder; it must exist, belong to this user and be closed to everybody else.

    Raises
    ------
    ConfigError
        If others may enter or own the folder, or its path is too long for a socket.
    """

    def __init__(self, path: Path) -> None:
        held = path.stat()
        mode = stat.S_IMODE(held.st_mode)
        if mode & 0o077:
            raise ConfigError(problem("run folder", oct(mode), "0o700", f"chmod 700 {path}"))
        if held.st_uid != os.getuid():
            allowed = f"user {os.getuid()}"
            raise ConfigError(
                problem("run folder", f"{path} of user {held.st_uid}", allowed, "Remove it.")
            )
        if len(os.fsencode(path)) > _IPC_PATH_BYTES - 20:
            raise ConfigError(
                problem("run folder", str(path), "a path below 80 bytes", "Set XDG_RUNTIME_DIR.")
            )
        self.path = path

    @classmethod
    def create(cls, run: str, base: Path | None = None) -> RunFolder:
        """Make the folder for a new run below `base` (default: the user's runtime folder).

        Folders that ended processes have left there are removed: a folder belongs to the process
        that made it, which holds a lock on a file in it for as long as it lives.
        """
        common = _common_root()
        root = base or _root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if root == common:
            cls(root)  # anybody could have made it before us
        _sweep(root)
        path = root / f"ph-{run}"
        path.mkdir(mode=0o700)
        _hold(path)
        return cls(path)

    def endpoint(self, name: str) -> str:
        """Return the ZeroMQ address of the socket `name`."""
        return f"ipc://{self.path / name}"

    def remove(self) -> None:
        """Delete the folder with its socket files."""
        for file in self.path.iterdir():
            file.unlink()
        self.path.rmdir()


def running_folders(base: Path | None = None) -> list[Path]:
    """Find the folders of this user's runs that are going on, below `base` (default as above)."""
    found = []
    for file in sorted((base or _root()).glob(f"ph-*/{_OWNER}")):
        with contextlib.suppress(FileNotFoundError), file.open("rb") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:  # its owner lives
                found.append(file.parent)
    return found


def _common_root() -> Path:
    return Path(f"/tmp/phosphene-{os.getuid()}")  # noqa: S108 (checked where it is made)


def _root() -> Path:
    """Return where run folders are made: the user's runtime folder, or one of their own."""
    root = Path(os.environ.get("XDG_RUNTIME_DIR", _common_root()))
    writable = os.access(root.parent if not root.exists() else root, os.W_OK)
    return root if writable else _common_root()


def _hold(folder: Path) -> None:
    """Mark a folder as this process's own; only the end of the process gives it up."""
    new = folder / f"{_OWNER}.new"
    held = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    # Under its own name it is never seen unlocked.
    new.rename(folder / _OWNER)


def _sweep(root: Path) -> None:
    """Remove this user's run folders whose owners have ended; leave all others alone."""
    for file in root.glob(f"ph-*/{_OWNER}"):
        folder = file.parent
        # Another start may sweep at the same time.
        with contextlib.suppress(FileNotFoundError, BlockingIOError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with file.open("rb") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)


class _Socket(Closing):
    """One ZeroMQ socket that closes with its ``with`` block."""

    def __init__(self, context: zmq.Context[Any], kind: int, linger_ms: int) -> None:
        self.socket: zmq.Socket[bytes] = context.socket(kind)
        self.socket.linger = linger_ms
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)

    def _bind(self, endpoint: str) -> None:
        self.socket.bind(self._checked(endpoint))

    def _connect(self, endpoint: str) -> None:
        self.socket.connect(self._checked(endpoint))

    def _checked(self, endpoint: str) -> str:
        """Refuse a network address to a socket that knows no keys."""
        local = endpoint.startswith(("ipc://", "inproc://"))
        if not local and not isinstance(self.socket.context, GuardedContext):
            self.close()
            allowed = "no network without keys"
            raise ConfigError(problem("address", endpoint, allowed, "Use the node's context."))
        return endpoint

    def close(self) -> None:
        """Close the socket; closing twice does no harm."""
        self.socket.close()


class Publisher(_Socket):
    """Binds and publishes to whoever listens; knows how many listen.

    Parameters
    ----------
    context : zmq.Context
        Context of this process.
    endpoint : str
        Address to bind.
    block : bool
        True: `send` waits, at most a second, for a subscriber whose queue is full, instead of
        letting it miss the message.
    """

    def __init__(self, context: zmq.Context[Any], endpoint: str, *, block: bool = False) -> None:
        super().__init__(context, zmq.XPUB, linger_ms=200)
        if block:
            self.socket.setsockopt(zmq.XPUB_NODROP, 1)
            self.socket.setsockopt(zmq.SNDTIMEO, 1000)
        self.missed = 0
        self.socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        self.socket.sndhwm = HWM
        self._bind(endpoint)
        self._topics: dict[bytes, int] = {}

    def subscribers(self, topic: bytes) -> int:
        """Return how many subscriptions cover `topic` now."""
        with contextlib.suppress(zmq.Again):
            while True:
                note = self.socket.recv(zmq.NOBLOCK)
                step = 1 if note[:1] == b"\x01" else -1
                self._topics[note[1:]] = self._topics.get(note[1:], 0) + step
        return sum(n for prefix, n in self._topics.items() if topic.startswith(prefix))

    def wait_for_subscribers(self, topic: bytes, count: int, timeout_s: float) -> None:
        """Return once `count` subscriptions cover `topic`.

        Raises
        ------
        NodeError
            If they have not appeared after `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while self.subscribers(topic) < count:
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0:
                have = self.subscribers(topic)
                raise NodeError(f"topic {topic!r}: {have} of {count} subscribers appeared in time")
            self.socket.poll(int(min(left_ms, 200)) + 1)

    def send(self, message: Message) -> None:
        """Publish a message; a subscriber that is too slow misses it and sees the gap in `seq`."""
        self.subscribers(b"")
        try:
            self.socket.send_multipart(encode(message), copy=False)
        except zmq.Again:
            self.missed += 1


class Subscriber(_Socket):
    """Connects to one or more publishers.

    Parameters
    ----------
    context : zmq.Context
        Context of this process.
    endpoints : sequence of str
        Addresses to connect to; they need not exist yet.
    topics : sequence of bytes
        Topics wanted.
    """

    def __init__(
        self, context: zmq.Context[Any], endpoints: Sequence[str], topics: Sequence[bytes]
    ) -> None:
        super().__init__(context, zmq.SUB, linger_ms=0)
        self.socket.rcvhwm = HWM
        self.socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
        for topic in topics:
            self.socket.subscribe(topic)
        for endpoint in endpoints:
            self._connect(endpoint)

    def receive(self) -> Iterator[Message]:
        """Yield every message that is waiting, oldest first, without blocking."""
        yield from _waiting(self.socket)

    def newest(self) -> Message | None:
        """Drain the socket and return its newest message, if any."""
        frames = None
        with contextlib.suppress(zmq.Again):
            while True:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
        return None if frames is None else decode(frames)


def _waiting(socket: zmq.Socket[bytes]) -> Iterator[Message]:
    while True:
        try:
            frames = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        yield decode(frames)


class Pusher(_Socket):
    """Connects to a `Puller`; counts what it has to drop.

    Parameters
    ----------
    context : zmq.Context
        Context of this process.
    endpoint : str
        Address to connect to.
    block : bool
        True: wait for room (replay at full speed loses nothing). False: drop and count (live).
    alive : Callable, optional
        Called about every 100 ms while a blocking send waits (the node's beat); once it returns
        False, `grace_s` are left for this and all later messages, and what finds no room by then
        is given up and counted.
    grace_s : float
        Seconds, in all, that blocking sends may still wait once the node is to stop.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        endpoint: str,
        *,
        block: bool = False,
        alive: Callable[[], bool] | None = None,
        grace_s: float = 2.0,
    ) -> None:
        # What a sender waits for is worth waiting for at its end, too.
        super().__init__(context, zmq.PUSH, linger_ms=3000 if block else 1000)
        self.socket.sndhwm = HWM
        self.socket.setsockopt(zmq.RECONNECT_IVL, 50)
        self._connect(endpoint)
        self.dropped = 0
        self._block = block
        self._alive = alive
        self._grace_s = grace_s
        self._give_up_s: float | None = None

    def send(self, message: Message) -> bool:
        """Send a message; return False when it had to be dropped."""
        frames = encode(message)
        while True:
            try:
                self.socket.send_multipart(frames, zmq.NOBLOCK, copy=False)
            except zmq.Again:
                if self._block and self._may_wait():
                    self.socket.poll(100, zmq.POLLOUT)
                    continue
                self.dropped += 1
                return False
            return True

    def _may_wait(self) -> bool:
        if self._alive is None or self._alive():
            self._give_up_s = None
            return True
        if self._give_up_s is None:
            self._give_up_s = time.monotonic() + self._grace_s
        return time.monotonic() < self._give_up_s


class Puller(_Socket):
    """Binds and receives from any number of `Pusher`.

    Parameters
    ----------
    context : zmq.Context
        Context of this process.
    endpoint : str
        Address to bind.
    """

    def __init__(self, context: zmq.Context[Any], endpoint: str) -> None:
        super().__init__(context, zmq.PULL, linger_ms=0)
        self.socket.rcvhwm = HWM
        self._bind(endpoint)

    def receive(self) -> Iterator[Message]:
        """Yield every message that is waiting, oldest first, without blocking."""
        yield from _waiting(self.socket)
