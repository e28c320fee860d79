"""The gate that all requests of an account pass."""

import asyncio

import pytest
from typing_extensions import override

from hours import Hours
from service.config import Settings
from service.errors import ThrottledError
from service.orders_api.gate import MOST_HELD, Gate, Urgency
from service.orders_api.turns import GOOD_FOR, MemoryTurns, Slice


@pytest.fixture
def hours() -> Hours:
    return Hours()


def gate(hours: Hours, *, per_minute: int = 60) -> Gate:
    return Gate(per_minute=per_minute, monotonic=hours.monotonic, sleep=hours.sleep)


async def entering(gate: Gate, hours: Hours, *, times: int) -> list[float]:
    started, entered = hours.now, []
    for _ in range(times):
        await gate.enter()
        entered.append(hours.now - started)
    return entered


class TestEnter:
    async def test_spaces_requests_by_the_rate(self, hours: Hours) -> None:
        """Sixty a minute is one a second, after the one that may go at once."""
        assert await entering(gate(hours), hours, times=4) == pytest.approx(
            [0, 0, 1, 2]
        )

    async def test_lets_a_second_worth_out_at_once(self, hours: Hours) -> None:
        """After a quiet time a second's worth of requests needs no waiting."""
        open_gate = gate(hours, per_minute=600)
        hours.now += 3600

        entered = await entering(open_gate, hours, times=12)

        assert entered[10] == pytest.approx(0, abs=1e-6)
        assert entered[11] == pytest.approx(0.1)

    async def test_quiet_time_is_not_saved_up(self, hours: Hours) -> None:
        """However long it was quiet, a minute never sees many more than its rate."""
        open_gate = gate(hours, per_minute=600)
        hours.now += 3600

        entered = await entering(open_gate, hours, times=700)

        assert sum(at <= 60 for at in entered) <= 611

    async def test_no_minute_has_more_than_vtex_serves(self, hours: Hours) -> None:
        """At the rate that is set unless told, no minute sees 6,000 requests."""
        open_gate = gate(hours, per_minute=Settings().requests_per_minute)
        hours.now += 3600

        entered = await entering(open_gate, hours, times=12_000)

        assert all(
            later - earlier > 60
            for earlier, later in zip(entered, entered[5_999:], strict=False)
        )

    async def test_cancelled_waiting_leaves_no_trace(self, hours: Hours) -> None:
        """Who gives up waiting does not keep the others out for good."""
        open_gate = gate(hours)
        await open_gate.hold(30)
        waiting = asyncio.ensure_future(open_gate.enter())
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        await open_gate.enter()

        assert hours.now == pytest.approx(1030)


class _Given(MemoryTurns):
    """See `Turns`; three at a time, a second apart."""

    @override
    async def take(self, count: int, *, interval: float) -> Slice:
        return Slice(3, self._monotonic(), self._monotonic() + GOOD_FOR)


class TestEnterAtOnce:
    async def test_takes_a_turn_at_hand(self, hours: Hours) -> None:
        """Who comes when a turn is open has it, once, and the next one waits."""
        given = Gate(
            per_minute=60, turns=_Given(hours.monotonic), monotonic=hours.monotonic
        )
        await given.enter()
        hours.now += 1

        assert [given.enter_at_once() for _ in range(2)] == [True, False]

    async def test_asks_for_no_turns(self, hours: Hours) -> None:
        """Where none is at hand it takes nothing, and leaves who enters as he was."""
        fresh = gate(hours)

        assert not fresh.enter_at_once()
        assert await entering(fresh, hours, times=2) == pytest.approx([0, 0])

    async def test_nobody_passes_while_held(self, hours: Hours) -> None:
        """Turns at hand are no way around a hold."""
        held = Gate(
            per_minute=60, turns=_Given(hours.monotonic), monotonic=hours.monotonic
        )
        await held.enter()
        hours.now += 1
        await held.hold(5)

        assert not held.enter_at_once()

    async def test_passes_nobody_who_waits(self, hours: Hours) -> None:
        """A turn that somebody waits for is his, even before he wakes up."""
        waking = asyncio.Event()

        async def sleep(_: float) -> None:
            await waking.wait()

        busy = Gate(
            per_minute=60,
            turns=_Given(hours.monotonic),
            monotonic=hours.monotonic,
            sleep=sleep,
        )
        await busy.enter()
        waiting = asyncio.ensure_future(busy.enter())
        await asyncio.sleep(0)
        hours.now += 1

        assert not busy.enter_at_once()
        waking.set()
        await waiting


