"""A process that dies at any point loses no call and repeats none."""

import pytest
from typing_extensions import override

from builders import handling_requested, invoice_issued, tracking_number_assigned
from conftest import ManualClock
from fake_oms import ORDER, Step, cut_before
from react_kit import AwayLog, Desk, DyingQueue, FailingQueue, Killed, When
from service.db import Pool, connection
from service.domain.facts import CallSucceeded
from service.errors import DatabaseUnavailableError, FencedError
from service.eventlog.ports import EventLog
from service.eventlog.records import Append, Appended
from service.eventlog.store import PostgresEventLog
from service.react.calls import Attempt, ClaimedCall
from service.react.queue import LEASE, CallQueue
from service.react.verdicts import Verdict

pytestmark = pytest.mark.postgres


class DyingLog(AwayLog):
    """See `EventLog`; kills who appends, before or after it is done."""

    def __init__(self, log: EventLog, when: When) -> None:
        super().__init__(log)
        self._when = when

    @override
    async def append(self, append: Append) -> Appended:
        if self._when == "after":
            await self._log.append(append)
        raise Killed


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


async def die(
    desk: Desk, queue: CallQueue | None = None, log: EventLog | None = None
) -> None:
    """Make the oldest call with parts of which one kills the process."""
    caller = desk.caller_of(queue or desk.queue, log or desk.log)
    (claimed,) = await desk.claim()
    with pytest.raises(Killed):
        await caller.make(claimed)


async def check_invoice_once(desk: Desk) -> None:
    """After the lease, somebody else brings it to the same end as if nothing was."""
    assert await desk.work() == 0
    desk.clock.advance(seconds=LEASE.total_seconds())
    await desk.work()
    assert desk.oms.done("invoice") == 1
    assert [type(fact) for fact in await desk.told()] == [CallSucceeded]
    assert (await desk.call("invoice")).state == "done"


async def answers_counted(desk: Desk) -> int:
    async with connection(desk.pool) as lent:
        return int(await lent.fetchval("SELECT requests FROM react.destinations"))


class TestDeath:
    async def test_after_the_claim(self, desk: Desk) -> None:
        """A call that was claimed and never sent is sent by another."""
        await desk.happen(invoice_issued())
        await desk.claim()

        await check_invoice_once(desk)

    @pytest.mark.parametrize("done", [False, True])
    async def test_in_the_request(self, desk: Desk, *, done: bool) -> None:
        """Whether or not VTEX got it, the invoice is there once."""
        await desk.happen(invoice_issued())
        desk.oms.say("invoice", Step(error=Killed(), done=done))
        await die(desk)

        await check_invoice_once(desk)

        sent = [kind for _, kind in desk.oms.asked].count("invoice")
        assert sent == (1 if done else 2)

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_around_the_record(self, desk: Desk, when: When) -> None:
        """An answer that was not recorded is found again at VTEX."""
        await desk.happen(invoice_issued())
        await die(desk, queue=DyingQueue(desk.pool, at="record", when=when))

        await check_invoice_once(desk)

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_around_the_fact(self, desk: Desk, when: When) -> None:
        """A recorded answer is told to the log once, with its receipt."""
        await desk.happen(invoice_issued())
        await die(desk, log=DyingLog(desk.log, when))

        await check_invoice_once(desk)

        (told,) = await desk.told()
        assert isinstance(told, CallSucceeded)
        assert told.receipt == "receipt-1"
        assert (await desk.call("invoice")).attempts == 1
        assert [kind for _, kind in desk.oms.asked] == ["get", "invoice"]

    async def test_before_it_is_settled(self, desk: Desk) -> None:
        """A call that the log knows is settled without another word."""
        await desk.happen(invoice_issued())
        await die(desk, queue=DyingQueue(desk.pool, at="settle", when="before"))

        await check_invoice_once(desk)

        assert [kind for _, kind in desk.oms.asked] == ["get", "invoice"]

    async def test_after_it_is_settled(self, desk: Desk) -> None:
        """What is settled stays so, and the next call of the order is due at once."""
        await desk.happen(invoice_issued(), tracking_number_assigned())
        await die(desk, queue=DyingQueue(desk.pool, at="settle", when="after"))

        await desk.work()

        assert desk.oms.ledger == [
            (ORDER.order_id, "invoice"),
            (ORDER.order_id, "tracking-number"),
        ]

    async def test_counts_as_an_attempt(self, desk: Desk) -> None:
        """An attempt whose worker died is counted, although nobody recorded it."""
        await desk.happen(handling_requested())
        for _ in range(3):
            await desk.claim()
            desk.clock.advance(seconds=LEASE.total_seconds())

        await desk.work()

        call = await desk.call("start-handling")
        assert (call.attempts, len(call.history)) == (4, 1)


