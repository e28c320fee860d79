"""Whose turn it is: order, fairness, replay, and what is shown."""

import asyncio

import pytest

from builders import (
    cancellation_requested,
    checkpoint,
    courier_update_received,
    handling_requested,
    invoice_issued,
    tracking_number_assigned,
)
from conftest import ManualClock
from fake_oms import ORDER, FakeOms, refused
from react_kit import Desk
from service.db import Pool, connection, load_sql, open_pool, transaction
from service.domain.facts import CallParked, CallSucceeded
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.react.calls import ClaimedCall
from service.react.queue import LEASE, CallQueue, Depth, Share, replay

pytestmark = pytest.mark.postgres

CLAIM = load_sql("service.react", "claim_calls")


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


async def invoices(desk: Desk, *order_ids: str, account: str = "acme") -> None:
    for order_id in order_ids:
        await desk.append(invoice_issued(), stream=StreamKey(account, order_id))
    await desk.react()


def columns(desk: Desk, *, at_most: int) -> tuple[object, ...]:
    now = desk.clock.now()
    return ["acme"], [0], [at_most], at_most, "test", now, now + LEASE


class TestClaim:
    async def test_takes_the_oldest_call_of_an_order_only(self, desk: Desk) -> None:
        """An order has one call in flight, however many wait."""
        await desk.happen(handling_requested(), invoice_issued())

        first = await desk.claim()
        second = await desk.claim()

        assert [call.kind for call in first] == ["start-handling"]
        assert second == []

    async def test_takes_many_orders_at_once(self, desk: Desk) -> None:
        """Calls of different orders are made side by side."""
        await invoices(desk, "1", "2", "3")

        assert len(await desk.claim()) == 3

    async def test_takes_no_more_than_asked_for(self, desk: Desk) -> None:
        """A process claims what it has workers for; the rest stays for others."""
        await invoices(desk, "1", "2", "3")

        sizes = [len(await desk.claim(at_most=2)) for _ in range(3)]

        assert sizes == [2, 1, 0]

    async def test_of_two_processes_never_takes_one_call_twice(
        self, desk: Desk, dsn: str
    ) -> None:
        """Many claims at the same time share the orders among them."""
        await invoices(desk, *(f"order-{number}" for number in range(60)))
        claimed: list[ClaimedCall] = []

        async def claim(queue: CallQueue) -> None:
            while found := await desk.claim(queue, at_most=3):
                claimed.extend(found)

        async with open_pool(dsn, size=8) as other, asyncio.TaskGroup() as tasks:
            for number in range(12):
                pool = other if number % 2 else desk.pool
                tasks.create_task(claim(CallQueue(pool, owner=f"p{number}")))
        claimed += await desk.claim()

        assert len(claimed) == 60
        assert len({call.call_id for call in claimed}) == 60

    async def test_passes_by_what_another_is_just_claiming(self, desk: Desk) -> None:
        """A claim neither waits for one that is not finished nor takes its calls."""
        await invoices(desk, "1", "2")

        async with transaction(desk.pool) as lent:
            theirs = await lent.fetch(CLAIM, *columns(desk, at_most=1))
            async with asyncio.timeout(5):
                ours = await desk.claim()

        assert len(theirs) == 1
        assert len(ours) == 1
        assert ours[0].call_id != theirs[0]["call_id"]

    async def test_leaves_the_probe_to_another(self, desk: Desk) -> None:
        """While another claim is taking the probe, there is no second one."""
        await invoices(desk, "1", "2")
        async with connection(desk.pool) as lent:
            await lent.execute(
                "UPDATE react.destinations SET breaker = 'open', paused_until = $1",
                desk.clock.now(),
            )

        async with transaction(desk.pool) as lent:
            theirs = await lent.fetch(CLAIM, *columns(desk, at_most=16))
            async with asyncio.timeout(5):
                during = await desk.claim()
        after = await desk.claim()

        assert (len(theirs), during, after) == (1, [], [])

    async def test_lets_accounts_take_turns(self, desk: Desk) -> None:
        """An account with few calls does not wait behind one with many."""
        desk.apis["umbrella"] = FakeOms(desk.clock)
        await invoices(desk, *(f"order-{number}" for number in range(20)))
        desk.clock.advance(minutes=1)
        await invoices(desk, "late-1", "late-2", account="umbrella")

        claimed = await desk.claim(at_most=4)

        accounts = sorted(call.stream.account for call in claimed)
        assert accounts == ["acme", "acme", "umbrella", "umbrella"]

    async def test_serves_first_whoever_has_less_in_flight(self, desk: Desk) -> None:
        """One free worker goes to the account with fewer calls in flight."""
        await invoices(desk, "1")
        desk.clock.advance(minutes=1)
        await invoices(desk, "2", account="umbrella")

        (claimed,) = await desk.queue.claim(
            [
                Share(account="acme", in_flight=5, room=5),
                Share(account="umbrella", in_flight=1, room=5),
            ],
            at_most=1,
            now=desk.clock.now(),
        )

        assert claimed.stream.account == "umbrella"

    async def test_serves_only_its_own_accounts(self, desk: Desk) -> None:
        """Calls of an account that this process has no client for stay where they are."""
        await invoices(desk, "1", account="umbrella")

        assert await desk.claim() == []

    async def test_knows_its_plan(self, desk: Desk) -> None:
        """With 20,000 settled calls behind it, a claim reads open lanes by index."""
        await self.fill(desk.pool, settled=20_000, waiting=20_000)

        async with connection(desk.pool) as lent:
            rows = await lent.fetch(f"EXPLAIN {CLAIM}", *columns(desk, at_most=16))

        plan = "\n".join(row[0] for row in rows)
        assert "lanes_due" in plan
        assert "Seq Scan on calls" not in plan
        assert "Seq Scan on lanes" not in plan

    async def fill(self, pool: Pool, *, settled: int, waiting: int) -> None:
        async with connection(pool) as lent:
            await lent.execute(
                """
                INSERT INTO react.calls (
                    call_id, stream_id, account, order_id, cause_version, kind, request,
                    state, patience, correlation_id, created_at
                )
                SELECT gen_random_uuid(), md5((n / 4)::text)::uuid, 'acme', (n / 4)::text,
                       n, 'tracking', '{"method": "PUT"}',
                       CASE WHEN n <= $1 THEN 'done' ELSE 'pending' END,
                       interval '1 day', 'chain', now()
                FROM generate_series(1, $1::int + $2::int) AS n
                """,
                settled,
                waiting,
            )
            await lent.execute(
                """
                INSERT INTO react.lanes (stream_id, account, next_at)
                SELECT DISTINCT stream_id, account, '2026-03-01 12:00Z'::timestamptz
                    + cause_version * interval '1 second'
                FROM react.calls WHERE state = 'pending'
                ON CONFLICT DO NOTHING
                """
            )
            await lent.execute("INSERT INTO react.destinations VALUES ('acme')")
            await lent.execute("ANALYZE react.calls, react.lanes, react.destinations")


