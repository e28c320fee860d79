"""The live stream: one server-sent event per changed order, resumable, none lost."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from service.db import Pool, connection, load_sql
from service.errors import UnavailableError
from service.eventlog.ports import Clock
from service.read.cursor import Cursor, cursor_of
from service.read.summaries import NOT_SHARED, encoded, summary
from service.web import Endpoint

MOST_STREAMS = 200
"""Clients that one process serves at a time."""

TICK = 0.2
"""Seconds between two looks at the read model, one look for all clients."""

HEARTBEAT = 15.0
"""Seconds between two comments, so that nobody in between hangs up."""

OUTAGE_PAUSE = 1.0
"""Seconds until the next look while the database is away."""

RECONNECT_MS = 2000
PAGE = 500
"""Changes read at a time for one client."""

_HORIZON = load_sql("service.read", "horizon")
_CHANGED = load_sql("service.read", "changed_orders")
_RIPENED = load_sql("service.read", "ripened_orders")

_log = structlog.get_logger()


class _Change(NamedTuple):
    order: str
    cursor: Cursor


class LiveStream:
    """Tells every client which orders changed; `run` has to run for that.

    Each client reads the read model from its own cursor at its own speed, so nothing
    is buffered for it: one that is slow finds an order that changed often only once,
    in its last state.
    """

    def __init__(
        self, pool: Pool, clock: Clock, *, most_streams: int = MOST_STREAMS
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._most = most_streams
        self._clients = 0
        self._closing = False
        self._looked = asyncio.Condition()
        self._horizon: Cursor | None = None
        self.endpoint = Endpoint(
            method="GET",
            path="/v1/stream",
            handler=self._serve,
            summary="Follow orders",
            media_type="text/event-stream",
            headers=("Last-Event-ID",),
        )

    async def run(self) -> None:
        """Look for changes while there are clients, until cancelled."""
        while True:
            await asyncio.sleep(TICK)
            if self._clients:
                await self._tell()

    async def close(self) -> None:
        """End all streams, and serve no further one."""
        self._closing = True
        async with self._looked:
            self._looked.notify_all()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        """Send one `order` event per changed order, with the data of the list.

        The first event, `ready`, says from where on changes are told: whoever reads
        the list after it misses nothing. `Last-Event-ID` goes on where a stream broke
        off. An event `reset` tells that this is not possible, because the read model
        was rebuilt: read the list again. A comment comes every 15 seconds.
        """
        if self._closing or self._clients >= self._most:
            raise UnavailableError("No further stream can be served now.")
        self._clients += 1
        try:
            return await self._follow(request)
        finally:
            self._clients -= 1

    async def _tell(self) -> None:
        try:
            await self._look()
        except UnavailableError as error:
            _log.warning("streams wait", error=str(error))
            await asyncio.sleep(OUTAGE_PAUSE)
        async with self._looked:
            self._looked.notify_all()

    async def _look(self) -> Cursor:
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_HORIZON, self._clock.now())
        self._horizon = Cursor.of(rows[0])
        return self._horizon

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        horizon = await self._look()
        last_seen = request.headers.get("Last-Event-ID")
        resumed = cursor_of(last_seen) if last_seen else horizon
        response = EventSourceResponse(sep="\n", ping_interval=HEARTBEAT)
        response.headers["Cache-Control"] = NOT_SHARED
        await response.prepare(request)
        async with response:
            try:
                cursor = await _greet(response, resumed, horizon)
                while not self._closing and request.transport is not None:
                    cursor = await self._send_changes(response, cursor)
                    await self._wait()
            except (ConnectionError, TimeoutError, UnavailableError) as error:
                # The client comes back with the id of the last event it saw.
                _log.info("stream broke off", reason=type(error).__name__)
        return response

    async def _wait(self) -> None:
        async with self._looked:
            if not self._closing:
                await self._looked.wait()

    async def _send_changes(
        self, response: EventSourceResponse, cursor: Cursor
    ) -> Cursor:
        horizon = self._horizon or cursor
        if cursor.generation != horizon.generation:
            return await _greet(response, None, horizon)
        while not cursor.reaches(horizon):
            changes = await self._changes(cursor, horizon)
            for change in changes:
                cursor = change.cursor
                await response.send(change.order, id=cursor.token, event="order")
            if not changes:
                cursor = cursor.joined(horizon)
        return cursor

    async def _changes(self, cursor: Cursor, horizon: Cursor) -> Sequence[_Change]:
        now, partitions = self._clock.now(), list(horizon.heads)
        seen = [cursor.heads.get(partition, 0) for partition in partitions]
        each = max(1, PAGE // max(1, len(partitions)))
        async with connection(self._pool) as lent:
            changed = await lent.fetch(_CHANGED, partitions, seen, each)
            ripened = await lent.fetch(
                _RIPENED, cursor.ripened_at, cursor.ripened, now, PAGE
            )
        changes = []
        for row in changed:
            cursor = cursor.after_change(row)
            changes.append(_Change(encoded(summary(row, now)).decode(), cursor))
        for row in ripened:
            cursor = cursor.after_ripening(row)
            changes.append(_Change(encoded(summary(row, now)).decode(), cursor))
        return changes


async def _greet(
    response: EventSourceResponse, resumed: Cursor | None, horizon: Cursor
) -> Cursor:
    """Tell where the stream begins: where the client left off, if that still is."""
    if resumed is None or resumed.is_void(horizon):
        await response.send("{}", id=horizon.token, event="reset", retry=RECONNECT_MS)
        return horizon
    await response.send("{}", id=resumed.token, event="ready", retry=RECONNECT_MS)
    return resumed