class TestOutage:
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_after_the_answer_is_waited_out(self, desk: Desk, when: When) -> None:
        """What VTEX answered is recorded once the database is back, and asked once."""
        queue = FailingQueue(desk.pool, failures=3, when=when)
        await desk.happen(invoice_issued())
        (claimed,) = await desk.claim()

        await desk.caller_of(queue, desk.log).make(claimed)

        call = await desk.call("invoice")
        assert (call.state, call.attempts, len(call.history)) == ("done", 1, 1)
        assert [kind for _, kind in desk.oms.asked] == ["get", "invoice"]
        assert [type(fact) for fact in await desk.told()] == [CallSucceeded]
        assert await answers_counted(desk) == 1

    async def test_before_the_log_is_told_is_waited_out(self, desk: Desk) -> None:
        """A recorded outcome is told as soon as the log takes it."""
        away = AwayLog(desk.log, times=3)
        await desk.happen(invoice_issued())
        (claimed,) = await desk.claim()

        await desk.caller_of(desk.queue, away).make(claimed)

        assert (await desk.call("invoice")).state == "done"
        assert away.asked == 4

    async def test_ends_with_the_lease(self, desk: Desk) -> None:
        """Who cannot write in time leaves the call to the next, who looks at VTEX."""
        queue = FailingQueue(desk.pool, failures=100)
        await desk.happen(invoice_issued())
        (claimed,) = await desk.claim()

        with pytest.raises(DatabaseUnavailableError):
            await desk.caller_of(queue, desk.log).make(claimed)

        assert desk.clock.now() < claimed.lease_until
        assert queue.failures < 98
        await check_invoice_once(desk)


class TestZombie:
    async def test_cannot_record(self, desk: Desk) -> None:
        """Who lost the lease while asking changes nothing but the list of attempts."""
        desk.oms.say("invoice", cut_before())
        await desk.happen(invoice_issued())
        (late,) = await desk.claim()
        failure = await self.asked(desk, late)
        desk.clock.advance(seconds=LEASE.total_seconds())
        await desk.claim()

        with pytest.raises(FencedError):
            await desk.queue.record(late, *failure)

        call = await desk.call("invoice")
        assert (call.state, len(call.history)) == ("sending", 1)
        assert call.next_at == desk.clock.now() + LEASE

    async def asked(self, desk: Desk, call: ClaimedCall) -> tuple[Verdict, Attempt]:
        """Send *call*, and return what is then to be recorded."""

        class Catching(CallQueue):
            caught: tuple[Verdict, Attempt]

            @override
            async def record(
                self, call: ClaimedCall, verdict: Verdict, attempt: Attempt
            ) -> None:
                self.caught = verdict, attempt
                raise Killed

        queue = Catching(desk.pool, owner="late")
        with pytest.raises(Killed):
            await desk.caller_of(queue, desk.log).make(call)
        return queue.caught

    async def test_cannot_settle(self, desk: Desk) -> None:
        """Who lost the lease before settling leaves that to whoever has it now."""
        await desk.happen(invoice_issued())
        (late,) = await desk.claim()
        verdict, attempt = await self.asked(desk, late)
        await desk.queue.record(late, verdict, attempt)
        assert verdict.outcome is not None
        desk.clock.advance(seconds=LEASE.total_seconds())
        await desk.claim()

        with pytest.raises(FencedError):
            await desk.queue.settle(late, verdict.outcome, now=desk.clock.now())

        assert (await desk.call("invoice")).state == "sending"

    async def test_does_not_send(self, desk: Desk) -> None:
        """Who slept through the lease notices it before sending."""
        await desk.happen(invoice_issued())
        (late,) = await desk.claim()
        desk.clock.advance(seconds=LEASE.total_seconds())

        with pytest.raises(FencedError):
            await desk.caller.make(late)

        assert desk.oms.done("invoice") == 0

    async def test_of_a_lane_that_came_and_went_is_fenced_too(self, desk: Desk) -> None:
        """A token is never handed out twice, not even for a lane that is new."""
        await desk.happen(invoice_issued())
        (late,) = await desk.claim()
        desk.clock.advance(seconds=LEASE.total_seconds())
        await desk.work()
        await desk.happen(tracking_number_assigned())
        await desk.claim()

        with pytest.raises(FencedError):
            await desk.caller.make(late)
