"""The state of a sandbox in PostgreSQL: one table of documents, by part and key."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import orjson
import structlog
from typing_extensions import override

from service import db
from service.errors import DatabaseUnavailableError, FencedError, UnavailableError
from service.sandbox.keeper import Keeper
from service.sandbox.keeping import Document, Kept

_TICK: Final = 0.05
"""Seconds after which what moved by itself is kept."""

_PACKAGE: Final = "service.sandbox"
_PREPARE: Final = db.load_sql(_PACKAGE, "prepare_state")
_BEGIN_TERM: Final = db.load_sql(_PACKAGE, "begin_term")
_HOLD_TERM: Final = db.load_sql(_PACKAGE, "hold_term")
_LOAD: Final = db.load_sql(_PACKAGE, "load_documents")
_SAVE: Final = db.load_sql(_PACKAGE, "save_documents")
_REMOVE: Final = db.load_sql(_PACKAGE, "remove_documents")

_log = structlog.get_logger()


@asynccontextmanager
async def postgres_keeper(dsn: str, parts: Sequence[Kept]) -> AsyncIterator[Keeper]:
    """Give *parts* back what the database holds of them, and keep them there.

    Raises:
        UnavailableError: The database does not answer.
    """
    async with db.open_pool(dsn, size=1) as pool:
        keeper = PostgresKeeper(pool, parts)
        try:
            await keeper.restore()
        except DatabaseUnavailableError as error:
            raise UnavailableError(
                "The PostgreSQL that the state is kept in does not answer; "
                "check its URL and the server's log."
            ) from error
        yield keeper
        await keeper.keep()


class PostgresKeeper(Keeper):
    """One transaction for all who wait at the same time.

    Who starts last on a database owns it; a sandbox that still writes there is fenced.
    """

    def __init__(self, pool: db.Pool, parts: Sequence[Kept]) -> None:
        self._pool = pool
        self._parts = parts
        self._unwritten: dict[tuple[str, str], Document | None] = {}
        self._writing = asyncio.Lock()
        self._asked = 0
        self._kept = 0
        self._term = 0

    async def restore(self) -> None:
        """Give every part what is kept of it; call it once, before anything else."""
        kept: defaultdict[str, dict[str, Document]] = defaultdict(dict)
        async with db.transaction(self._pool) as connection:
            await connection.execute(_PREPARE)
            self._term = await connection.fetchval(_BEGIN_TERM)
            for part, key, document in await connection.fetch(_LOAD):
                kept[part][key] = orjson.loads(document)
        for part in self._parts:
            part.restore(kept[part.part])

    @override
    async def keep(self) -> None:
        self._asked += 1
        mine = self._asked
        # Whoever comes first writes for all who came while the last one wrote.
        async with self._writing:
            if self._kept < mine:
                covered = self._asked
                self._collect()
                if self._unwritten:
                    await self._write(self._unwritten)
                    self._unwritten = {}
                self._kept = covered

    @override
    async def run(self) -> None:
        away = False
        while True:
            await asyncio.sleep(_TICK)
            try:
                await self.keep()
            except UnavailableError as error:
                if not away:
                    _log.warning("state not kept", reason=str(error))
                away = True
            else:
                away = False

    def _collect(self) -> None:
        for part in self._parts:
            for key, document in part.changes().items():
                self._unwritten[part.part, key] = document

    async def _write(
        self, documents: Mapping[tuple[str, str], Document | None]
    ) -> None:
        saved = {at: d for at, d in documents.items() if d is not None}
        removed = documents.keys() - saved.keys()
        async with db.transaction(self._pool) as connection:
            if not await connection.fetchval(_HOLD_TERM, self._term):
                raise FencedError("Another sandbox keeps its state here now; stop one.")
            await connection.execute(
                _SAVE,
                [part for part, _ in saved],
                [key for _, key in saved],
                [orjson.dumps(document).decode() for document in saved.values()],
            )
            await connection.execute(
                _REMOVE, [part for part, _ in removed], [key for _, key in removed]
            )
