"""Many callers of one log: waiting, giving up, and verdicts of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from events import append_of, new_event, stream
from eventually import eventually
from metrics_kit import value_of
from service.db import Pool, transaction
from service.domain.facts import HandlingRequested
from service.errors import ConcurrencyError, InvalidEventError
from service.eventlog.records import Append, Appended
from service.eventlog.store import MOST_WAITING, PostgresEventLog

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def held_up(pool: Pool) -> AsyncIterator[None]:
    """Keep the database from writing to the log while the block runs."""
    async with transaction(pool) as lent:
        await lent.execute("SELECT FROM eventlog.partitions FOR UPDATE")
        yield


async def _waiting(at_least: int) -> bool:
    return (value_of("eventlog.append.waiting") or 0) >= at_least


async def _tried(log: PostgresEventLog, append: Append) -> Appended | type[Exception]:
    try:
        return await log.append(append)
    except (ConcurrencyError, InvalidEventError) as error:
        return type(error)


class TestBackPressure:
    async def test_callers_wait_for_their_turn(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """While the database is slow callers wait, a bounded number in the queue."""
        before = value_of("eventlog.append.waiting") or 0
        beyond = 50
        done: list[Appended] = []

        async def write(number: int) -> None:
            to = stream(f"o{number % 500}")
            done.append(await log.append(append_of(f"key-{number}", to=to)))

        async with asyncio.TaskGroup() as tasks, held_up(pool):
            for number in range(MOST_WAITING + beyond):
                tasks.create_task(write(number))
            await eventually(lambda: _waiting(MOST_WAITING))
            assert value_of("eventlog.append.waiting") == before + MOST_WAITING
            assert done == []

        assert len(done) == MOST_WAITING + beyond
        assert sum((await log.heads()).values()) == len(done)
        assert value_of("eventlog.append.waiting") == before

    async def test_who_gives_up_may_ask_again(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """An append whose caller gave up is written once, however often it is repeated."""
        async with held_up(pool):
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await log.append(append_of("a", "b", expected=0))

        first = await log.append(append_of("a", "b", expected=0))
        again = await log.append(append_of("a", "b", expected=0))

        assert again._replace(new=0) == first._replace(new=0)
        assert [event.version for event in await log.read_stream(stream())] == [1, 2]
        assert (await log.append(append_of("c", expected=2))).version == 3


class TestVerdicts:
    async def test_of_one_group_are_each_their_own(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """Appended, repeated, conflict and refused stand side by side in a call."""
        known = await log.append(append_of("known", to=stream("known")))
        large = HandlingRequested(requested_by="x" * 1024 * 1024)
        # Longer than what an index of PostgreSQL takes, and not to be compressed.
        refused = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(5000))
        appends = [
            append_of("a", to=stream("1")),
            append_of("known", to=stream("known"), expected=77),
            append_of("b", to=stream("2"), expected=5),
            Append(stream=stream("3"), events=[new_event("c", fact=large)]),
            append_of("d", refused, to=stream("4")),
            append_of("e", "f", to=stream("5"), expected=0),
        ]
        async with asyncio.TaskGroup() as tasks, held_up(pool):
            tried = [tasks.create_task(_tried(log, append)) for append in appends]
            await eventually(lambda: _waiting(5))

        one, two, three, four, five, six = (task.result() for task in tried)
        assert isinstance(one, Appended)
        assert two == known._replace(new=0)
        assert three is ConcurrencyError
        assert four is InvalidEventError
        assert five is InvalidEventError
        assert isinstance(six, Appended)
        assert (six.version, six.new) == (2, 2)
        found = await log.read_streams([stream(name) for name in "2345"])
        assert [len(events) for events in found.values()] == [0, 0, 0, 2]
