"""The gates that commands send their requests through."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.cli.console import dsn_of
from service.config import Settings
from service.db import open_pool, unmigrated
from service.orders_api.gate import Gate
from service.orders_api.shared_turns import shared_gate


@asynccontextmanager
async def open_gate(settings: Settings, account: str) -> AsyncIterator[Gate]:
    """Open the gate of *account*, shared with all processes that have the database.

    Without a database, or before it is migrated, there is nobody to share it with.

    Raises:
        DatabaseUnavailableError: There is one, which does not answer.
    """
    alone = Gate(per_minute=settings.requests_per_minute)
    if settings.postgres_dsn is None:
        yield alone
        return
    async with open_pool(dsn_of(settings), size=1) as pool:
        per_minute = settings.requests_per_minute
        shared = shared_gate(pool, account, per_minute=per_minute)
        yield alone if await unmigrated(pool) else shared
