"""Becomes a server: ties itself to its owner's life, drops root, then executes.

Runs as a script of its own, `launch.py OWNER SIGNAL IDENTITY FOLDER COMMAND...`:
a `preexec_fn` would run Python between fork and exec of a process with threads, which
may deadlock and is slow.
"""

import ctypes
import os
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000


def main(owner: int, death_signal: int, identity: str, folder: str) -> None:
    """Prepare this process; what it executes next inherits everything."""
    # Ctrl-C in a terminal is for the owner, which ends its servers in order.
    os.setsid()
    os.umask(0o077)
    way, uid, gid = identity.split(":")
    if way == "user":
        _become(int(uid), int(gid))
    elif way == "namespace":
        _enter_namespace(int(uid), int(gid))
    os.chdir(folder)
    # Last, because a change of identity clears it.
    _die_with(owner, death_signal)


def _become(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _enter_namespace(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def _die_with(owner: int, death_signal: int) -> None:
    # Only Linux has this. Elsewhere an orphan lives on until the next start stops it.
    if sys.platform == "linux":
        _call("prctl", _PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != owner:
        sys.exit("the owner has died before its server began")


def _call(name: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{name}: {os.strerror(errno)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606  # our own command, no shell
