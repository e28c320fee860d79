"""The whole read API: its endpoints, and what has to run for them."""

import asyncio

from aiohttp import web

from service.db import Pool
from service.eventlog.ports import Clock, EventLog
from service.private.store import CustomerStore
from service.read.customer import customer_endpoint
from service.read.history import CallsOf, StoryOf, history_endpoints
from service.read.lookup import OrderLookup
from service.read.orders import order_endpoints
from service.read.pages import page_endpoints
from service.read.schemas import schema_endpoint
from service.read.stream import LiveStream
from service.read.stuck import stuck_endpoint
from service.web import Endpoint


class ReadApi:
    """Serves the read model: mount `endpoints`, keep `run` running.

    Put `close` into the application's `on_shutdown`, which ends the open streams.
    """

    def __init__(
        self,
        pool: Pool,
        clock: Clock,
        log: EventLog,
        *,
        calls_of: CallsOf,
        customers: CustomerStore,
        story_of: StoryOf | None = None,
    ) -> None:
        self._lookup = OrderLookup(pool, clock)
        self._stream = LiveStream(pool, clock)
        self.endpoints: list[Endpoint] = [
            *order_endpoints(pool, clock, self._lookup),
            *history_endpoints(
                pool, self._lookup, log, calls_of=calls_of, story_of=story_of
            ),
            stuck_endpoint(pool),
            customer_endpoint(customers),
            self._stream.endpoint,
            schema_endpoint(),
            *page_endpoints(),
        ]

    async def run(self) -> None:
        """Run look-ups and streams until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._lookup.run())
            tasks.create_task(self._stream.run())

    async def close(self, app: web.Application) -> None:
        """End the open streams."""
        await self._stream.close()
