"""The live stream: what changed, resumed where it broke off, nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from builders import (
    NOON,
    cancellation_requested,
    details_fetched,
    document,
    logistics,
    minutes,
    status_reported,
)
from conftest import ManualClock
from reading import Events, Reading, reading
from service.db import Pool, transaction
from service.eventlog.records import Batch, RecordedEvent
from service.project.orders import CONSUMER, OrdersProjector
from service.project.projection import project
from service.project.rebuild import rebuild
from service.project.tables import Tables
from service.read.stream import PAGE, LiveStream
from service.web import manners, routes

pytestmark = pytest.mark.postgres


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    async with reading(pool, clock) as served:
        yield served


@asynccontextmanager
async def streaming(api: Reading, last_id: str = "") -> AsyncIterator[Events]:
    """Open the stream, after the event *last_id* where one is given."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with api.client.get("/v1/stream", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Events(response)


class TestStream:
    async def test_change(self, api: Reading) -> None:
        """A changed order comes as the list would show it."""
        async with streaming(api) as events:
            greeting = await events.next()
            await api.world.tell(status_reported("handling"))

            change = await events.next()

        assert greeting == ("ready", {})
        (item,) = await api.items("/v1/orders")
        assert change == ("order", item)

    async def test_only_new(self, api: Reading) -> None:
        """What changed before the stream was opened is not told."""
        await api.world.tell(status_reported("handling"), order_id="before")
        async with streaming(api) as events:
            await events.next()
            await api.world.tell(status_reported("handling"), order_id="after")

            _, order = await events.next()

        assert order["order_id"] == "after"

    async def test_resumed(self, api: Reading) -> None:
        """With the id of the last event a stream goes on behind it."""
        async with streaming(api) as events:
            await events.next()
            await api.world.tell(status_reported("handling"), order_id="1")
            await events.next()
        for order_id in ("2", "3"):
            await api.world.tell(status_reported("handling"), order_id=order_id)

        async with streaming(api, events.last_id) as resumed:
            greeting = await resumed.next()
            told = [await resumed.next(), await resumed.next()]

        assert greeting == ("ready", {})
        assert {order["order_id"] for _, order in told} == {"2", "3"}

    async def test_last_state(self, api: Reading) -> None:
        """Who was away hears of an order once, in its last state."""
        async with streaming(api) as events:
            await events.next()
        for _ in range(3):
            await api.world.tell(cancellation_requested())
        await api.world.tell(status_reported("handling"), order_id="other")

        async with streaming(api, events.last_id) as resumed:
            await resumed.next()
            told = [(await resumed.next())[1], (await resumed.next())[1]]

        assert {(order["order_id"], order["version"]) for order in told} == {
            ("1001-01", 3),
            ("other", 1),
        }

    async def test_many(self, api: Reading) -> None:
        """More changes than are read at a time all arrive."""
        async with streaming(api) as events:
            await events.next()
        recorded: list[RecordedEvent] = []
        for number in range(PAGE + 50):
            recorded += await api.world.record(
                cancellation_requested(), order_id=f"{number}"
            )
        await api.world.project(*recorded)

        async with streaming(api, events.last_id) as resumed:
            await resumed.next()
            told = {(await resumed.next())[1]["order_id"] for _ in recorded}

        assert len(told) == len(recorded)

    async def test_ripening(self, api: Reading, clock: ManualClock) -> None:
        """An order that time makes ready for pickup is told when it is."""
        for order_id, estimate in (("1", 30), ("2", 30), ("3", 90)):
            row = logistics(channel="pickup-in-point", estimate=minutes(estimate))
            fact = details_fetched(document("invoiced", logistics=(row,)))
            await api.world.tell(fact, order_id=order_id)
        async with streaming(api) as events:
            await events.next()
            clock.at = minutes(31)

            told = [await events.next(), await events.next()]

        assert {order["order_id"] for _, order in told} == {"1", "2"}
        assert {order["stage"] for _, order in told} == {5}

    async def test_ripened_while_away(self, api: Reading, clock: ManualClock) -> None:
        """Who was away while an order got ready hears of it."""
        row = logistics(channel="pickup-in-point", estimate=minutes(30))
        await api.world.tell(details_fetched(document("invoiced", logistics=(row,))))
        async with streaming(api) as events:
            await events.next()
        clock.at = minutes(31)

        async with streaming(api, events.last_id) as resumed:
            await resumed.next()
            _, order = await resumed.next()

        assert order["trigger_names"][4] == "Ready for pickup"


