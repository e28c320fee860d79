"""Whether the state of a sandbox outlives its process, and how long an answer waits."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from typing_extensions import override

from service.errors import InvalidSettingsError
from service.sandbox.keeping import Kept

MEMORY: Final = "memory"


class Keeper(Protocol):
    """Keeps what changes in a sandbox."""

    async def keep(self) -> None:
        """Return once all that has changed so far will be there after a restart.

        Raises:
            UnavailableError: It may not be; it is kept with the next call that works.
        """
        ...

    async def run(self) -> None:
        """Keep what moves by itself, until cancelled."""
        ...


class MemoryKeeper(Keeper):
    """Keeps nothing: the state is the process's own."""

    @override
    async def keep(self) -> None:
        pass

    @override
    async def run(self) -> None:
        pass


@asynccontextmanager
async def kept_in(state: str, parts: Sequence[Kept]) -> AsyncIterator[Keeper]:
    """Give *parts* back what *state* holds of them: `memory`, or a PostgreSQL DSN.

    Raises:
        InvalidSettingsError: It is neither.
        UnavailableError: The database does not answer.
    """
    if state == MEMORY:
        yield MemoryKeeper()
        return
    if not state.startswith(("postgresql://", "postgres://")):
        raise InvalidSettingsError("state is memory or postgresql://…")
    # Only here: who keeps nothing does not wait for a driver to be loaded.
    from service.sandbox.postgres_keeper import postgres_keeper  # noqa: PLC0415

    async with postgres_keeper(state, parts) as keeper:
        yield keeper


def keeping(keeper: Keeper) -> Middleware:
    """Let no answer out before what it tells is kept."""

    @web.middleware
    async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            # What was refused is in the ledger, too.
            await keeper.keep()

    return keep
