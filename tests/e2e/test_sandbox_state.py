"""A sandbox that is killed goes on from what it answered last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from eventually import eventually
from processes import Service, free_port, running
from service.sandbox.accounts import SANDBOX_STORE

pytestmark = pytest.mark.postgres

MANY = 30
"""Orders that are answered before the kill."""
SHOPPERS = 8

FEED = {
    "filter": {"type": "FromWorkflow", "status": ["handling"]},
    "queue": {
        "visibilityTimeoutInSeconds": 0,
        "MessageRetentionPeriodInSeconds": 345_600,
    },
}


@asynccontextmanager
async def sandbox(
    dsn: str, port: int, output: Path
) -> AsyncIterator[tuple[Service, aiohttp.ClientSession]]:
    """Run a sandbox whose state is in the database."""
    options = {"port": port, "orders-per-minute": 0, "speed": 20, "state": dsn}
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with running("sandbox", *map(str, words), settings={}, output=output) as service:

        async def announced() -> bool:
            return "sandbox at" in service.text

        await eventually(announced, within=20)
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{port}", headers=SANDBOX_STORE.headers()
        ) as session:
            yield service, session


async def ask(
    session: aiohttp.ClientSession, method: str, path: str, body: object = None
) -> Any:
    async with session.request(method, path, json=body) as response:
        response.raise_for_status()
        return await response.json() if response.content_length else None


async def undelivered(session: aiohttp.ClientSession) -> list[str]:
    found = await ask(session, "GET", "/sandbox/orders")
    return [
        order["orderId"]
        for order in found["orders"]
        if not order["packages"]
        or not all(package["finished"] for package in order["packages"])
    ]


async def packages(session: aiohttp.ClientSession) -> list[object]:
    found = await ask(session, "GET", "/sandbox/orders")
    return [package for order in found["orders"] for package in order["packages"]]


async def place(session: aiohttp.ClientSession) -> str:
    wish = {"fate": "completed", "flow": "complete"}
    order = await ask(session, "POST", "/sandbox/orders", wish)
    return str(order["orderId"])


async def place_until_killed(
    session: aiohttp.ClientSession, service: Service
) -> list[str]:
    """Place orders from many sides, kill the sandbox amid them, return the answered."""
    answered: list[str] = []

    async def shop() -> None:
        with suppress(aiohttp.ClientError):
            while True:
                answered.append(await place(session))
                if len(answered) == MANY:
                    service.kill()

    async with asyncio.TaskGroup() as group:
        for _ in range(SHOPPERS):
            group.create_task(shop())
    assert len(answered) >= MANY
    return answered


class TestState:
    async def test_survives_a_kill(self, dsn: str, tmp_path: Path) -> None:
        """Whatever was answered before is there afterwards, and all goes on."""
        port, output = free_port(), tmp_path / "sandbox.log"
        async with sandbox(dsn, port, output) as (service, session):
            await ask(session, "POST", "/api/orders/feed/config", FEED)
            fault = {"name": "KI-792650", "rate": 0.5}
            faults = await ask(session, "POST", "/sandbox/faults", fault)
            await ask(session, "POST", "/sandbox/clock", {"advance": 86_400})
            placed = [await place(session) for _ in range(3)]
            # Some parcels are on their way, and the merchant has more to do for them.
            await eventually(lambda: packages(session), within=20)
            before = await ask(session, "GET", "/sandbox/ledger?limit=10000")
            clock = await ask(session, "GET", "/sandbox/clock")
            placed += await place_until_killed(session, service)
        output.write_bytes(b"")
        async with sandbox(dsn, port, output) as (_, session):
            after = await ask(session, "GET", "/sandbox/ledger?limit=10000")
            known = await ask(session, "GET", "/sandbox/faults")
            later = await ask(session, "GET", "/sandbox/clock")

            async def delivered() -> bool:
                return not await undelivered(session)

            await eventually(delivered, within=20)
            orders = await ask(session, "GET", "/sandbox/orders")
            feed = await ask(session, "GET", "/api/orders/feed?maxlot=10")

        assert {order["orderId"] for order in orders["orders"]} >= set(placed)
        assert after["entries"][: len(before["entries"])] == before["entries"]
        assert known["faults"] == faults["faults"]
        assert later["now"] > clock["now"]
        assert feed != []