class TestOrder:
    async def test_late_commit(self, api: Reading, pool: Pool) -> None:
        """A projection that commits late in one partition is not skipped."""
        slow, quick = await two_partitions(api)
        async with streaming(api) as events:
            await events.next()
            async with transaction(pool) as held:
                await Tables().save(held, project([slow], {}))
                await api.world.project(quick)
                _, first = await events.next()

            _, second = await events.next()

        assert first["order_id"] == quick.stream.order_id
        assert second["order_id"] == slow.stream.order_id

    async def test_side_by_side(self, api: Reading, pool: Pool) -> None:
        """Of projections that run side by side a connected client misses nothing."""
        by_partition: dict[int, list[RecordedEvent]] = {}
        for number in range(200):
            (event,) = await api.world.record(
                cancellation_requested(), order_id=f"{number}"
            )
            by_partition.setdefault(event.partition, []).append(event)
        async with streaming(api) as events:
            await events.next()
            async with asyncio.TaskGroup() as tasks:
                for of_one in by_partition.values():
                    tasks.create_task(one_by_one(pool, of_one))
            told = {(await events.next())[1]["order_id"] for _ in range(200)}

        assert len(told) == 200


class TestReset:
    @pytest.mark.parametrize(
        "last_id", ["nonsense", "1-0-0", f"1-0-{'0' * 32}-5", "9" * 4000]
    )
    async def test_foreign_id(self, api: Reading, last_id: str) -> None:
        """An id that leads nowhere makes the client read the list again."""
        async with streaming(api, last_id) as events:
            kind, _ = await events.next()

        assert kind == "reset"

    async def test_rebuilt(self, api: Reading, pool: Pool) -> None:
        """A rebuild is not noticed: nothing is told again, and the next change is."""
        await api.world.tell(status_reported("handling"))
        # A log without any event is not what this read model is filled from.
        await pool.execute("UPDATE eventlog.partitions SET head = 1")
        async with streaming(api) as events:
            ready, seen = await events.next()
            await rebuild(pool, Emptied(), progress=lambda _done, _total: None)
            await api.world.tell(status_reported("handling"), order_id="after")
            kind, order = await events.next()

        assert (ready, seen) == ("ready", {})
        assert (kind, order["order_id"]) == ("order", "after")

    async def test_rebuilt_meanwhile(self, api: Reading, pool: Pool) -> None:
        """Who comes back after a rebuild goes on from where the stream broke off."""
        async with streaming(api) as events:
            await events.next()
            left_at = events.last_id
        await rebuild(pool, Emptied(), progress=lambda _done, _total: None)
        await api.world.tell(status_reported("handling"))

        async with streaming(api, left_at) as events:
            kinds = [(await events.next())[0], (await events.next())[0]]

        assert kinds == ["ready", "order"]


class TestEnd:
    async def test_shutdown(self, api: Reading) -> None:
        """Open streams end when the service stops, and no further one begins."""
        async with streaming(api) as events:
            await events.next()
            await api.api.close(api.client.app)

            with pytest.raises(AssertionError, match="has ended"):
                await events.next()

        assert (await api.get("/v1/stream")).status == 503

    async def test_most_streams(self, pool: Pool, clock: ManualClock) -> None:
        """Beyond the most streams at a time a client is asked to come back later."""
        app = web.Application(middlewares=[manners])
        app.add_routes(
            routes([LiveStream(pool, clock, most_streams=1).endpoint], keys=[])
        )
        async with TestClient(TestServer(app)) as client:
            first = await client.get("/v1/stream")
            refused = await client.get("/v1/stream")
            first.close()

        assert first.status == 200
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "1"


class Emptied:
    """A log in which nothing has happened."""

    async def heads(self) -> dict[int, int]:
        return {}

    async def check_gaps(self, gaps: object) -> None:
        raise AssertionError(gaps)

    async def read_partitions(
        self, positions: object, *, each: int
    ) -> Sequence[RecordedEvent]:
        return []


async def two_partitions(api: Reading) -> tuple[RecordedEvent, RecordedEvent]:
    """Record two events that lie in different partitions."""
    (first,) = await api.world.record(cancellation_requested(), order_id="0")
    for number in range(1, 100):
        (other,) = await api.world.record(
            cancellation_requested(), order_id=f"{number}"
        )
        if other.partition != first.partition:
            return first, other
    raise AssertionError


async def one_by_one(pool: Pool, events: Sequence[RecordedEvent]) -> None:
    for event in events:
        await OrdersProjector(pool).handle(
            Batch(
                consumer=CONSUMER,
                events=[event],
                positions={event.partition: event.position},
            )
        )
