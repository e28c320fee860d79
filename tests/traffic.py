"""A sandbox full of orders, whose merchant and shoppers turn to the service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from recording_desk import RecordingDesk, Shoppers, recorded
from service.sandbox.accounts import credentials_of
from service.sandbox.invention import Wish
from service.sandbox.orders import Order
from service.sandbox.server import Sandbox, sandbox

STORES = [credentials_of(f"store{number}") for number in range(1, 5)]

CANCELLED = 0.02
"""Share of the orders whose shoppers cancel through the service."""

_FEED = {
    "filter": {"type": "FromWorkflow"},
    # What dies with a process between its poll and its commit comes back soon.
    "queue": {
        "visibilityTimeoutInSeconds": 5,
        "messageRetentionPeriodInSeconds": 345_600,
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """*most* orders, of which *at_once* are under way at a time.

    One is placed *every* so many seconds where there is room, none once it is *closed*.
    """

    store: Sandbox
    desk: RecordingDesk
    http: aiohttp.ClientSession
    most: int
    at_once: int
    rng: Random
    unwanted: set[str]
    cancelled: float = CANCELLED
    every: float = 0.0
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    placed: list[Order] = field(default_factory=list)
    _open: list[Order] = field(default_factory=list)

    async def run(self) -> None:
        """Keep the shops busy until all orders are placed."""
        while self.to_place:
            if len(self.unfinished()) < self.at_once:
                self._place()
                await asyncio.sleep(self.every)
            else:
                await asyncio.sleep(0.05)

    @property
    def to_place(self) -> int:
        """How many orders are still to come, at most."""
        return 0 if self.closed.is_set() else self.most - len(self.placed)

    def _place(self) -> None:
        account = STORES[len(self.placed) % len(STORES)].account
        is_unwanted = self.rng.random() < self.cancelled
        wish = Wish(fate="completed") if is_unwanted else None
        order = self.store.oms.place_order(account, wish)
        self.placed.append(order)
        self._open.append(order)
        if is_unwanted:
            self.unwanted.add(order.order_id)

    def unfinished(self) -> list[Order]:
        """Return the orders that are neither cancelled nor delivered in all parts."""
        self._open[:] = [order for order in self._open if not _is_final(order)]
        return self._open

    def has_seen(self, entries: int) -> bool:
        """Say whether so much has happened already."""
        return bool(self.store.oms.ledger(after=entries - 1, limit=1))

    async def untold(self) -> int:
        """Count what waits in the feeds, or was read and not committed."""
        counts = [await self._untold_of(known.headers()) for known in STORES]
        return sum(counts)

    async def _untold_of(self, headers: dict[str, str]) -> int:
        async with self.http.get(_config(self.store), headers=headers) as response:
            found: dict[str, Any] = await response.json()
            count: int = found["quantity"]
            return count


@asynccontextmanager
async def traffic(
    *,
    seed: int,
    speed: float,
    service_url: str,
    most: int,
    at_once: int,
    cancelled: float = CANCELLED,
    every: float = 0.0,
) -> AsyncIterator[Traffic]:
    """Run a sandbox and let orders come in, for as long as the block runs."""
    unwanted: set[str] = set()
    async with (
        sandbox(
            seed=seed,
            orders_per_minute=0,
            speed=speed,
            desk=service_url,
            credentials=STORES,
        ) as store,
        aiohttp.ClientSession() as http,
        asyncio.TaskGroup() as tasks,
    ):
        for known in STORES:
            # Before the first order, so that the feed tells of every change.
            async with http.post(
                _config(store), headers=known.headers(), json=_FEED
            ) as response:
                response.raise_for_status()
        desk = recorded(store, unwanted=unwanted)
        running = Traffic(
            store=store,
            desk=desk,
            http=http,
            most=most,
            at_once=at_once,
            rng=Random(seed),
            unwanted=unwanted,
            cancelled=cancelled,
            every=every,
        )
        placing = tasks.create_task(running.run())
        cancelling = tasks.create_task(
            Shoppers(store.oms, desk, unwanted=unwanted).run()
        )
        yield running
        placing.cancel()
        cancelling.cancel()


def _config(store: Sandbox) -> str:
    return f"{store.url}/api/orders/feed/config"


def _is_final(order: Order) -> bool:
    if order.status == "canceled":
        return True
    return (
        order.status == "invoiced"
        and order.invoiced_value >= order.value
        and all(p.courier_status and p.courier_status.finished for p in order.packages)
    )
