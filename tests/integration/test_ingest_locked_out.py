"""An account whose key VTEX refuses pauses by itself: others go on, nothing is lost."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from builders import status_reported
from conftest import ManualClock
from events import new_event
from ingest_kit import MemoryQuarantine
from memory_log import MemoryEventLog
from private_kit import customer_store
from service.db import Pool
from service.domain.facts import OrderDetailsFetched
from service.eventlog.codec import decode
from service.eventlog.records import Append, Batch, StreamKey
from service.ingest.details import DetailsFetcher
from service.ingest.lockout import Lockouts
from service.ingest.reading import OrderReader
from service.ingest.rereader import Rereader
from service.ingest.rereads import Rereads
from service.orders_api.client import OrdersApi
from vtex import Reply, ScriptedVtex, account_at, orders_api, scripted_vtex

pytestmark = pytest.mark.postgres

GET = "GET /api/oms/pvt/orders/1-01"
ORDER = Reply(200, {"orderId": "1-01", "status": "handling"})
ACCOUNTS = "acme", "globex"


@pytest_asyncio.fixture
async def servers() -> AsyncIterator[dict[str, ScriptedVtex]]:
    async with AsyncExitStack() as stack:
        found = {
            name: await stack.enter_async_context(scripted_vtex()) for name in ACCOUNTS
        }
        for vtex in found.values():
            vtex.on(GET, ORDER)
        yield found


@pytest_asyncio.fixture
async def apis(servers: dict[str, ScriptedVtex]) -> AsyncIterator[dict[str, OrdersApi]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(
                orders_api(account_at(vtex.url, name=name))
            )
            for name, vtex in servers.items()
        }


class Intake:
    """What reads orders in one process, with a log of its own."""

    def __init__(
        self, apis: dict[str, OrdersApi], pool: Pool, clock: ManualClock
    ) -> None:
        self.log = MemoryEventLog(partitions=1)
        self.quarantine = MemoryQuarantine()
        self.lockouts = Lockouts(clock)
        reader = OrderReader(
            apis,
            log=self.log,
            quarantine=self.quarantine,
            customers=customer_store(pool, clock),
            clock=clock,
            lockouts=self.lockouts,
        )
        self._reader = reader
        self._pool = pool
        self._clock = clock
        self.rereader = Rereader(reader, Rereads(pool), apis=apis, clock=clock)

    async def hears(self, *states: str) -> None:
        """Let orders of both accounts come into *states*, and read what follows."""
        known = len(self.log.events)
        for state in states:
            for account in ACCOUNTS:
                event = new_event(state, status_reported(state))
                stream = StreamKey(account, "1-01")
                await self.log.append(Append(stream=stream, events=[event]))
        events = self.log.events[known:]
        positions = {0: events[-1].position}
        async with DetailsFetcher(
            self._reader, pool=self._pool, clock=self._clock, patience=10
        ) as fetcher:
            await fetcher.handle(
                Batch(consumer="details", events=events, positions=positions)
            )

    def read(self) -> list[str]:
        return [
            event.stream.account
            for event in self.log.events
            if isinstance(decode(event), OrderDetailsFetched)
        ]


@pytest.fixture
def intake(apis: dict[str, OrdersApi], pool: Pool, clock: ManualClock) -> Intake:
    return Intake(apis, pool, clock)


class TestReading:
    @pytest.mark.parametrize("status", [401, 403])
    async def test_account_pauses(
        self, servers: dict[str, ScriptedVtex], intake: Intake, status: int
    ) -> None:
        """It is told once and asked once, nothing is set aside, and others go on."""
        servers["acme"].on(GET, Reply(status, {}))

        with capture_logs() as lines:
            await intake.hears("x")
            await intake.hears("y")

        assert intake.read() == ["globex"]
        assert len(servers["acme"].asked) == 1
        assert intake.quarantine.kept == []
        assert [line["event"] for line in lines] == ["account locked out"]
        told = await intake.lockouts.look()
        assert told is not None
        assert told.startswith("acme (orders): VTEX refuses")

    async def test_resumes_by_itself(
        self,
        servers: dict[str, ScriptedVtex],
        intake: Intake,
        clock: ManualClock,
    ) -> None:
        """Every minute it is tried again; once let in, all that waited is read."""
        servers["acme"].on(GET, Reply(401, {}), Reply(401, {}), ORDER)
        await intake.hears("x")
        assert await intake.rereader.take_due("acme") == 0

        for _ in range(2):
            clock.advance(minutes=1)
            await intake.rereader.take_due("acme")

        assert intake.read() == ["globex", "acme"]
        assert len(servers["acme"].asked) == 3
        assert await intake.lockouts.look() is None
