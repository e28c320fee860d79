"""Whatever the clocks of the processes say, they agree on leases, deadlines and pauses."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import pytest
import pytest_asyncio
from pydantic import SecretStr

from builders import call_succeeded, handling_requested
from conftest import ManualClock
from eventually import eventually
from fake_oms import ORDER, unavailable
from react_kit import Desk
from service.app import serve
from service.clock import SystemClock
from service.config import Role, Settings
from service.db import Pool
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from vtex import Reply, account_at, scripted_vtex

OTHER = StreamKey("acme", "1002-01")

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("hours", [30, -30]),
]


class WrongClock:
    """See `Clock`; *hours* ahead."""

    def __init__(self, hours: int) -> None:
        self._clock = SystemClock()
        self._ahead = timedelta(hours=hours)

    def now(self) -> datetime:
        return self._clock.now() + self._ahead


@pytest_asyncio.fixture
async def desk(pool: Pool, log: PostgresEventLog) -> Desk:
    """A process whose clock is right."""
    return Desk(pool, log, ManualClock(SystemClock().now()))


@asynccontextmanager
async def another(dsn: str, role: Role, *, hours: int) -> AsyncIterator[None]:
    """Run another process, whose clock is *hours* ahead, until the block ends."""
    async with scripted_vtex() as vtex, asyncio.TaskGroup() as tasks:
        for order in (ORDER, OTHER):
            path = f"/api/oms/pvt/orders/{order.order_id}/start-handling"
            vtex.on(f"POST {path}", Reply(204))
        settings = Settings(
            postgres_dsn=SecretStr(dsn),
            accounts=(account_at(vtex.url, feed=False),),
            http_port=0,
        )
        served = serve(settings, [role], clock=WrongClock(hours))
        serving = tasks.create_task(served)
        yield
        serving.cancel()


async def reread_at(pool: Pool) -> datetime | None:
    found: datetime | None = await pool.fetchval("SELECT due_at FROM ingest.rereads")
    return found


async def state_of(desk: Desk, stream: StreamKey) -> str | None:
    call = await desk.call("start-handling", stream)
    return call.state if call.settled_at else None


class TestWrongClock:
    async def test_gives_nothing_up_too_soon(
        self, desk: Desk, dsn: str, hours: int
    ) -> None:
        """A call that has an hour left is made, not parked."""
        desk.oms.say("start-handling", unavailable())
        await desk.happen(handling_requested())
        await desk.work()

        async with another(dsn, "react", hours=hours):
            settled = await eventually(partial(state_of, desk, ORDER))

        assert settled == "done"

    async def test_takes_nothing_from_others(
        self, desk: Desk, dsn: str, hours: int
    ) -> None:
        """A call that another process makes stays that process's."""
        await desk.happen(handling_requested())
        [held] = await desk.claim()
        await desk.happen(handling_requested(), stream=OTHER)

        async with another(dsn, "react", hours=hours):
            await eventually(partial(state_of, desk, OTHER))

        await desk.caller.make(held)
        assert len(desk.oms.ledger) == 1
        assert (await desk.call("start-handling")).attempts == 1

    async def test_begins_to_count_now(self, desk: Desk, dsn: str, hours: int) -> None:
        """The deadline of a call is an hour from its first attempt."""
        await desk.happen(handling_requested())

        async with another(dsn, "react", hours=hours):
            await eventually(partial(state_of, desk, ORDER))

        deadline = (await desk.call("start-handling")).deadline
        assert deadline is not None
        left = deadline - SystemClock().now()
        assert timedelta(minutes=55) < left < timedelta(minutes=65)

    async def test_puts_no_reading_off(
        self, desk: Desk, pool: Pool, dsn: str, hours: int
    ) -> None:
        """An order whose handling began is read again within minutes."""
        await desk.append(call_succeeded("start-handling"))

        async with another(dsn, "ingest", hours=hours):
            due_at = await eventually(partial(reread_at, pool))

        assert due_at is not None
        assert abs(due_at - SystemClock().now()) < timedelta(hours=1)
