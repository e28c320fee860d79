"""Calls that end at the same time are written together, each as if it were alone."""

from collections.abc import Sequence

import pytest

from builders import invoice_issued, tracking_number_assigned
from conftest import ManualClock
from fake_oms import FakeOms
from react_kit import Desk
from service.db import Pool, connection
from service.domain.facts import CallSucceeded
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.react import verdicts, writing
from service.react.breaker import LEAST_REQUESTS, Signal
from service.react.calls import Attempt, ClaimedCall
from service.react.queue import LEASE
from service.react.writing import Ended, Told

pytestmark = pytest.mark.postgres

FAILED = Signal(health="failed", why="no connection")
ANSWERED = Signal(health="answered")


@pytest.fixture
def desk(pool: Pool, log: PostgresEventLog, clock: ManualClock) -> Desk:
    desk = Desk(pool, log, clock)
    desk.apis["umbrella"] = FakeOms(clock)
    return desk


async def claimed(
    desk: Desk, count: int, *, account: str = "acme"
) -> list[ClaimedCall]:
    for number in range(count):
        await desk.append(invoice_issued(), stream=StreamKey(account, f"{number}"))
    await desk.react()
    return sorted(await desk.claim(), key=lambda call: call.stream)


def attempt(desk: Desk) -> Attempt:
    now = desk.clock.now()
    return Attempt(result="failed", started_at=now, ended_at=now)


def succeeded(call: ClaimedCall) -> CallSucceeded:
    return CallSucceeded(
        call_id=str(call.call_id),
        kind=call.kind,
        cause_version=call.cause_version,
        attempts=1,
        receipt=None,
        http_status=None,
    )


def ended(desk: Desk, call: ClaimedCall, *, signal: Signal = ANSWERED) -> Ended:
    return Ended(
        call=call,
        attempts=1,
        outcome=succeeded(call),
        signal=signal,
        attempt=attempt(desk),
        at=desk.clock.now(),
    )


def postponed(desk: Desk, call: ClaimedCall) -> Ended:
    return Ended(
        call=call,
        attempts=1,
        outcome=None,
        again_at=desk.clock.now(),
        unsure=True,
        signal=FAILED,
        attempt=attempt(desk),
        at=desk.clock.now(),
    )


def given_up(desk: Desk, call: ClaimedCall) -> Ended:
    return Ended(
        call=call,
        attempts=0,
        outcome=verdicts.parked(call, "waits"),
        signal=Signal(health="unasked"),
        at=desk.clock.now(),
    )


async def states(desk: Desk, calls: Sequence[ClaimedCall]) -> list[tuple[str, int]]:
    """Return each call's state and its number of recorded attempts."""
    found = [(await desk.calls(call.stream))[0] for call in calls]
    return [(call.state, len(call.history)) for call in found]


async def requests(desk: Desk) -> dict[str, tuple[int, str]]:
    async with connection(desk.pool) as lent:
        rows = await lent.fetch(
            "SELECT account, requests, breaker FROM react.destinations"
        )
    return {row["account"]: (row["requests"], row["breaker"]) for row in rows}


class TestRecord:
    async def test_keeps_each_as_it_ended(self, desk: Desk) -> None:
        """Done, to be tried again and given up: one transaction takes them all."""
        done, again, futile = await claimed(desk, 3)

        held = await writing.record(
            desk.pool,
            [ended(desk, done), postponed(desk, again), given_up(desk, futile)],
        )

        assert held == [True, True, True]
        calls = [done, again, futile]
        assert await states(desk, calls) == [
            ("sending", 1),
            ("unknown", 1),
            ("sending", 0),
        ]
        (due,) = await desk.claim()
        assert (due.call_id, due.attempts, due.outcome_unknown) == (
            again.call_id,
            1,
            True,
        )

    async def test_tells_who_lost_the_lease(self, desk: Desk) -> None:
        """One lost lease among others changes nothing but the list of attempts."""
        late, *_ = await claimed(desk, 1)
        desk.clock.advance(seconds=LEASE.total_seconds())
        await desk.claim()
        other, *_ = await claimed(desk, 1, account="umbrella")

        held = await writing.record(
            desk.pool, [postponed(desk, late), ended(desk, other)]
        )

        assert held == [False, True]
        assert await states(desk, [late, other]) == [("sending", 1), ("sending", 1)]
        assert await desk.claim() == []

    async def test_counts_for_each_account(self, desk: Desk) -> None:
        """Failures of one batch open the breaker of their account, and of no other."""
        failing = await claimed(desk, LEAST_REQUESTS)
        fine = await claimed(desk, 3, account="umbrella")

        await writing.record(
            desk.pool,
            [
                *(postponed(desk, call) for call in failing),
                *(ended(desk, call) for call in fine),
            ],
        )

        found = await requests(desk)
        assert (found["acme"][1], found["umbrella"]) == ("open", (3, "closed"))

    async def test_counts_what_is_told_again_once(self, desk: Desk) -> None:
        """The same again keeps one attempt, and one answer of the account."""
        (call,) = await claimed(desk, 1)

        first = await writing.record(desk.pool, [ended(desk, call)])
        second = await writing.record(desk.pool, [ended(desk, call)])

        assert first == second == [True]
        assert await states(desk, [call]) == [("sending", 1)]
        assert await requests(desk) == {"acme": (1, "closed")}


class TestSettle:
    async def test_passes_each_lane_on(self, desk: Desk) -> None:
        """A lane with another call is due at once; an empty one is gone."""
        more, last = await claimed(desk, 2)
        await desk.happen(tracking_number_assigned(), stream=more.stream)

        held = await writing.settle(desk.pool, [told(desk, more), told(desk, last)])

        assert held == [True, True]
        assert await states(desk, [more, last]) == [("done", 0), ("done", 0)]
        (due,) = await desk.claim()
        assert (due.stream, due.kind) == (more.stream, "tracking-number")
        async with connection(desk.pool) as lent:
            lanes = await lent.fetchval("SELECT count(*) FROM react.lanes")
        assert lanes == 1

    async def test_leaves_what_another_has_by_now(self, desk: Desk) -> None:
        """The call of a lost lease stays with whoever leased its order since."""
        (late,) = await claimed(desk, 1)
        desk.clock.advance(seconds=LEASE.total_seconds())
        await desk.claim()
        other, *_ = await claimed(desk, 1, account="umbrella")

        held = await writing.settle(desk.pool, [told(desk, late), told(desk, other)])

        assert held == [False, True]
        assert await states(desk, [late, other]) == [("sending", 0), ("done", 0)]
        assert await desk.claim() == []


def told(desk: Desk, call: ClaimedCall) -> Told:
    return Told(call=call, outcome=succeeded(call), at=desk.clock.now())
