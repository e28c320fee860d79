"""Who a server runs as: PostgreSQL refuses root, so root lends it somebody else's name."""

import asyncio
import os
import pwd
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.errors import EmbeddedServerError

_LAUNCH = Path(__file__).with_name("launch.py")
_USERS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Identity:
    """Our own, another user's, or ours under another user's name in a namespace."""

    way: Literal["own", "user", "namespace"]
    uid: int = 0
    gid: int = 0

    @property
    def word(self) -> str:
        return f"{self.way}:{self.uid}:{self.gid}"


OWN = Identity("own")


def launch(
    identity: Identity, death_signal: signal.Signals, folder: Path
) -> tuple[str, ...]:
    """Return the words before a command that start it as *identity* in *folder*."""
    # -I and -S: the launcher needs nothing but the standard library, and starts faster.
    return (
        *(sys.executable, "-I", "-S", str(_LAUNCH)),
        *(str(os.getpid()), str(int(death_signal)), identity.word, str(folder)),
    )


async def unprivileged(home: Path, program: Path) -> Identity:
    """Choose who runs *program* in *home*, and make them the owner of *home*."""
    if os.geteuid() != 0:
        return OWN
    for identity in _candidates():
        if await _can_run(identity, home.parent, program):
            hand_over(home, identity)
            return identity
    raise EmbeddedServerError(
        f"{program.name} refuses to run as root; none of the users {_USERS} can reach "
        f"both {home.parent} and {program}, and user namespaces are not allowed here: "
        "start as another user, or set ORDER_TRACKING_DATA_FOLDER to a folder that "
        "everybody can reach."
    )


def _candidates() -> Iterator[Identity]:
    # A user of its own first: in the namespace the server still owns root's files.
    entries = {entry.pw_name: entry for entry in pwd.getpwall()}
    users = [entries[name] for name in _USERS if name in entries]
    yield from (Identity("user", user.pw_uid, user.pw_gid) for user in users)
    yield from (Identity("namespace", user.pw_uid, user.pw_gid) for user in users)


async def _can_run(identity: Identity, folder: Path, program: Path) -> bool:
    trial = await asyncio.create_subprocess_exec(
        *launch(identity, signal.SIGKILL, folder),
        *(str(program), "--version"),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    return await trial.wait() == 0


def hand_over(home: Path, identity: Identity) -> None:
    """Make *identity* the owner of all in *home*."""
    if identity.way == "own":
        return
    uid, gid = (
        (identity.uid, identity.gid)
        if identity.way == "user"
        else (os.geteuid(), os.getegid())
    )
    if home.stat().st_uid == uid:
        return
    # The folder itself comes last: until then the next start does all of it again.
    for path in (*home.rglob("*"), home):
        os.chown(path, uid, gid, follow_symlinks=False)
