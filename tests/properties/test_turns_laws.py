"""However processes ask, wait, freeze and are told to wait: an account's limit is kept."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hours import Hours
from service.db import open_pool
from service.errors import DatabaseUnavailableError, ThrottledError
from service.orders_api.gate import SLICE, Gate, Urgency
from service.orders_api.shared_turns import PATIENCE, PostgresTurns
from service.orders_api.turns import GOOD_FOR, MemoryTurns, Slice
from turns_kit import let_pass

MOMENT = 1e-6
"""Seconds that rounding may cost."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a process sends: when, and how long it waits for its turn at most."""

    process: int
    at: float
    urgency: Urgency
    patience: float


@dataclass(frozen=True, slots=True)
class Hold:
    """What VTEX says to a process."""

    process: int
    at: float
    seconds: float


class DistantTurns:
    """See `Turns`; with ways to a server and back, and a clock of this process.

    A way may take long because the process stood still.
    """

    def __init__(
        self, turns: MemoryTurns, hours: Hours, ways: Sequence[float], ahead: float
    ) -> None:
        self._turns = turns
        self._hours = hours
        self._ways = ways
        self._numbers = count()
        self._ahead = ahead

    def monotonic(self) -> float:
        return self._hours.monotonic() + self._ahead

    async def take(self, count: int, *, interval: float) -> Slice:
        asked = self.monotonic()
        await self._go()
        size, opens, _ = await self._turns.take(count, interval=interval)
        opens_in = opens - self._hours.now
        await self._go()
        answered = self.monotonic()
        if answered - asked > PATIENCE:
            raise DatabaseUnavailableError
        if not size:
            return Slice(0, answered + opens_in, answered + opens_in)
        return Slice(size, answered + opens_in, asked + opens_in + GOOD_FOR)

    async def hold(self, seconds: float) -> None:
        await self._go()
        await self._turns.hold(seconds)

    async def _go(self) -> None:
        await self._hours.sleep(self._ways[next(self._numbers) % len(self._ways)])


class World:
    """Processes that send for one account, and when each request went out."""

    def __init__(self, *, per_minute: int, ways: Sequence[Sequence[float]]) -> None:
        self.hours = Hours(0.0)
        turns = MemoryTurns(self.hours.monotonic)
        distant = [
            DistantTurns(turns, self.hours, way, ahead=1000.0 * number)
            for number, way in enumerate(ways)
        ]
        self._gates = [
            Gate(
                per_minute=per_minute,
                turns=each,
                monotonic=each.monotonic,
                sleep=self.hours.sleep,
            )
            for each in distant
        ]
        self.sent: list[tuple[float, int]] = []
        self.held: list[tuple[float, float, int]] = []

    def gate(self, process: int) -> Gate:
        return self._gates[process % len(self._gates)]

    async def play(self, steps: Sequence[Request | Hold]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for step in steps:
                tasks.create_task(self._follow(step))

    async def _follow(self, step: Request | Hold) -> None:
        await self.hours.sleep(step.at)
        number = step.process % len(self._gates)
        match step:
            case Hold():
                said = self.hours.now
                await self.gate(number).hold(step.seconds)
                self.held.append((self.hours.now, said + step.seconds, number))
            case Request():
                with suppress(ThrottledError, DatabaseUnavailableError, TimeoutError):
                    await self._enter(step)
                    self.sent.append((self.hours.now, number))

    async def _enter(self, request: Request) -> None:
        entering = asyncio.ensure_future(
            self.gate(request.process).at(request.urgency).enter()
        )
        leaving = asyncio.ensure_future(self.hours.sleep(request.patience))
        await asyncio.wait([entering, leaving], return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        entering.cancel()
        with suppress(asyncio.CancelledError):
            return await entering
        raise TimeoutError


PATIENCES = st.sampled_from([0.05, 2.0, 1000.0])
REQUESTS = st.builds(
    Request,
    process=st.integers(0, 7),
    at=st.floats(0, 4),
    urgency=st.sampled_from(Urgency),
    patience=PATIENCES,
)
HOLDS = st.builds(
    Hold, process=st.integers(0, 7), at=st.floats(0, 4), seconds=st.floats(0.1, 8)
)
WAYS = st.lists(
    st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.3, 1.1, 5.0]), min_size=1),
    min_size=1,
    max_size=8,
)
PER_MINUTE = st.sampled_from([30, 60, 600, 1200])


