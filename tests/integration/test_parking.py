"""Streams set aside: replayed and dropped on request, nothing twice and nothing lost."""

import asyncio
from collections.abc import Iterator

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from events import append_of, stream
from eventually import eventually
from ledger import Ledger, running, subscription_of
from service.db import Pool, connection
from service.errors import FencedError, NothingSetAsideError, UnavailableError
from service.eventlog.parking import ATTEMPTS
from service.eventlog.set_aside import (
    ParkedStream,
    find_parked,
    load_set_aside,
    parked_events,
    parked_streams,
    request,
    without_set_aside,
)
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription

pytestmark = pytest.mark.postgres

POISON = ValueError("poison")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    # To draw a traceback with all that surrounds it takes a second.
    with capture_logs():
        yield


@pytest_asyncio.fixture
async def ledger(pool: Pool) -> Ledger:
    made = Ledger(pool)
    await made.create()
    return made


@pytest_asyncio.fixture
async def parked(ledger: Ledger, log: PostgresEventLog, pool: Pool) -> ParkedStream:
    """A stream of a to e that failed on b, and nobody who follows the log any more."""
    ledger.fails_on["b"] = POISON
    await log.append(append_of("a", "b", "c"))
    async with running(subscription_of(ledger, log, pool)):
        await eventually(lambda: _parked(pool))
        await log.append(append_of("d", "e"))
        await log.append(append_of("other", to=stream("2-01")))
        await eventually(lambda: _has(ledger, "other"))
        await eventually(lambda: _level(ledger, log))
    [found] = await find_parked(pool, ledger.name, None)
    return found


async def _parked(pool: Pool) -> list[ParkedStream]:
    return await parked_streams(pool)


async def _has(ledger: Ledger, key: str) -> bool:
    return key in await ledger.keys()


async def _level(ledger: Ledger, log: PostgresEventLog) -> bool:
    heads = await log.heads()
    return await ledger.resume(list(heads)) == heads


async def _of_stream(ledger: Ledger) -> list[str]:
    return [key for name, _, key in await ledger.rows() if name == str(stream())]


class TestList:
    async def test_says_what_waits(
        self, parked: ParkedStream, pool: Pool, ledger: Ledger
    ) -> None:
        """A stream is listed with its reason and how many events queue behind."""
        [found] = await parked_streams(pool, consumer=ledger.name, stream=stream())

        assert found == parked
        assert (found.version, found.behind, found.attempts) == (2, 3, ATTEMPTS)
        assert found.reason == "builtins.ValueError"
        assert await parked_streams(pool, consumer="another") == []

    async def test_shows_the_events_that_wait(
        self, parked: ParkedStream, pool: Pool
    ) -> None:
        """The events from the one that failed on are shown."""
        events = await parked_events(pool, parked)

        assert [event.version for event in events] == [2, 3, 4, 5]
        assert {event.type for event in events} == {"HandlingRequested"}

    async def test_unknown_stream(self, parked: ParkedStream, pool: Pool) -> None:
        """What is not set aside is told, with the command that shows what is."""
        with pytest.raises(NothingSetAsideError, match="parked list"):
            await find_parked(pool, parked.consumer, stream("nobody"))


