"""Stores whose orders go through the service, come what may to it and its way to VTEX."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import cycle, repeat
from typing import Any

import aiohttp
from typing_extensions import override
from yarl import URL

from aftermath import shown_orders, told_otherwise, unfinished_orders
from chaos.checker import Kind, Violation
from checker import shown_violations
from service.db import Pool
from service.eventlog.records import RecordedEvent
from service.sandbox.service_desk import ServiceDesk
from traffic import STORES, Traffic, traffic

ACCOUNTS = [known.account for known in STORES]

SPEED = 5.0
"""So fast that an order takes some ten seconds if nothing holds it up."""

CANCELLED = 0.1

QUIET = 10.0
"""Seconds without faults after which nobody is in the middle of a call any more."""

_LAST_LEASE = "SELECT max(lease_token) FROM react.lanes"
_HURRY = (
    """
    UPDATE react.destinations SET paused_until = now() WHERE paused_until > now()
    """,
    """
    UPDATE ingest.rereads AS r SET due_at = now(), leased_until = NULL
    FROM (SELECT account, order_id FROM ingest.rereads FOR UPDATE SKIP LOCKED) AS free
    WHERE r.account = free.account AND r.order_id = free.order_id
    """,
)
_HURRY_LANES = """
    UPDATE react.lanes SET next_at = now()
    WHERE account = ANY ($1) AND (lease_token IS NULL OR lease_token <= $2)
"""
_WAITING = "SELECT count(*) FROM react.lanes WHERE account = ANY ($1)"
_ATTEMPTS = """
    SELECT result, count(*) FROM react.attempts JOIN react.calls AS call USING (call_id)
    WHERE call.account = ANY ($1) GROUP BY result ORDER BY result
"""


class AnyService(ServiceDesk):
    """Turns to another process of the service with each attempt, as long as it takes."""

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str]) -> None:
        super().__init__(session, "")
        self._urls = cycle(urls)
        self._pauses = list(repeat(0.2, 3000))

    @override
    async def _sent(self, url: str, content: bytes, headers: Mapping[str, str]) -> bool:
        return await super()._sent(next(self._urls) + url, content, headers)


@asynccontextmanager
async def shops(
    *, seed: int, orders: int, every: float, urls: Sequence[str]
) -> AsyncIterator[Traffic]:
    """Sell up to so many *orders*, one *every* so many seconds; *urls* handle them."""
    async with traffic(
        seed=seed,
        speed=SPEED,
        service_url=urls[0],
        most=orders,
        at_once=orders,
        every=every,
        cancelled=CANCELLED,
    ) as selling:
        # The sandbox's own connections end after its merchant does.
        session = selling.desk._desk._session
        selling.desk._desk = AnyService(session, urls)
        yield selling


def address_of(selling: Traffic) -> tuple[str, int]:
    url = URL(selling.store.url)
    assert url.host is not None
    assert url.port is not None
    return url.host, url.port


async def hurry(pool: Pool) -> None:
    """Spare us minutes and hours, once nothing goes wrong any more.

    They are those for which the dead hold their leases, and a breaker or a clock that
    was ahead puts things off; that all these end by themselves is shown elsewhere.
    """
    last_lease = await pool.fetchval(_LAST_LEASE) or 0
    await asyncio.sleep(QUIET)
    while True:
        await pool.execute(_HURRY_LANES, ACCOUNTS, last_lease)
        for statement in _HURRY:
            await pool.execute(statement)
        await asyncio.sleep(QUIET / 2)


async def waiting(selling: Traffic, pool: Pool) -> dict[str, int]:
    """Return what is still to be done for the orders."""
    found = await unfinished_orders(selling)
    found["orders with calls to make"] = await pool.fetchval(_WAITING, ACCOUNTS)
    return {what: count for what, count in found.items() if count}


async def orders_shown(selling: Traffic, url: str) -> list[dict[str, Any]]:
    """Return the orders as the service at *url* shows them."""
    found: list[dict[str, Any]] = []
    for account in ACCOUNTS:
        found += await shown_orders(selling.http, url, account=account)
    return found


async def is_shown(selling: Traffic, url: str) -> bool:
    ledger = selling.store.oms.ledger()
    try:
        found = await orders_shown(selling, url)
    except aiohttp.ClientError:  # it has only just come back, too
        return False
    return not shown_violations(selling.placed, ledger, found)


def check_orders(
    selling: Traffic,
    events: Sequence[RecordedEvent],
    shown: Sequence[dict[str, Any]],
) -> Iterator[Violation]:
    """What the stores saw is what the log tells of it, and what is shown."""
    theirs = [event for event in events if event.stream.account in ACCOUNTS]
    for line in (*selling.desk.given_up, *told_otherwise(selling, theirs, shown)):
        yield Violation(kind_of(line), "orders", line)


_KINDS: Mapping[str, Kind] = {
    ": lost ": "lost",
    "given up: ": "lost",
    "call parked: ": "lost",
    "once too often ": "duplicate",
    "sent again: ": "duplicate",
    "out of order: ": "reordered",
    "unheard of ": "aborted",
    "there is no such order: ": "aborted",
}


def kind_of(line: str) -> Kind:
    return next((kind for words, kind in _KINDS.items() if words in line), "torn")


async def told(selling: Traffic, pool: Pool, *, faults: int) -> str:
    """Return how much there was to do, for people."""
    ours = {known.app_key for known in STORES}
    calls = sum(entry.by in ours for entry in selling.store.oms.ledger())
    rows = await pool.fetch(_ATTEMPTS, ACCOUNTS)
    attempts = ", ".join(f"{row['count']} {row['result']}" for row in rows)
    return (
        f"{len(selling.placed)} orders and {calls} calls at the OMS, "
        f"{faults} faults before it; attempts: {attempts}"
    )
