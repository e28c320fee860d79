"""PostgreSQL without domain: pool, statements from files, lost connections, migrations."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection as MigratingConnection

from service.errors import DatabaseUnavailableError

MIGRATIONS = Path(__file__).parent.parent / "migrations"

Pool = asyncpg.Pool
Connection = asyncpg.pool.PoolConnectionProxy

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # Whoever sets the server up may be a little later than we are.
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)


def load_sql(package: str, name: str) -> str:
    """Return the statement in *package*'s folder `sql`, without its header comment."""
    path = resources.files(package) / "sql" / f"{name}.sql"
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


@contextmanager
def translated() -> Iterator[None]:
    """Turn a lost or refused connection into `DatabaseUnavailableError`."""
    try:
        yield
    except _LOST as error:
        raise DatabaseUnavailableError(
            f"PostgreSQL does not answer ({type(error).__name__}); "
            "check ORDER_TRACKING_POSTGRES_DSN."
        ) from error


async def _leave_as_it_is(_: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Spare the query that would undo session state: nothing here leaves any."""


@asynccontextmanager
async def open_pool(dsn: str, *, size: int) -> AsyncIterator[Pool]:
    """Open a pool whose connections carry JSON as text and never wait for ever."""
    with translated():
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,  # so that a database that is away is waited for, not met here
            max_size=size,
            command_timeout=60,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": "order-tracking",
                "idle_in_transaction_session_timeout": "60000",
            },
        )
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection of *pool*, with lost connections translated."""
    with translated():
        async with pool.acquire() as lent:
            yield lent


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Lend a connection inside a transaction, with lost connections translated."""
    with translated():
        async with pool.acquire() as lent, lent.transaction():
            yield lent


def migrate(dsn: str) -> None:
    """Bring the database at *dsn* to the newest schema; harmless to repeat."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["dsn"] = dsn
    with translated():
        command.upgrade(config, "head")


def run_script(migrating: MigratingConnection, path: Path) -> None:
    """Run a file of many statements inside alembic's transaction."""
    script = path.read_text(encoding="utf-8")
    driver = migrating.connection.dbapi_connection
    # asyncpg prepares single statements only, unless it is asked directly.
    driver.run_async(lambda asyncpg_connection: asyncpg_connection.execute(script))  # type: ignore[union-attr]
