"""The running auditor finds what differs while topic and log grow."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from eventually import eventually
from relays import ALL, Relays, after, batch_of, write
from service.clock import SystemClock
from service.db import Pool, connection, transaction
from service.errors import UnavailableError
from service.eventlog.checkpoints import save_positions
from service.eventlog.records import Batch, RecordedEvent
from service.publish.audit_findings import Findings
from service.publish.auditor import Auditor
from service.publish.kafka import EventsTopic
from topics import (
    broker_standing_still,
    delete,
    delete_records,
    fill,
    messages_of,
)

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


@asynccontextmanager
async def auditing(
    topic: EventsTopic, pool: Pool, *, number: int = 1, tail_grace: float = 60
) -> AsyncIterator[Auditor]:
    auditor = Auditor(
        topic,
        pool=pool,
        clock=SystemClock(),
        member=UUID(int=number),
        tail_grace=timedelta(seconds=tail_grace),
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(auditor.run())
        try:
            yield auditor
        finally:
            running.cancel()


def reaching(topic: EventsTopic, relays: Relays) -> Callable[[], Awaitable[bool]]:
    """Return the condition that everything in the log was compared."""
    findings = Findings(relays.pool, topic=topic.name)

    async def reached() -> bool:
        places = await findings.places(ALL)
        heads = await relays.log.heads()
        return {n: place.position for n, place in places.items()} == heads

    return reached


async def publish(relays: Relays, topic: EventsTopic) -> list[RecordedEvent]:
    events = await write(relays.log, orders=3, each=4)
    relay = relays.on(topic)
    reached = dict(await relay.resume(ALL))
    await relay.handle(batch_of(after(events, reached)))
    return events


async def found(topic: EventsTopic, relays: Relays) -> int:
    return await Findings(relays.pool, topic=topic.name).count()


class TestAuditor:
    async def test_finds_nothing_where_nothing_differs(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """What a relay publishes is compared as it comes, and is the same."""
        await publish(relays, topic)

        async with auditing(topic, relays.pool) as auditor:
            await eventually(reaching(topic, relays))
            await write(relays.log, orders=1, each=2)
            await publish(relays, topic)
            await eventually(reaching(topic, relays))

        assert auditor.missing is None
        assert await found(topic, relays) == 0

    @pytest.mark.parametrize("kind", ["missing", "again", "swapped", "foreign"])
    async def test_finds_what_was_planted(
        self, relays: Relays, topic: EventsTopic, kind: str
    ) -> None:
        """Each difference is told once, with its window and the command to run."""
        events = await write(relays.log, orders=1, each=6)
        messages = messages_of(events)
        planted = {
            "missing": [*messages[:2], *messages[3:]],
            "again": [*messages[:3], *messages[2:]],
            "swapped": [*messages[:2], messages[3], messages[2], *messages[4:]],
            "foreign": [*messages[:3], messages[0]._replace(headers=[]), *messages[3:]],
        }[kind]
        await fill(topic, planted)

        with capture_logs() as logged:
            async with auditing(topic, relays.pool):
                await eventually(reaching(topic, relays))

        assert await found(topic, relays) == 1
        [line] = [line for line in logged if line["event"] == "topic and log differ"]
        assert (line["log_level"], line["run"]) == ("error", "order-tracking audit")
        assert (line["partition"], line["after"], line["upto"]) == (
            events[0].partition,
            0,
            6,
        )

    async def test_goes_on_where_it_was(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """An auditor that takes over tells nothing a second time."""
        events = await write(relays.log, orders=1, each=6)
        await fill(topic, messages_of(events)[1:])
        async with auditing(topic, relays.pool):
            await eventually(reaching(topic, relays))
        await Findings(relays.pool, topic=topic.name).clear(ALL)

        more = (await write(relays.log, orders=1, each=2))[6:]
        await fill(topic, messages_of(more))
        async with auditing(topic, relays.pool, number=2):
            await eventually(reaching(topic, relays))

        assert await found(topic, relays) == 0

    async def test_begins_anew_with_the_topic(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A topic that was deleted and filled again is compared from its begin."""
        events = await publish(relays, topic)
        async with auditing(topic, relays.pool):
            await eventually(reaching(topic, relays))
        await delete(topic)
        await fill(topic, messages_of(events)[1:])

        async with auditing(topic, relays.pool, number=2):

            async def noticed() -> bool:
                return await found(topic, relays) == 1

            await eventually(noticed)

    async def test_expects_nothing_that_retention_took(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A topic that lost its begin is compared from what is left."""
        await publish(relays, topic)
        await delete_records(topic, *ALL)
        more = await write(relays.log, orders=3, each=1)
        heads = dict(await relays.log.heads())
        newest = [event for event in more if event.position == heads[event.partition]]
        await fill(topic, messages_of(newest))

        async with auditing(topic, relays.pool):
            await eventually(reaching(topic, relays))

        assert await found(topic, relays) == 0

    async def test_misses_the_end(self, relays: Relays, topic: EventsTopic) -> None:
        """An end that a relay says to have published does not stay away unnoticed."""
        events = await write(relays.log, orders=1, each=6)
        await fill(topic, messages_of(events)[:4])
        claimed = Batch(
            consumer="relay-0", events=[], positions=await relays.log.heads()
        )
        async with transaction(relays.pool) as lent:
            await save_positions(lent, claimed)

        async with auditing(topic, relays.pool, tail_grace=0.5):

            async def noticed() -> bool:
                return await found(topic, relays) == 1

            await eventually(noticed)

    async def test_works_alone(self, relays: Relays, topic: EventsTopic) -> None:
        """Of two auditors one is at work, and the other takes over from it."""
        await publish(relays, topic)
        with capture_logs() as logged:
            async with auditing(topic, relays.pool, number=2):
                async with auditing(topic, relays.pool):
                    await eventually(reaching(topic, relays))
                await publish(relays, topic)
                await eventually(reaching(topic, relays))

        assert not [line for line in logged if "differ" in line["event"]]

    async def test_waits_for_its_topic(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """Without its topic it says what it waits for, and goes on when it is there."""
        async with auditing(topic, relays.pool) as auditor:

            async def waiting() -> str | None:
                return auditor.missing

            assert topic.name in str(await eventually(waiting))
            await publish(relays, topic)
            await eventually(reaching(topic, relays))

        assert auditor.missing is None

    @pytest.mark.timeout(90)
    @pytest.mark.usefixtures("abandoned_sockets")
    async def test_outlives_outages(self, relays: Relays, topic: EventsTopic) -> None:
        """A broker that stands still and lost connections to the database hold it up only."""
        await publish(relays, topic)
        impatient = replace(topic, within=3.0)
        async with auditing(impatient, relays.pool) as auditor:
            await eventually(reaching(topic, relays))

            async def waiting() -> str | None:
                return auditor.missing

            async def published_again() -> bool:
                # The pool hands out connections that were lost, each once.
                published = True
                try:
                    await publish(relays, topic)
                except* UnavailableError:
                    published = False
                return published

            with broker_standing_still():
                assert "within 3 s" in str(await eventually(waiting))
            async with connection(relays.pool) as lent:
                await lent.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
                )
            await eventually(published_again, within=30)
            await eventually(reaching(topic, relays), within=30)

        assert await found(topic, relays) == 0
