"""What comes of a call: done, tried again, held, refused or parked."""

import asyncio
from datetime import timedelta

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
from fake_oms import (
    ORDER,
    FakeOms,
    Step,
    cut_after,
    cut_before,
    refused,
    unavailable,
)
from react_kit import Desk
from service.db import Pool, connection
from service.domain.facts import CallParked, CallRefused, CallSucceeded
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog

pytestmark = pytest.mark.postgres


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


@pytest.fixture
def oms(desk: Desk) -> FakeOms:
    return desk.oms


class TestSuccess:
    async def test_of_all_kinds_in_order(self, desk: Desk, oms: FakeOms) -> None:
        """An order's calls are made one after the other, each once."""
        await desk.happen(
            handling_requested(),
            invoice_issued(),
            tracking_number_assigned(),
            courier_update_received(checkpoint()),
            cancellation_requested(),
        )

        await desk.work()

        kinds = ["start-handling", "invoice", "tracking-number", "tracking", "cancel"]
        assert oms.ledger == [(ORDER.order_id, kind) for kind in kinds]
        assert [call.state for call in await desk.calls()] == ["done"] * 5

    async def test_is_told_to_the_log(self, desk: Desk) -> None:
        """The log learns of the receipt, the status and the number of attempts."""
        await desk.happen(invoice_issued())

        await desk.work()

        call = await desk.call("invoice")
        assert await desk.told() == [
            CallSucceeded(
                call_id=str(call.call_id),
                kind="invoice",
                cause_version=1,
                attempts=1,
                receipt="receipt-1",
                http_status=200,
            )
        ]

    async def test_is_told_in_the_chain_of_its_cause(self, desk: Desk) -> None:
        """The fact names the cause of the call, and the chain it belongs to."""
        await desk.happen(invoice_issued())

        await desk.work()

        cause, told = await desk.log.read_stream(ORDER)
        assert f'"causation_id":"{cause.id}"' in told.metadata
        assert '"correlation_id":"chain-1"' in told.metadata

    async def test_leaves_a_record(self, desk: Desk) -> None:
        """The attempt is recorded with its status and times."""
        await desk.happen(invoice_issued())

        await desk.work()

        (attempt,) = (await desk.call("invoice")).history
        assert (attempt.result, attempt.http_status, attempt.started_at) == (
            "succeeded",
            200,
            desk.clock.now(),
        )