class TestHold:
    async def test_nobody_passes_while_held(self, hours: Hours) -> None:
        """A held gate opens when its time is over, for all who share it."""
        held = gate(hours, per_minute=6000)
        await held.hold(60)

        assert held.held_for == pytest.approx(60)
        assert (await entering(held, hours, times=2))[0] == pytest.approx(60)
        assert held.held_for == 0

    async def test_shorter_hold_does_not_shorten(self, hours: Hours) -> None:
        """A second, shorter wish leaves the longer one in force."""
        held = gate(hours)
        await held.hold(60)
        await held.hold(5)

        assert held.held_for == pytest.approx(60)

    async def test_waiting_lines_up_behind_the_hold(self, hours: Hours) -> None:
        """What gathers during a hold goes out at the rate, not all at its end."""
        held = gate(hours)
        await held.hold(60)

        assert await entering(held, hours, times=3) == pytest.approx([60, 61, 62])


class TestUrgency:
    async def test_the_most_urgent_goes_first(self, hours: Hours) -> None:
        """A call passes those who read, and a reading for news those for upkeep."""
        held = gate(hours)
        await held.hold(MOST_HELD)
        passed: list[Urgency] = []

        async def enter(urgency: Urgency) -> None:
            await held.at(urgency).enter()
            passed.append(urgency)

        async with asyncio.TaskGroup() as group:
            for urgency in sorted([*Urgency, *Urgency], reverse=True):
                group.create_task(enter(urgency))

        assert passed == sorted([*Urgency, *Urgency])

    @pytest.mark.parametrize("urgency", [Urgency.NEWS, Urgency.UPKEEP])
    async def test_reads_do_not_wait_out_a_long_hold(
        self, hours: Hours, urgency: Urgency
    ) -> None:
        """Who only reads is told to come back, and calls wait."""
        held = gate(hours)
        await held.hold(60)

        with pytest.raises(ThrottledError) as refused:
            await held.at(urgency).enter()

        assert refused.value.retry_after == pytest.approx(60)
        assert await entering(held, hours, times=1) == pytest.approx([60])

    async def test_reads_in_the_line_are_sent_away_by_a_hold(
        self, hours: Hours
    ) -> None:
        """A hold that begins while a read waits for its turn concerns it, too."""
        busy = gate(hours)
        for _ in range(2):
            await busy.enter()
        waiting = asyncio.ensure_future(busy.at(Urgency.NEWS).enter())
        await asyncio.sleep(0)
        await busy.hold(60)

        with pytest.raises(ThrottledError):
            await waiting

    async def test_upkeep_gets_its_share_at_most(self, hours: Hours) -> None:
        """Even with the gate for itself, upkeep leaves most of the rate unused."""
        upkeep = gate(hours).at(Urgency.UPKEEP)

        assert await entering(upkeep, hours, times=4) == pytest.approx([0, 5, 10, 15])

    async def test_upkeep_waiting_for_its_share_keeps_nobody(
        self, hours: Hours
    ) -> None:
        """While upkeep has used up its share, others pass at the rate."""
        open_gate = gate(hours)
        upkeep = open_gate.at(Urgency.UPKEEP)
        for _ in range(2):
            await upkeep.enter()
        waiting = asyncio.ensure_future(upkeep.enter())
        await asyncio.sleep(0)

        assert await entering(open_gate, hours, times=3) == pytest.approx([0, 1, 2])
        await waiting

    async def test_all_urgencies_share_the_limit(self, hours: Hours) -> None:
        """However the requests divide, together they keep to the rate."""
        open_gate = gate(hours)
        entered: list[float] = []

        async def enter(urgency: Urgency) -> None:
            await open_gate.at(urgency).enter()
            entered.append(hours.now - 1000)

        async with asyncio.TaskGroup() as group:
            for urgency in [*Urgency] * 5:
                group.create_task(enter(urgency))

        assert len(entered) == 15
        assert all(
            sum(at <= second for at in entered) <= second + 2 for second in range(60)
        )

    async def test_hold_is_for_all(self, hours: Hours) -> None:
        """A 429 to one holds the account, whoever asks."""
        open_gate = gate(hours)
        await open_gate.at(Urgency.UPKEEP).hold(60)

        assert open_gate.held_for == pytest.approx(60)

    async def test_who_gives_up_leaves_the_line(self, hours: Hours) -> None:
        """A cancelled request costs those behind it no turn."""
        held = gate(hours)
        await held.hold(30)
        waiting = asyncio.ensure_future(held.enter())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert await entering(held, hours, times=2) == pytest.approx([30, 31])
