"""Whether the system tells when a file appears in a folder, or one has to look."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["Hearing", "filesystem_of", "hearing_of"]

Hearing = Literal["events", "looking", "both"]

_MOUNTS = Path("/proc/self/mountinfo")
_LOCAL = (
    *("apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2"),
    *("ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ufs", "vfat", "xfs", "zfs"),
)
_REMOTE = (
    *("9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "fuseblk", "glusterfs"),
    *("gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2"),
    *("smb2", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
)


def filesystem_of(folder: Path, mountinfo: str | None = None) -> str:
    """Return the type of the file system that holds a folder.

    Parameters
    ----------
    folder : Path
        An absolute path without links.
    mountinfo : str, optional
        What the system says is mounted, see ``proc_pid_mountinfo(5)``; read when not given.

    Returns
    -------
    str
        For instance ``ext4`` or ``cifs``; "" where it cannot be told.
    """
    if mountinfo is None:
        try:
            mountinfo = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, mark, right = line.partition(" - ")
        words = left.split()
        if not mark or len(words) < 5:
            continue
        place = Path(_unescaped(words[4]))
        # Of two mounts on one place the later one hides the earlier.
        if folder.is_relative_to(place) and len(place.parts) >= best:
            best, found = len(place.parts), right.split()[0]
    return found


def hearing_of(filesystem: str) -> Hearing:
    """Say how new files become known on a type of file system.

    Network shares raise no events for what another machine writes; for a type that is not known
    events are heard and the folder is looked at as well.
    """
    if filesystem in _LOCAL:
        return "events"
    if filesystem in _REMOTE or filesystem.startswith("fuse."):
        return "looking"
    return "both"


def _unescaped(word: str) -> str:
    r"""Undo ``\040`` for a blank and its like."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, sign)
    return word