@given(
    steps=st.lists(REQUESTS, max_size=40),
    waves=st.lists(st.tuples(st.integers(0, 20), PATIENCES), max_size=3),
    ways=WAYS,
    per_minute=PER_MINUTE,
)
# Each has a turn that nobody waited for, and remembers it when all come back.
@example(steps=[], waves=[(0, 0.05), (20, 0.05)], ways=[[0.001]] * 8, per_minute=30)
def test_no_time_sees_more_than_the_limit(
    steps: list[Request],
    waves: list[tuple[int, float]],
    ways: list[list[float]],
    per_minute: int,
) -> None:
    """In any window as many requests go out as its length and three seconds allow."""
    world = World(per_minute=per_minute, ways=ways)
    by_all_at_once = [
        Request(process=process, at=at, urgency=Urgency.CALL, patience=patience)
        for at, patience in waves
        for process in range(len(ways))
    ]

    asyncio.run(world.play([*steps, *by_all_at_once]))

    interval = 60 / per_minute
    sent = sorted(at for at, _ in world.sent)
    for first, begin in enumerate(sent):
        for last in range(first, len(sent)):
            window = sent[last] - begin + MOMENT
            assert last - first <= (window + GOOD_FOR) / interval


@given(
    steps=st.lists(REQUESTS | HOLDS, max_size=40),
    ways=st.lists(
        st.lists(st.sampled_from([0.0, 0.001, 0.02]), min_size=1), min_size=1
    ),
    per_minute=PER_MINUTE,
)
def test_a_hold_leaves_what_is_at_hand_to_others(
    steps: list[Request | Hold], ways: list[list[float]], per_minute: int
) -> None:
    """Once it is told, who was told sends nothing, and no other more than a slice."""
    world = World(per_minute=per_minute, ways=ways)

    asyncio.run(world.play(steps))

    most = max(1, int(SLICE * per_minute / 60))
    for begin, end, told in world.held:
        meanwhile = [by for at, by in world.sent if begin < at < end - MOMENT]
        assert told not in meanwhile
        assert all(meanwhile.count(other) <= most for other in set(meanwhile))


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    ways=WAYS,
    per_minute=PER_MINUTE,
)
def test_whoever_waits_passes(
    sizes: list[int], ways: list[list[float]], per_minute: int
) -> None:
    """With a server that answers in time, all requests go out, and not late."""
    quick = [[min(way, 0.3) for way in each] for each in ways]
    world = World(per_minute=per_minute, ways=quick)
    steps = [
        Request(process=process, at=0.0, urgency=Urgency.CALL, patience=1e6)
        for process, size in enumerate(sizes)
        for _ in range(size)
    ]

    asyncio.run(world.play(steps))

    interval = 60 / per_minute
    assert len(world.sent) == len(steps)
    # Each question takes up to 0.6 s, and whatever is asked for is then there.
    questions = len(steps) / max(1, int(SLICE / interval)) + 1
    assert max(at for at, _ in world.sent) <= len(steps) * 2 * interval + questions


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 9)),
        st.tuples(st.just("hold"), st.integers(1, 9)),
        st.tuples(st.just("pass"), st.integers(1, 9)),
    ),
    max_size=15,
)
LONG = 100.0
"""Seconds: against them nothing that a server does takes time."""


@pytest.mark.postgres
def test_postgres_gives_what_memory_gives(dsn: str) -> None:
    """Whatever is taken, held and waited for, both give out the same turns."""
    accounts = count()

    @settings(max_examples=40)
    @given(STEPS)
    def law(steps: list[tuple[str, int]]) -> None:
        runner.run(_same(f"account-{next(accounts)}", steps))

    async def _same(account: str, steps: list[tuple[str, int]]) -> None:
        hours = Hours(0.0)
        memory = MemoryTurns(hours.monotonic)
        async with open_pool(dsn, size=1) as pool:
            postgres = PostgresTurns(pool, account, monotonic=hours.monotonic)
            for step, times in steps:
                match step:
                    case "take":
                        ours = await memory.take(times, interval=LONG)
                        theirs = await postgres.take(times, interval=LONG)
                        assert ours.size == theirs.size
                        assert ours.opens == pytest.approx(theirs.opens, abs=LONG / 4)
                    case "hold":
                        # Never until the very moment at which something is taken.
                        await memory.hold((times + 0.5) * LONG)
                        await postgres.hold((times + 0.5) * LONG)
                    case _:
                        hours.now += times * LONG
                        await let_pass(pool, times * LONG)

    with asyncio.Runner() as runner:
        law()