class TestEnqueue:
    async def test_of_a_call_behind_the_last_one_is_not_lost(self, desk: Desk) -> None:
        """A call that comes while the order's last one is settled is made as well."""
        for number in range(20):
            stream = StreamKey("acme", f"order-{number}")
            await desk.happen(invoice_issued(), stream=stream)
            await desk.append(tracking_number_assigned(), stream=stream)
            (claimed,) = await desk.claim()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(desk.caller.make(claimed))
                tasks.create_task(desk.react())

            await desk.work()

            states = [call.state for call in await desk.calls(stream)]
            assert states == ["done", "done"]


class TestReplay:
    async def test_puts_a_refused_call_back(self, desk: Desk) -> None:
        """A replayed call starts anew, after a look at the order."""
        desk.oms.say("start-handling", refused(409, "OMS003"))
        await desk.happen(handling_requested())
        await desk.work()
        call = await desk.call("start-handling")

        replayed = await replay(desk.pool, call.call_id, now=desk.clock.now())
        await desk.work()

        assert replayed == [call.call_id]
        after = await desk.call("start-handling")
        assert (after.state, after.attempts, after.reason) == ("done", 1, None)
        assert isinstance((await desk.told())[-1], CallSucceeded)

    async def test_brings_back_what_waits_for_the_invoice(self, desk: Desk) -> None:
        """With its invoice, parked tracking is made as well, in order."""
        desk.oms.say("invoice", refused())
        await desk.happen(
            invoice_issued(),
            tracking_number_assigned(),
            courier_update_received(checkpoint()),
        )
        await desk.work()

        call = await desk.call("invoice")
        await replay(desk.pool, call.call_id, now=desk.clock.now())
        await desk.work()

        kinds = ["invoice", "tracking-number", "tracking"]
        assert desk.oms.ledger == [(ORDER.order_id, kind) for kind in kinds]

    async def test_looks_at_the_order_first(self, desk: Desk) -> None:
        """What somebody did at VTEX meanwhile is not sent again."""
        desk.oms.say("cancel", refused())
        await desk.happen(cancellation_requested())
        await desk.work()
        desk.oms.order()["status"] = "canceled"
        desk.oms.asked.clear()

        call = await desk.call("cancel")
        await replay(desk.pool, call.call_id, now=desk.clock.now())
        await desk.work()

        assert [kind for _, kind in desk.oms.asked] == ["get"]
        assert (await desk.call("cancel")).state == "done"

    async def test_that_fails_again_is_told_again(self, desk: Desk) -> None:
        """Each time a call is parked anew, the log learns of it."""
        desk.oms.say("invoice", refused(), refused())
        await desk.happen(invoice_issued(), tracking_number_assigned())
        await desk.work()

        tracking = await desk.call("tracking-number")
        await replay(desk.pool, tracking.call_id, now=desk.clock.now())
        await desk.work()

        parked = [f for f in await desk.told() if isinstance(f, CallParked)]
        assert len(parked) == 2

    async def test_waits_for_a_call_in_flight(self, desk: Desk) -> None:
        """A call replayed while another of its order is in flight comes after it."""
        desk.oms.say("start-handling", refused(409, "OMS003"))
        await desk.happen(handling_requested(), invoice_issued())
        (first,) = await desk.claim()
        await desk.caller.make(first)
        (second,) = await desk.claim()

        await replay(desk.pool, first.call_id, now=desk.clock.now())
        between = await desk.claim()
        await desk.caller.make(second)
        await desk.work()

        assert between == []
        assert [kind for _, kind in desk.oms.ledger] == ["invoice", "start-handling"]

    async def test_of_an_open_call_does_nothing(self, desk: Desk) -> None:
        """A call that is still to be made, or done, cannot be replayed."""
        await desk.happen(invoice_issued())
        call = await desk.call("invoice")

        pending = await replay(desk.pool, call.call_id, now=desk.clock.now())
        await desk.work()
        done = await replay(desk.pool, call.call_id, now=desk.clock.now())

        assert (pending, done) == ([], [])
        assert desk.oms.done("invoice") == 1