class TestFailure:
    async def test_is_tried_again_after_a_pause(self, desk: Desk, oms: FakeOms) -> None:
        """A call without connection waits up to a second, and is then sent again."""
        oms.say("invoice", unavailable())
        await desk.happen(invoice_issued())

        await desk.work()
        waiting = await desk.call("invoice")
        desk.clock.advance(seconds=1)
        await desk.work()

        assert (waiting.state, waiting.attempts) == ("pending", 1)
        assert waiting.next_at is not None
        pause = waiting.next_at - waiting.created_at
        assert timedelta(seconds=0.5) <= pause <= timedelta(seconds=1)
        done = await desk.call("invoice")
        assert (done.state, done.attempts) == ("done", 2)
        assert [attempt.error for attempt in done.history] == [
            "orders-api-unavailable",
            None,
        ]

    async def test_stops_the_order_but_no_other(self, desk: Desk, oms: FakeOms) -> None:
        """While a call waits, later ones of its order wait; other orders go on."""
        oms.say("start-handling", unavailable())
        other = StreamKey("acme", "1002-01")
        await desk.happen(handling_requested(), invoice_issued())
        await desk.happen(invoice_issued(), stream=other)

        await desk.work()

        assert oms.ledger == [("1002-01", "invoice")]

    async def test_with_unknown_outcome_looks_first(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """An invoice whose answer was lost is found at VTEX and not sent again."""
        oms.say("invoice", cut_after())
        await desk.happen(invoice_issued())

        await desk.work()
        unknown = await desk.call("invoice")
        desk.clock.advance(seconds=1)
        await desk.work()

        assert unknown.state == "unknown"
        assert [kind for _, kind in oms.asked] == ["get", "invoice", "get"]
        (told,) = await desk.told()
        assert isinstance(told, CallSucceeded)
        assert (told.receipt, told.http_status, told.attempts) == (None, None, 1)

    async def test_with_unknown_outcome_is_sent_when_it_was_not_done(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """When the look shows nothing, the invoice is sent."""
        oms.say("invoice", cut_before())
        await desk.happen(invoice_issued())

        await desk.work()
        desk.clock.advance(seconds=1)
        await desk.work()

        assert [kind for _, kind in oms.asked] == ["get", "invoice"] * 2
        assert (await desk.call("invoice")).state == "done"

    async def test_to_answer_in_time_is_an_unknown_outcome(self, desk: Desk) -> None:
        """A request that takes too long is given up, and looked after later."""
        desk.apis["acme"] = FakeOms(desk.clock, rest=asyncio.Event().wait)
        impatient = desk.caller_of(desk.queue, desk.log, longest_step=0.01)
        await desk.happen(invoice_issued())
        (claimed,) = await desk.claim()

        await impatient.make(claimed)

        call = await desk.call("invoice")
        assert (call.state, call.attempts) == ("unknown", 1)

    async def test_to_answer_while_held_is_no_attempt(self, desk: Desk) -> None:
        """What waited for a hold to end cost no attempt, and is looked after later."""
        oms = FakeOms(desk.clock)

        async def others_are_throttled() -> None:
            await oms.gate.hold(90)
            await asyncio.Event().wait()

        desk.apis["acme"] = oms
        oms.rest = others_are_throttled
        impatient = desk.caller_of(desk.queue, desk.log, longest_step=0.01)
        await desk.happen(invoice_issued())
        (claimed,) = await desk.claim()

        await impatient.make(claimed)

        call = await desk.call("invoice")
        assert (call.state, call.attempts) == ("unknown", 0)

    async def test_of_the_look_looks_again(self, desk: Desk, oms: FakeOms) -> None:
        """As long as VTEX does not show the order, nothing is sent."""
        oms.say("invoice", cut_after())
        oms.say("get", Step(), unavailable())
        await desk.happen(invoice_issued())

        await desk.work()
        for _ in range(2):
            desk.clock.advance(seconds=2)
            await desk.work()

        assert [kind for _, kind in oms.asked] == ["get", "invoice", "get", "get"]
        assert oms.done("invoice") == 1

    async def test_is_parked_at_the_deadline(self, desk: Desk, oms: FakeOms) -> None:
        """After an hour of failures a start of handling is given up, with the reason."""
        oms.say("start-handling", *[unavailable()] * 60)
        await desk.happen(handling_requested())

        while (await desk.call("start-handling")).state == "pending":
            await desk.work()
            desk.clock.advance(seconds=20)

        call = await desk.call("start-handling")
        (told,) = await desk.told()
        assert call.state == "parked"
        assert call.settled_at is not None
        assert call.settled_at <= call.created_at + timedelta(hours=1)
        assert isinstance(told, CallParked)
        assert told.attempts == len(call.history) == call.attempts
        assert told.reason == call.reason
        assert "No connection to VTEX" in told.reason

    async def test_after_the_deadline_is_looked_at_before_it_is_parked(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """A late look that shows the call done is a success; else nothing is sent."""
        other = StreamKey("acme", "1002-01")
        oms.say("start-handling", cut_after(), cut_before())
        await desk.happen(handling_requested())
        await desk.work()
        await desk.happen(handling_requested(), stream=other)
        await desk.work()

        desk.clock.advance(hours=2)
        await desk.work()

        assert (await desk.call("start-handling")).state == "done"
        assert (await desk.call("start-handling", other)).state == "parked"
        assert len(oms.asked) == 4

    async def test_that_could_not_be_repeated_in_time_is_parked_unsent(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """When the account's pause outlasts the deadline, the call is given up."""
        oms.say("start-handling", unavailable())
        await desk.happen(handling_requested())
        await desk.work()

        desk.clock.advance(hours=2)
        await desk.work()

        assert (await desk.call("start-handling")).state == "parked"
        assert len(oms.asked) == 1

    async def test_time_before_the_first_try_does_not_count(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """A call that nobody could try for a day is still tried."""
        await desk.happen(cancellation_requested())
        desk.clock.advance(hours=24)

        await desk.work()

        assert oms.done("cancel") == 1


class TestRefusal:
    async def test_is_final_and_told_to_the_log(self, desk: Desk, oms: FakeOms) -> None:
        """What VTEX refuses is not sent again; the log has its words."""
        oms.say("cancel", refused(400, "1", "It is invoiced"))
        await desk.happen(cancellation_requested())

        await desk.work()
        desk.clock.advance(hours=1)
        await desk.work()

        call = await desk.call("cancel")
        assert await desk.told() == [
            CallRefused(
                call_id=str(call.call_id),
                kind="cancel",
                cause_version=1,
                attempts=1,
                http_status=400,
                code="1",
                reason="It is invoiced",
            )
        ]
        assert (call.state, call.reason) == ("refused", "It is invoiced")

    async def test_of_what_is_done_already_is_a_success(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """OMS003 for an order that is past ready-for-handling is no refusal."""
        oms.order()["status"] = "handling"
        await desk.happen(handling_requested())

        await desk.work()

        assert [kind for _, kind in oms.asked] == ["start-handling", "get"]
        assert (await desk.call("start-handling")).state == "done"

    async def test_of_a_handling_that_never_started_stands(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """OMS003 for a cancelled order is a refusal."""
        oms.order()["status"] = "canceled"
        await desk.happen(handling_requested())

        await desk.work()

        (told,) = await desk.told()
        assert isinstance(told, CallRefused)
        assert (told.http_status, told.code) == (409, "OMS003")

    async def test_lets_the_order_go_on(self, desk: Desk, oms: FakeOms) -> None:
        """After a refused start of handling the invoice is sent all the same."""
        oms.say("start-handling", refused(409, "OMS003"))
        await desk.happen(handling_requested(), invoice_issued())

        await desk.work()

        assert oms.done("invoice") == 1

    async def test_of_an_invoice_parks_its_tracking(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """Without its invoice tracking cannot succeed; that of others goes on."""
        oms.say("invoice", refused())
        await desk.happen(
            invoice_issued("1"),
            invoice_issued("2"),
            tracking_number_assigned(invoice_number="1"),
            tracking_number_assigned(invoice_number="2"),
            courier_update_received(checkpoint(), invoice_number="1"),
            cancellation_requested(),
        )

        await desk.work()

        assert [call.state for call in await desk.calls()] == [
            "refused",
            "done",
            "parked",
            "done",
            "parked",
            "done",
        ]
        parked = [f for f in await desk.told() if isinstance(f, CallParked)]
        assert [fact.attempts for fact in parked] == [0, 0]
        assert all(fact.reason.startswith("waits for invoice 1") for fact in parked)

    async def test_of_an_invoice_is_mended_by_the_next_of_its_number(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """Tracking goes by the last invoice of that number, not by a refused one."""
        oms.say("invoice", refused())
        await desk.happen(
            invoice_issued(value=1), invoice_issued(), tracking_number_assigned()
        )

        await desk.work()

        assert oms.done("tracking-number") == 1

    async def test_of_an_invoice_is_not_mended_for_what_came_before(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """Tracking of the refused invoice waits, even if its number was used again."""
        oms.say("invoice", refused())
        await desk.happen(
            invoice_issued(value=1), tracking_number_assigned(), invoice_issued()
        )

        await desk.work()

        states = [call.state for call in await desk.calls()]
        assert states == ["refused", "parked", "done"]

    async def test_leaves_no_lane_behind(self, desk: Desk, oms: FakeOms) -> None:
        """An order whose calls are all settled has nothing in the queue."""
        oms.say("invoice", refused())
        await desk.happen(invoice_issued(), tracking_number_assigned())

        await desk.work()

        async with connection(desk.pool) as lent:
            assert await lent.fetchval("SELECT count(*) FROM react.lanes") == 0
