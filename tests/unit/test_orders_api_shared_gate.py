"""Gates that share an account's turns, as processes do."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import pairwise
from typing import Any

import pytest
from typing_extensions import override

from hours import Hours
from service.errors import DatabaseUnavailableError, ThrottledError
from service.orders_api.gate import SLICE, Gate, Urgency
from service.orders_api.turns import BURST, GOOD_FOR, MemoryTurns, Slice


class WatchedTurns(MemoryTurns):
    """See `Turns`; notes when how many are taken, and may be away."""

    def __init__(self, hours: Hours) -> None:
        super().__init__(hours.monotonic)
        self._hours = hours
        self.taken: list[tuple[float, int]] = []
        self.away = False
        self.takes = 0.0

    @override
    async def take(self, count: int, *, interval: float) -> Slice:
        self.taken.append((self._hours.now, count))
        if self.takes:
            await self._hours.sleep(self.takes)
        if self.away:
            raise DatabaseUnavailableError
        return await super().take(count, interval=interval)

    @override
    async def hold(self, seconds: float) -> None:
        if self.away:
            raise DatabaseUnavailableError
        await super().hold(seconds)


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def turns(hours: Hours) -> WatchedTurns:
    return WatchedTurns(hours)


@pytest.fixture
def gates(hours: Hours, turns: WatchedTurns) -> Iterator[Gate]:
    """Return gates of processes that share the turns: 6,000 a minute."""
    return iter(
        lambda: Gate(
            per_minute=6000,
            turns=turns,
            monotonic=hours.monotonic,
            sleep=hours.sleep,
        ),
        None,
    )


async def crowd(gate: Gate, hours: Hours, *, size: int) -> list[float]:
    """Enter *size* times at once; return when each was let through."""
    passed: list[float] = []

    async def enter() -> None:
        await gate.enter()
        passed.append(hours.now)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(size):
            tasks.create_task(enter())
    return passed


async def queue(gate: Gate, hours: Hours, *, size: int) -> list[float]:
    """Enter *size* times, one after the other; return when each was let through."""
    passed = []
    for _ in range(size):
        await gate.enter()
        passed.append(hours.now)
    return passed


Way = Callable[..., Coroutine[Any, Any, list[float]]]


class TestSharing:
    @pytest.mark.parametrize("way", [crowd, queue])
    async def test_processes_keep_the_limit_together(
        self, way: Way, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """However many send for an account, none adds to what it may send."""
        started = hours.now

        async with asyncio.TaskGroup() as tasks:
            ways = [
                tasks.create_task(way(next(gates), hours, size=200)) for _ in range(3)
            ]

        passed = sorted(at for each in ways for at in each.result())
        assert passed[100] == pytest.approx(started, abs=0.02)
        assert passed[-1] == pytest.approx(started + 5, abs=0.2)
        assert all(
            later - earlier > 0.97 - BURST
            for earlier, later in zip(passed, passed[100:], strict=False)
        )

    async def test_processes_take_turns_about(
        self, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """Two in which requests wait get as much, however many these are."""
        first, second = next(gates), next(gates)

        async with asyncio.TaskGroup() as tasks:
            many = tasks.create_task(crowd(first, hours, size=1000))
            few = tasks.create_task(crowd(second, hours, size=300))

        by_then = sum(at <= few.result()[-1] for at in many.result())
        assert 290 <= by_then <= 330


class TestUrgency:
    async def test_the_urgent_get_the_last_turn_at_hand(
        self, turns: WatchedTurns, hours: Hours
    ) -> None:
        """Who came earlier leaves it to who is more urgent, and takes the next one."""
        gate = Gate(
            per_minute=60,
            turns=turns,
            monotonic=hours.monotonic,
            sleep=hours.sleep,
        )
        turns.takes = 0.1
        passed: list[Urgency] = []

        async def enter(urgency: Urgency) -> None:
            await gate.at(urgency).enter()
            passed.append(urgency)

        async with asyncio.TaskGroup() as tasks:
            for urgency in sorted(Urgency, reverse=True):
                tasks.create_task(enter(urgency))

        assert passed == sorted(Urgency)


class TestSlices:
    @pytest.mark.parametrize("way", [crowd, queue])
    async def test_few_questions(
        self, way: Way, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """At the limit, a process asks some ten times a second for its turns."""
        started = hours.now

        await way(next(gates), hours, size=1100)

        seconds = hours.now - started
        assert seconds == pytest.approx(10, abs=0.2)
        assert sum(at > started + 1 for at, _ in turns.taken) <= 10.5 * seconds

    async def test_no_question_each_without_a_limit(self, hours: Hours) -> None:
        """Where the limit is out of reach, turns for a while are taken at once."""
        turns = WatchedTurns(hours)
        gate = Gate(
            per_minute=100_000_000,
            turns=turns,
            monotonic=hours.monotonic,
            sleep=hours.sleep,
        )
        for _ in range(3000):
            await gate.enter()
            hours.now += 0.001

        assert len(turns.taken) <= 10 * 3 + 5

    async def test_a_slice_is_small(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """However many wait, a tenth of a second's worth is taken at a time."""
        await crowd(next(gates), hours, size=300)

        assert max(count for _, count in turns.taken) == SLICE * 100

    async def test_who_sends_seldom_takes_one(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """Nothing is taken for requests that hardly come."""
        gate = next(gates)
        for _ in range(20):
            await gate.enter()
            hours.now += 1

        assert {count for _, count in turns.taken} == {1}

    async def test_what_is_not_used_in_time_is_lost(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """A rest of some seconds ago is no right to send any more."""
        gate = next(gates)
        await queue(gate, hours, size=105)
        before = len(turns.taken)
        hours.now += GOOD_FOR + 0.2

        await gate.enter()

        assert len(turns.taken) == before + 1

    async def test_one_question_for_all_who_wait(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """While turns are asked for, whoever comes waits for the same answer."""
        turns.takes = 0.05

        await crowd(next(gates), hours, size=10)

        assert [count for _, count in turns.taken] == [10]


class TestHold:
    async def test_others_see_it_with_their_next_slice(
        self, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """What VTEX tells one process holds the others, which then know it."""
        told, other = next(gates), next(gates)
        await told.hold(60)

        with pytest.raises(ThrottledError) as refused:
            await other.at(Urgency.NEWS).enter()

        assert refused.value.retry_after == pytest.approx(60)
        assert other.held_for == pytest.approx(60)

    async def test_calls_wait_for_its_end(
        self, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """Then they go out at the rate, those of all processes together."""
        told, other = next(gates), next(gates)
        started = hours.now
        await told.hold(60)

        async with asyncio.TaskGroup() as tasks:
            ways = [
                tasks.create_task(crowd(gate, hours, size=50)) for gate in (told, other)
            ]

        passed = sorted(at - started for each in ways for at in each.result())
        assert passed[0] == pytest.approx(60)
        assert passed[-1] == pytest.approx(61, abs=0.2)
        assert all(b - a == pytest.approx(0.01, abs=0.011) for a, b in pairwise(passed))

    async def test_turns_at_hand_are_no_way_around_it(
        self, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """Whoever is told to wait uses nothing that was taken before."""
        gate = next(gates)
        await queue(gate, hours, size=105)
        started = hours.now
        await gate.hold(2)

        assert await queue(gate, hours, size=1) == pytest.approx([started + 2])

    async def test_a_longer_one_that_others_were_told_counts(
        self, gates: Iterator[Gate], hours: Hours
    ) -> None:
        """At the end of a hold, who waited for it hears that it goes on."""
        told, other = next(gates), next(gates)
        started = hours.now
        await other.hold(10)
        waiting = asyncio.ensure_future(other.enter())
        await told.hold(30)

        await waiting

        assert hours.now - started == pytest.approx(30)

    async def test_which_cannot_be_told_to_others_holds_here(
        self,
        gates: Iterator[Gate],
        turns: WatchedTurns,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Without the database VTEX is left alone by this process at least."""
        gate = next(gates)
        turns.away = True

        await gate.hold(60)

        assert gate.held_for == pytest.approx(60)
        assert "hold not shared" in capsys.readouterr().out


class TestAway:
    async def test_nothing_passes(
        self, gates: Iterator[Gate], turns: WatchedTurns
    ) -> None:
        """Without turns nobody goes, however urgent, and is told why."""
        turns.away = True

        with pytest.raises(DatabaseUnavailableError):
            await next(gates).enter()

    async def test_all_who_wait_are_told_by_one_question(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """Nobody waits for a database once more because others did before."""
        gate = next(gates)
        turns.away = True
        turns.takes = 10.0

        ended = await _all_ended(
            [asyncio.ensure_future(gate.enter()) for _ in range(9)]
        )

        assert {type(error) for error in ended} == {DatabaseUnavailableError}
        assert len(turns.taken) == 1

    async def test_is_over_by_itself(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """The next request asks again, and passes."""
        gate = next(gates)
        turns.away = True
        with pytest.raises(DatabaseUnavailableError):
            await gate.enter()
        turns.away = False

        assert await queue(gate, hours, size=1) == [hours.now]

    async def test_turns_at_hand_are_good_meanwhile(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """What was taken before may be used."""
        gate = next(gates)
        await queue(gate, hours, size=2)
        turns.away = True

        assert len(await queue(gate, hours, size=5)) == 5

    async def test_whoever_gives_up_spoils_nobody_s_question(
        self, gates: Iterator[Gate], turns: WatchedTurns, hours: Hours
    ) -> None:
        """The one who happened to ask may leave; the others get the answer."""
        gate = next(gates)
        turns.takes = 1.0
        first = asyncio.ensure_future(gate.enter())
        second = asyncio.ensure_future(gate.enter())
        await asyncio.sleep(0)
        first.cancel()

        await second

        assert len(turns.taken) == 1


async def _all_ended(waiting: list[asyncio.Future[None]]) -> list[BaseException | None]:
    await asyncio.wait(waiting)
    return [each.exception() for each in waiting]