class TestDepths:
    async def test_count_what_is_not_settled(self, desk: Desk) -> None:
        """Waiting calls, those in flight and the age of the oldest, per account."""
        await desk.happen(handling_requested(), invoice_issued())
        since = desk.clock.now()
        await invoices(desk, "done", account="umbrella")
        await desk.claim()

        depths = {depth.account: depth for depth in await desk.queue.depths()}

        assert depths["acme"] == Depth(
            account="acme",
            waiting=2,
            in_flight=1,
            oldest=since,
            breaker="closed",
            paused_until=None,
        )

    async def test_know_idle_accounts(self, desk: Desk) -> None:
        """An account whose calls are all made is counted as empty."""
        await desk.happen(invoice_issued())
        await desk.work()

        (depth,) = await desk.queue.depths()

        assert (depth.waiting, depth.in_flight, depth.oldest) == (0, 0, None)


class TestAttempts:
    async def test_are_never_changed(self, desk: Desk) -> None:
        """The record of attempts refuses updates and deletes."""
        await desk.happen(invoice_issued())
        await desk.work()

        async with connection(desk.pool) as lent:
            for statement in (
                "UPDATE react.attempts SET result = 'x'",
                "DELETE FROM react.attempts",
            ):
                with pytest.raises(Exception, match="append-only"):
                    await lent.execute(statement)
