"""How an account is held, barred and left alone, and what that costs its calls."""

import pytest

from builders import (
    handling_requested,
    invoice_issued,
    tracking_number_assigned,
)
from conftest import ManualClock
from fake_oms import (
    FakeOms,
    barred,
    refused,
    throttled,
    unavailable,
)
from react_kit import Desk
from service.db import Pool, connection
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.react.breaker import LEAST_REQUESTS

pytestmark = pytest.mark.postgres


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    return Desk(pool, log, clock)


@pytest.fixture
def oms(desk: Desk) -> FakeOms:
    return desk.oms


async def open_breaker(desk: Desk) -> None:
    """Leave the account with an open breaker whose pause is over."""
    async with connection(desk.pool) as lent:
        await lent.execute(
            "UPDATE react.destinations SET breaker = 'open', paused_until = $1",
            desk.clock.now(),
        )


class TestHold:
    async def test_holds_the_whole_account(self, desk: Desk, oms: FakeOms) -> None:
        """After a 429 nothing is sent for as long as VTEX wants."""
        oms.say("invoice", throttled(90))
        await desk.happen(invoice_issued())
        await desk.work()
        await desk.happen(invoice_issued(), stream=StreamKey("acme", "1002-01"))

        desk.clock.advance(seconds=89)
        during = await desk.work()
        desk.clock.advance(seconds=1)
        await desk.work()

        assert during == 0
        assert len(oms.ledger) == 2

    async def test_uses_no_attempt(self, desk: Desk, oms: FakeOms) -> None:
        """However often VTEX says 429, the call has not been attempted."""
        oms.say("invoice", *[throttled()] * 5)
        await desk.happen(invoice_issued())

        for _ in range(5):
            await desk.work()
            desk.clock.advance(seconds=60)
        held = await desk.call("invoice")
        await desk.work()

        assert (held.state, held.attempts) == ("pending", 0)
        assert [attempt.retry_after for attempt in held.history] == [60] * 5
        assert (await desk.call("invoice")).attempts == 1

    async def test_leaves_other_accounts_alone(self, desk: Desk, oms: FakeOms) -> None:
        """Another account's calls go on."""
        desk.apis["umbrella"] = FakeOms(desk.clock)
        other = StreamKey("umbrella", "1001-01")
        oms.say("invoice", throttled())
        await desk.happen(invoice_issued())
        await desk.happen(invoice_issued(), stream=other)

        await desk.work()

        assert (await desk.call("invoice")).state == "pending"
        assert (await desk.call("invoice", other)).state == "done"

    async def test_that_others_were_told_counts_as_well(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """While the account's gate is held, a claimed call is put back unsent."""
        await desk.happen(invoice_issued())
        await oms.gate.hold(60)

        await desk.work()

        assert oms.asked == []
        assert (await desk.call("invoice")).attempts == 0


class TestBarred:
    async def test_pauses_the_account_and_probes_each_minute(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """Refused credentials cost no attempt; one call a minute tries again."""
        oms.say("invoice", barred(), barred())
        for number in range(3):
            await desk.happen(
                invoice_issued(), stream=StreamKey("acme", f"order-{number}")
            )

        for call in await desk.claim(at_most=1):
            await desk.caller.make(call)
        during = await desk.work()
        desk.clock.advance(minutes=1)
        probes = await desk.work()
        desk.clock.advance(minutes=1)
        await desk.work()

        assert (during, probes) == (0, 1)
        assert len(oms.ledger) == 3
        states = [
            (call.state, call.attempts)
            for number in range(3)
            for call in await desk.calls(StreamKey("acme", f"order-{number}"))
        ]
        assert states == [("done", 1)] * 3


class TestBreaker:
    async def test_opens_probes_and_closes(self, desk: Desk, oms: FakeOms) -> None:
        """Ten failures open it; a probe after 30 seconds closes it for all."""
        oms.say("invoice", *[unavailable()] * LEAST_REQUESTS)
        streams = [
            StreamKey("acme", f"order-{number}") for number in range(LEAST_REQUESTS + 5)
        ]
        for stream in streams:
            await desk.append(invoice_issued(), stream=stream)
        await desk.react()
        for call in await desk.claim(at_most=LEAST_REQUESTS):
            await desk.caller.make(call)

        opened = await desk.claim()
        desk.clock.advance(seconds=30)
        probe = await desk.claim()
        beside_the_probe = await desk.claim()
        for call in probe:
            await desk.caller.make(call)
        await desk.work()

        assert (opened, len(probe), beside_the_probe) == ([], 1, [])
        assert len(oms.ledger) == len(streams)

    async def test_open_uses_no_attempt(self, desk: Desk, oms: FakeOms) -> None:
        """A call that waits for the breaker has not been attempted."""
        oms.say("invoice", *[unavailable()] * LEAST_REQUESTS)
        for number in range(LEAST_REQUESTS):
            await desk.append(
                invoice_issued(), stream=StreamKey("acme", f"order-{number}")
            )
        await desk.react()
        await desk.work()

        await desk.happen(handling_requested())
        await desk.work()

        assert (await desk.call("start-handling")).attempts == 0

    async def test_a_probe_that_died_frees_the_way_with_its_lease(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """When the prober is never heard of again, another call probes."""
        oms.say("invoice", *[unavailable()] * LEAST_REQUESTS)
        for number in range(LEAST_REQUESTS):
            await desk.append(
                invoice_issued(), stream=StreamKey("acme", f"order-{number}")
            )
        await desk.react()
        await desk.work()
        desk.clock.advance(seconds=30)
        assert len(await desk.claim()) == 1

        desk.clock.advance(minutes=2)
        await desk.work()

        assert len(oms.ledger) == LEAST_REQUESTS

    async def test_a_probe_that_is_futile_leaves_the_turn_to_the_next(
        self, desk: Desk, oms: FakeOms
    ) -> None:
        """A call that is given up unsent does not use the probe up."""
        oms.say("invoice", refused())
        await desk.happen(invoice_issued(), tracking_number_assigned())
        for call in await desk.claim():
            await desk.caller.make(call)
        desk.clock.advance(seconds=1)
        other = StreamKey("acme", "1002-01")
        await desk.happen(invoice_issued(), stream=other)
        await open_breaker(desk)

        await desk.work()

        assert (await desk.call("tracking-number")).state == "parked"
        assert (await desk.call("invoice", other)).state == "done"
