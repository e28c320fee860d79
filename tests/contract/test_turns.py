"""What all turns of an account promise; run on PostgreSQL and on those in memory."""

import time
from collections.abc import Awaitable, Callable

import pytest

from hours import Hours
from service.db import Pool
from service.orders_api.shared_turns import PostgresTurns
from service.orders_api.turns import BURST, GOOD_FOR, MemoryTurns, Turns
from turns_kit import let_pass

INTERVAL = 10.0
"""Seconds between two turns: against them no database is slow."""


class World:
    """Turns, their time, and what makes it go on."""

    def __init__(
        self,
        turns: Turns,
        now: Callable[[], float],
        go_on: Callable[[float], Awaitable[None]],
    ) -> None:
        self.turns = turns
        self.now = now
        self.go_on = go_on


def in_memory() -> World:
    hours = Hours()

    async def go_on(seconds: float) -> None:
        hours.now += seconds

    return World(MemoryTurns(hours.monotonic), hours.monotonic, go_on)


def in_postgres(pool: Pool) -> World:
    passed = [0.0]

    def now() -> float:
        return time.monotonic() + passed[0]

    async def go_on(seconds: float) -> None:
        passed[0] += seconds
        await let_pass(pool, seconds)

    return World(PostgresTurns(pool, "acme", monotonic=now), now, go_on)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "memory":
        return in_memory()
    return in_postgres(request.getfixturevalue("pool"))


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=0.4)


class TestTake:
    async def test_turns_follow_each_other(self, world: World) -> None:
        """What one takes begins where the one before has ended."""
        first = await world.turns.take(3, interval=INTERVAL)
        second = await world.turns.take(1, interval=INTERVAL)

        assert (first.size, second.size) == (3, 1)
        assert second.opens - first.opens == about(3 * INTERVAL)

    @pytest.mark.parametrize("quiet", [0, 3600])
    async def test_quiet_time_is_saved_up_for_a_burst_only(
        self, world: World, quiet: float
    ) -> None:
        """However long nobody took any, the first turn is a second old."""
        await world.turns.take(1, interval=INTERVAL)
        await world.go_on(INTERVAL + quiet)

        found = await world.turns.take(1, interval=INTERVAL)

        assert found.opens - world.now() == about(-BURST)

    async def test_turns_to_come_are_not_moved(self, world: World) -> None:
        """While others have turns that are yet to come, the next one is after those."""
        first = await world.turns.take(5, interval=INTERVAL)
        await world.go_on(3 * INTERVAL)

        second = await world.turns.take(1, interval=INTERVAL)

        assert second.opens - first.opens == about(5 * INTERVAL)

    async def test_turns_do_not_last(self, world: World) -> None:
        """They are good for some seconds from their time on, and never for longer."""
        found = await world.turns.take(2, interval=INTERVAL)

        assert found.expires - found.opens == about(GOOD_FOR)
        assert found.expires - found.opens <= GOOD_FOR + 1e-6

    async def test_each_pace_is_kept(self, world: World) -> None:
        """Who takes turns with another interval between them is followed by others."""
        first = await world.turns.take(2, interval=INTERVAL)
        second = await world.turns.take(2, interval=3 * INTERVAL)
        third = await world.turns.take(2, interval=INTERVAL)

        assert second.opens - first.opens == about(2 * INTERVAL)
        assert third.opens - second.opens == about(6 * INTERVAL)


class TestHold:
    async def test_there_are_no_turns(self, world: World) -> None:
        """Whoever asks meanwhile gets none, and hears when the hold ends."""
        await world.turns.take(1, interval=INTERVAL)
        await world.turns.hold(60)
        await world.go_on(20)

        found = await world.turns.take(1, interval=INTERVAL)

        assert found.size == 0
        assert found.opens - world.now() == about(40)

    async def test_before_any_turn(self, world: World) -> None:
        """An account of which nobody took a turn yet is held as well."""
        await world.turns.hold(60)

        assert (await world.turns.take(1, interval=INTERVAL)).size == 0

    @pytest.mark.parametrize("wishes", [(60, 5), (5, 60), (60, 60)])
    async def test_the_longest_wish_counts(
        self, world: World, wishes: tuple[float, float]
    ) -> None:
        """A shorter wish does not shorten what was said before, a longer one does."""
        for seconds in wishes:
            await world.turns.hold(seconds)

        found = await world.turns.take(1, interval=INTERVAL)

        assert found.opens - world.now() == about(60)

    async def test_nobody_rushes_out_at_its_end(self, world: World) -> None:
        """The first turn after a hold is at its end, whoever asked meanwhile."""
        await world.turns.hold(60)
        held = await world.turns.take(9, interval=INTERVAL)
        await world.go_on(60.5)

        found = await world.turns.take(1, interval=INTERVAL)

        assert found.opens - held.opens == about(0)

    async def test_turns_to_come_are_after_it(self, world: World) -> None:
        """Turns that were taken before a hold do not come again after it."""
        first = await world.turns.take(9, interval=INTERVAL)
        await world.turns.hold(30)
        await world.go_on(31)

        second = await world.turns.take(1, interval=INTERVAL)

        assert second.opens - first.opens == about(9 * INTERVAL)
