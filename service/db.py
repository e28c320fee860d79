"""PostgreSQL without domain: pool, statements from files, lost connections."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path

import asyncpg

from service.errors import DatabaseUnavailableError
from service.failpoints import reached

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_MIGRATE = "run `order-tracking migrate`"

Pool = asyncpg.Pool
Connection = asyncpg.pool.PoolConnectionProxy

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # The driver found the connection in a state that it cannot go on from.
    asyncpg.InternalClientError,
    # Shutdowns and crashes, and statements that somebody cancelled.
    asyncpg.OperatorInterventionError,
    # A full disk, no memory, too many connections.
    asyncpg.InsufficientResourcesError,
    # The disk fails, rather than being full.
    asyncpg.PostgresSystemError,
    # Deadlocks and the like: the same transaction may well succeed next time.
    asyncpg.TransactionRollbackError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # A primary that became a replica.
    asyncpg.ReadOnlySQLTransactionError,
    # Whoever sets the server up may be a little later than we are.
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
    OSError,
    TimeoutError,
)

_HALF_SENT = (
    asyncio.CancelledError,
    asyncpg.DataError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
)


def load_sql(package: str, name: str) -> str:
    """Return the statement in *package*'s folder `sql`, without its header comment."""
    path = resources.files(package) / "sql" / f"{name}.sql"
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--")).strip()


@contextmanager
def translated() -> Iterator[None]:
    """Turn whatever is the server's fault, not ours, into `DatabaseUnavailableError`."""
    try:
        yield
    except _LOST as error:
        raise DatabaseUnavailableError(
            f"PostgreSQL does not answer, or cannot now ({type(error).__name__}); "
            "check ORDER_TRACKING_POSTGRES_DSN and the server's log."
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
            timeout=10,  # a server that is going down takes connections, and is silent
            command_timeout=60,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": "order-tracking",
                "idle_in_transaction_session_timeout": "15000",
            },
        )
    try:
        yield pool
    finally:
        pool.terminate()


@asynccontextmanager
async def connection(pool: Pool, point: str = "") -> AsyncIterator[Connection]:
    """Lend a connection of *pool*, with lost connections translated.

    *point* names its use where failpoints are (`service.failpoints`).
    """
    with translated():
        async with pool.acquire() as lent, _given_up_when_unusable(lent):
            reached(point, "before")
            yield lent
            reached(point, "after")


@asynccontextmanager
async def transaction(pool: Pool, point: str = "") -> AsyncIterator[Connection]:
    """Lend a connection inside a transaction; see `connection`."""
    with translated():
        async with pool.acquire() as lent, _given_up_when_unusable(lent):
            async with lent.transaction():
                yield lent
                reached(point, "before-commit")
            reached(point, "after-commit")


@asynccontextmanager
async def _given_up_when_unusable(lent: Connection) -> AsyncIterator[None]:
    try:
        yield
    except _HALF_SENT:
        # The driver may have sent a statement by halves, or be in a state that it cannot
        # go on from: the pool would lend the connection again, and the server keep the
        # statement's locks until then.
        lent.terminate()
        raise


async def unmigrated(pool: Pool) -> str | None:
    """Say what the schema lacks of this version's, and what to do; None: nothing.

    A newer one is no fault: while a release is rolled out, earlier processes go on.
    """
    wanted = max(path.stem[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    try:
        async with connection(pool) as lent:
            found = await lent.fetchval("SELECT max(version_num) FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return f"the database has no schema yet; {_MIGRATE}"
    if found is not None and found >= wanted:
        return None
    return f"the schema is at {found}, not {wanted}; {_MIGRATE}"