class TestReplay:
    async def test_hands_out_what_queued(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """What queued is handed out once and in order, and what comes later follows."""
        ledger.fails_on.clear()
        async with running(subscription_of(ledger, log, pool, member=2)):
            await eventually(lambda: _followed(pool))
            outcome = await request(pool, "replay", [parked], within=10)
            await log.append(append_of("f"))
            await eventually(lambda: _has(ledger, "f"))

        assert outcome.settled == [parked]
        assert await _of_stream(ledger) == ["a", "b", "c", "d", "e", "f"]
        assert await parked_streams(pool) == []

    async def test_loses_nothing_that_comes_meanwhile(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """Events that are appended before and during a replay are handed out once."""
        ledger.fails_on.clear()
        await request(pool, "replay", [parked], within=0)
        await log.append(append_of("f", "g"))
        subscription = subscription_of(ledger, log, pool, member=2)
        async with running(subscription):
            async with asyncio.TaskGroup() as tasks:
                for number in range(20):
                    tasks.create_task(log.append(append_of(f"later-{number}")))
            await eventually(lambda: _level(ledger, log))
            await eventually(lambda: _not_parked(pool))

        versions = [v for name, v, _ in await ledger.rows() if name == str(stream())]
        assert versions == list(range(1, 28))

    async def test_that_fails_again(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A replay that meets another bad event sets the stream aside there."""
        ledger.fails_on = {"d": KeyError("worse")}
        async with running(subscription_of(ledger, log, pool, member=2)):
            await eventually(lambda: _followed(pool))
            outcome = await request(pool, "replay", [parked], within=10)
            await log.append(append_of("f"))
            await log.append(append_of("other-2", to=stream("2-01")))
            await eventually(lambda: _has(ledger, "other-2"))
            await eventually(lambda: _level(ledger, log))

        [failed] = outcome.failed
        assert (failed.version, failed.reason) == (4, "builtins.KeyError")
        assert failed.attempts == 2 * ATTEMPTS
        assert await _of_stream(ledger) == ["a", "b", "c"]

    async def test_goes_on_where_it_was_killed(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A replay that ends in the middle is taken up there by the next owner."""
        ledger.fails_on.clear()
        ledger.stays_at = "c"
        await request(pool, "replay", [parked], within=0)
        async with running(subscription_of(ledger, log, pool, member=2)):
            await ledger.stays.wait()
        [left] = await parked_streams(pool)
        ledger.stays_at = None
        async with running(subscription_of(ledger, log, pool, member=3)):
            await eventually(lambda: _not_parked(pool))

        assert (left.version, left.request) == (4, "replay")
        assert await _of_stream(ledger) == ["a", "b", "c", "d", "e"]

    async def test_waits_for_what_is_away(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """While something needed is away, the request stands and nothing is parked."""
        ledger.fails_on = {"d": UnavailableError("away")}
        subscription = subscription_of(ledger, log, pool, member=2)
        async with running(subscription):
            await eventually(lambda: _followed(pool))
            outcome = await request(pool, "replay", [parked], within=1.5)
            await eventually(lambda: _waiting(subscription))
            ledger.fails_on.clear()
            await eventually(lambda: _not_parked(pool))

        assert [each.version for each in outcome.waiting] == [4]
        assert await _of_stream(ledger) == ["a", "b", "c", "d", "e"]

    async def test_by_one_that_was_replaced(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A process that lost its lease neither hands out nor frees a stream."""
        ledger.fails_on.clear()
        await request(pool, "replay", [parked], within=0)
        replaced = subscription_of(ledger, log, pool, member=2)
        await replaced.step()
        async with connection(pool) as lent:
            await lent.execute("UPDATE eventlog.leases SET token = token + 1")

        replaced._requested = True
        with pytest.raises(FencedError):
            await replaced.step()

        [left] = await parked_streams(pool)
        assert left.version == parked.version
        assert await _of_stream(ledger) == ["a"]

    async def test_without_a_process(self, parked: ParkedStream, pool: Pool) -> None:
        """Where nobody follows the log, the request stands and is told at once."""
        async with asyncio.timeout(5):
            outcome = await request(pool, "replay", [parked], within=60)

        assert [each.request for each in outcome.waiting] == ["replay"]


class TestDrop:
    async def test_gives_up_what_queued(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """What queued is never handed out, is recorded, and later events follow."""
        async with running(subscription_of(ledger, log, pool, member=2)):
            await eventually(lambda: _followed(pool))
            outcome = await request(pool, "drop", [parked], within=10)
            await log.append(append_of("f"))
            await eventually(lambda: _has(ledger, "f"))

        assert outcome.settled == [parked]
        assert await _of_stream(ledger) == ["a", "f"]
        async with connection(pool) as lent:
            aside = await load_set_aside(lent, ledger.name)
        assert aside == {parked.stream_id: [range(2, 6)]}

    async def test_a_rebuild_skips_the_same(
        self, parked: ParkedStream, ledger: Ledger, log: PostgresEventLog, pool: Pool
    ) -> None:
        """What is set aside now and what was dropped is left out by its versions."""
        async with running(subscription_of(ledger, log, pool, member=2)):
            await eventually(lambda: _followed(pool))
            await request(pool, "drop", [parked], within=10)
            ledger.fails_on["g"] = POISON
            await log.append(append_of("f", "g", "h"))
            await eventually(lambda: _parked(pool))
        async with connection(pool) as lent:
            aside = await load_set_aside(lent, ledger.name)

        kept = without_set_aside(await log.read_stream(stream()), aside)

        assert [event.version for event in kept] == [1, 6]


async def _not_parked(pool: Pool) -> bool:
    return not await parked_streams(pool)


async def _followed(pool: Pool) -> bool:
    async with connection(pool) as lent:
        count: int = await lent.fetchval(
            "SELECT count(*) FROM eventlog.leases WHERE owner IS NOT NULL"
        )
    return count == 16


async def _waiting(subscription: Subscription) -> bool:
    return subscription.progress.state == "waiting"
