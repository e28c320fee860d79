"""A client of a sandbox that only the test moves."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp

from sandbox_kit import bring
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.server import Sandbox, sandbox

COMPLETED = Wish(fate="completed")


class SandboxClient:
    """Speaks to a sandbox as its first account, and moves its orders."""

    def __init__(self, running: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = running
        self.session = session

    @classmethod
    @asynccontextmanager
    async def of(cls, **settings: Any) -> AsyncIterator[Self]:
        """Run a sandbox without merchant and shoppers, unless *settings* say otherwise."""
        quiet: dict[str, Any] = {"orders_per_minute": 0, "desk": "none"}
        async with (
            sandbox(seed=7, **quiet | {"clock": ManualClock()} | settings) as running,
            aiohttp.ClientSession(running.url) as session,
        ):
            yield cls(running, session)

    @property
    def oms(self) -> Oms:
        return self.sandbox.oms

    @property
    def clock(self) -> ManualClock:
        assert isinstance(self.sandbox.clock, ManualClock)
        return self.sandbox.clock

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Return the status and, if there is any, the content of the answer."""
        async with self.session.request(
            method,
            path,
            json=body,
            params=query,
            headers=SANDBOX_STORE.headers() if headers is None else headers,
        ) as response:
            text = await response.read()
            return response.status, (await response.json() if text else None)

    def place_order(self, wish: Wish = COMPLETED) -> Order:
        return self.oms.place_order(SANDBOX_STORE.account, wish)

    def bring(self, order: Order, status: str) -> Order:
        bring(self.oms, self.clock, order, status)
        return order
