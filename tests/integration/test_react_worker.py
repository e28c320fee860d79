"""Calls are made side by side, across orders, processes and accounts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial

import pytest
from typing_extensions import override

from builders import (
    checkpoint,
    courier_update_received,
    handling_requested,
    invoice_issued,
    tracking_number_assigned,
)
from conftest import ManualClock
from eventually import eventually
from fake_oms import FakeOms, Step
from react_kit import AwayLog, Desk
from service.db import Pool, connection, open_pool
from service.domain.facts import CallSucceeded
from service.errors import DatabaseUnavailableError
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.react.calls import ClaimedCall
from service.react.queue import LEASE, CallQueue, Share
from service.react.worker import CallWorkers

pytestmark = pytest.mark.postgres


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


class FlakyQueue(CallQueue):
    """See `CallQueue`; the database is away at first."""

    failures = 2

    @override
    async def claim(
        self, shares: Sequence[Share], *, at_most: int, now: datetime
    ) -> list[ClaimedCall]:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailableError
        return await super().claim(shares, at_most=at_most, now=now)


def workers_of(
    desk: Desk, queue: CallQueue | None = None, *, workers: int = 8
) -> CallWorkers:
    caller = desk.caller if queue is None else desk.caller_of(queue, desk.log)
    return CallWorkers(
        queue=queue or desk.queue,
        caller=caller,
        apis=desk.apis,
        clock=desk.clock,
        workers=workers,
        wake=desk.wake,
    )


@asynccontextmanager
async def running(*workers: CallWorkers) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        for each in workers:
            tasks.create_task(each.run())
        yield
        for each in workers:
            each.stop()


def orders(count: int, account: str = "acme") -> list[StreamKey]:
    return [StreamKey(account, f"order-{number}") for number in range(count)]


def holds(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return condition()

    return check


async def all_settled(desk: Desk) -> bool:
    async with connection(desk.pool) as lent:
        return bool(
            await lent.fetchval(
                "SELECT count(*) > 0 AND bool_and(settled_at IS NOT NULL) FROM react.calls"
            )
        )


class TestRun:
    async def test_makes_what_comes(self, desk: Desk) -> None:
        """Calls that come while the workers run are made, follow-ups included."""
        async with running(workers_of(desk)):
            await desk.happen(handling_requested())
            await eventually(lambda: all_settled(desk))
            await desk.happen(invoice_issued(), tracking_number_assigned())
            await eventually(lambda: all_settled(desk))

        kinds = [kind for _, kind in desk.oms.ledger]
        assert kinds == ["start-handling", "invoice", "tracking-number"]

    async def test_of_two_processes_makes_each_call_once_and_in_order(
        self, desk: Desk, dsn: str
    ) -> None:
        """However many work on the queue, an order sees its calls one by one."""
        desk.oms = desk.apis["acme"] = FakeOms(
            desk.clock, rest=partial(asyncio.sleep, 0.002)
        )
        streams = orders(25)
        for stream in streams:
            await desk.append(
                invoice_issued(),
                tracking_number_assigned(),
                courier_update_received(checkpoint()),
                stream=stream,
            )
        await desk.react()

        async with (
            open_pool(dsn, size=8) as other,
            running(
                workers_of(desk), workers_of(desk, CallQueue(other, owner="other"))
            ),
        ):
            await eventually(lambda: all_settled(desk))

        for stream in streams:
            made = [kind for order, kind in desk.oms.ledger if order == stream.order_id]
            assert made == ["invoice", "tracking-number", "tracking"]
            told = await desk.told(stream)
            assert [type(fact) for fact in told] == [CallSucceeded] * 3
        assert set(desk.oms.most_of_an_order.values()) == {1}

    async def test_works_on_many_orders_but_no_more_than_it_may(
        self, desk: Desk
    ) -> None:
        """Orders are served side by side, by as many workers as there are."""
        desk.oms = desk.apis["acme"] = FakeOms(
            desk.clock, rest=partial(asyncio.sleep, 0.05)
        )
        for stream in orders(12):
            await desk.append(invoice_issued(), stream=stream)
        await desk.react()

        async with running(workers_of(desk, workers=4)):
            await eventually(lambda: all_settled(desk))

        assert desk.oms.most_at_once == 4

    async def test_leaves_workers_for_other_accounts(self, desk: Desk) -> None:
        """While one account holds its calls up, another's are made."""
        door = asyncio.Event()
        slow = desk.apis["acme"] = FakeOms(desk.clock, rest=door.wait)
        quick = desk.apis["umbrella"] = FakeOms(desk.clock)
        for stream in orders(8):
            await desk.append(invoice_issued(), stream=stream)
        await desk.react()

        async with running(workers_of(desk, workers=4)):
            await eventually(holds(lambda: slow.most_at_once == 3))
            await desk.happen(invoice_issued(), stream=StreamKey("umbrella", "1"))
            await eventually(holds(lambda: len(quick.ledger) == 1))
            assert slow.most_at_once == 3
            door.set()

    async def test_goes_on_after_a_call_that_breaks(self, desk: Desk) -> None:
        """A fault of our own in one call stops neither the workers nor the others."""
        desk.oms.say("invoice", Step(error=ZeroDivisionError()))
        first, second = orders(2)

        async with running(workers_of(desk)):
            await desk.happen(invoice_issued(), stream=first)
            await eventually(
                holds(lambda: (first.order_id, "invoice") in desk.oms.asked)
            )
            await desk.happen(invoice_issued(), stream=second)
            await eventually(
                holds(lambda: desk.oms.done("invoice", second.order_id) == 1)
            )

        assert (await desk.call("invoice", first)).state == "sending"

    async def test_outlives_the_database(self, desk: Desk) -> None:
        """Workers that could not claim for a while work on afterwards."""
        queue = FlakyQueue(desk.pool, owner="workers")
        await desk.happen(handling_requested())

        async with running(workers_of(desk, queue)):
            await eventually(lambda: all_settled(desk))

        assert queue.failures == 0

    async def test_leaves_a_call_that_the_log_cannot_be_told_of(
        self, desk: Desk
    ) -> None:
        """While the log is away a made call waits; its outcome is told later."""
        away = AwayLog(desk.log)
        desk.caller = desk.caller_of(desk.queue, away)
        await desk.happen(invoice_issued())

        async with running(workers_of(desk)):
            await eventually(holds(lambda: away.asked > 1))
        left = await desk.call("invoice")
        desk.caller = desk.caller_of(desk.queue, desk.log)
        desk.clock.advance(seconds=LEASE.total_seconds())
        async with running(workers_of(desk)):
            await eventually(lambda: all_settled(desk))

        assert left.state == "sending"
        assert [kind for _, kind in desk.oms.asked] == ["get", "invoice"]
        assert [type(fact) for fact in await desk.told()] == [CallSucceeded]

    async def test_sends_nothing_for_an_account_on_hold(self, desk: Desk) -> None:
        """While VTEX wants a pause, the account's calls are not even claimed."""
        await desk.oms.gate.hold(60)
        await desk.happen(invoice_issued())
        (other,) = orders(1, "umbrella")

        oms = desk.apis["umbrella"] = FakeOms(desk.clock)

        async with running(workers_of(desk)):
            await desk.happen(invoice_issued(), stream=other)
            await eventually(holds(lambda: len(oms.ledger) == 1))

        call = await desk.call("invoice")
        assert (call.state, call.history) == ("pending", ())


class TestStop:
    async def test_finishes_what_is_in_flight(self, desk: Desk) -> None:
        """Told to stop, workers claim nothing more and leave nothing half done."""
        desk.oms = desk.apis["acme"] = FakeOms(
            desk.clock, rest=partial(asyncio.sleep, 0.2)
        )
        for stream in orders(6):
            await desk.append(invoice_issued(), stream=stream)
        await desk.react()

        async with running(workers_of(desk, workers=2)):
            await eventually(holds(lambda: len(desk.oms.asked) == 2))

        states = sorted(
            [(await desk.call("invoice", stream)).state for stream in orders(6)]
        )
        assert states == ["done", "done", "pending", "pending", "pending", "pending"]
