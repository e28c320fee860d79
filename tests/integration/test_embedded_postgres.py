"""The embedded PostgreSQL keeps its data, has one owner, and dies with it."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest

from eventually import eventually
from owner import no_server_in, owner, servers_in
from service.embedded.identity import unprivileged
from service.embedded.postgres import postgres
from service.errors import EmbeddedServerError

pytestmark = pytest.mark.postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as created:
        path = Path(created)
        path.chmod(0o711)
        yield path / "postgres"


async def write(dsn: str, number: int) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
    await connection.execute("INSERT INTO kept VALUES ($1)", number)
    await connection.close()


async def read(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT number FROM kept ORDER BY number")
    await connection.close()
    return [row["number"] for row in rows]


async def fail_with_a_client_on(folder: Path) -> None:
    with ExitStack() as clients:
        async with postgres(folder, durable=False) as dsn:
            connection = await asyncpg.connect(dsn)
            clients.callback(connection.terminate)
            raise RuntimeError("owner failed")


class TestPostgres:
    async def test_keeps_data(self, folder: Path) -> None:
        """What one run wrote, the next one reads."""
        async with postgres(folder, durable=False) as dsn:
            await write(dsn, 1)
            assert servers_in(folder)
        assert servers_in(folder) == []

        async with postgres(folder, durable=False) as dsn:
            assert await read(dsn) == [1]

    async def test_is_safe_and_private(self, folder: Path) -> None:
        """By default commits reach the disk, pages are checked, no port is open."""
        names = ("fsync", "data_checksums", "listen_addresses", "server_encoding")
        async with postgres(folder) as dsn:
            connection = await asyncpg.connect(dsn)
            values = [await connection.fetchval(f"SHOW {name}") for name in names]
            await connection.close()

        assert values == ["on", "on", "", "UTF8"]

    async def test_ends_with_a_failing_owner(self, folder: Path) -> None:
        """An exception in the owner leaves no process behind, even with clients on."""
        with pytest.raises(RuntimeError, match="owner failed"):
            await fail_with_a_client_on(folder)

        assert servers_in(folder) == []

    async def test_ends_with_a_killed_owner(self, folder: Path) -> None:
        """After kill -9 of its owner the server ends, and the data opens at once."""
        with owner("postgres", folder) as (process, dsn):
            await write(dsn, 1)
            process.kill()
            process.wait()

            async with postgres(folder, durable=False) as again:
                assert await read(again) == [1]

        await eventually(lambda: no_server_in(folder), within=5)

    async def test_ends_with_a_terminated_owner(self, folder: Path) -> None:
        """After SIGTERM to its owner nothing of the server is left within seconds."""
        with owner("postgres", folder) as (process, _):
            process.send_signal(signal.SIGTERM)

            await eventually(lambda: no_server_in(folder), within=5)

    async def test_refuses_second_owner(self, folder: Path) -> None:
        """A folder in use is refused, naming it and the process that uses it."""
        with owner("postgres", folder) as (process, dsn):
            with pytest.raises(EmbeddedServerError) as refused:
                async with postgres(folder):
                    pass
            await write(dsn, 1)

            assert str(folder) in str(refused.value)
            assert f"process {process.pid}" in str(refused.value)

    async def test_ignores_a_strangers_pid(self, folder: Path) -> None:
        """A pid file whose number has passed on to another process is no obstacle."""
        async with postgres(folder, durable=False):
            left = (folder / "data" / "postmaster.pid").read_text()
        lines = [str(os.getppid()), *left.splitlines()[1:]]
        (folder / "data" / "postmaster.pid").write_text("\n".join(lines))

        async with postgres(folder, durable=False) as dsn:
            await write(dsn, 1)

    async def test_begins_anew_after_half_a_setup(self, folder: Path) -> None:
        """What a killed set-up left behind is thrown away."""
        (folder / "data.new" / "base").mkdir(parents=True)

        async with postgres(folder, durable=False) as dsn:
            await write(dsn, 1)

        assert not (folder / "data.new").exists()

    async def test_shows_the_log_of_a_failed_start(self, folder: Path) -> None:
        """A server that does not start is reported with the last lines of its log."""
        (folder / "data").mkdir(parents=True)

        with pytest.raises(EmbeddedServerError) as failed:
            async with postgres(folder):
                pass

        assert "PostgreSQL ended with code" in str(failed.value)
        assert "postgresql.conf" in str(failed.value)

    async def test_lives_in_a_deep_folder(self, folder: Path) -> None:
        """A path too long for a socket, or with a comma, gets its socket elsewhere."""
        deep = folder / ("deep," * 20) / "postgres"
        async with postgres(deep, durable=False) as dsn:
            await write(dsn, 1)
            assert "deep" not in dsn

    async def test_needs_no_path(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It starts with nothing on the PATH and PGPORT set to something else."""
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setenv("PGPORT", "1")

        async with postgres(folder, durable=False) as dsn:
            await write(dsn, 1)

    async def test_is_cancelled_cleanly(self, folder: Path) -> None:
        """An owner that gives up during the start leaves no process behind."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.15), postgres(folder, durable=False):
                await asyncio.Event().wait()

        await eventually(lambda: no_server_in(folder), within=5)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend an identity")
class TestUnprivileged:
    async def test_explains_what_nobody_can_reach(self, tmp_path: Path) -> None:
        """Root learns why PostgreSQL cannot run for it, and two ways out."""
        with pytest.raises(EmbeddedServerError) as refused:
            await unprivileged(tmp_path / "home", tmp_path / "postgres")

        assert "start as another user" in str(refused.value)
        assert "ORDER_TRACKING_DATA_FOLDER" in str(refused.value)
