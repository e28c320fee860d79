"""What a consumer cannot go on from: it stops alone, says so, and what to run."""

import pytest
import pytest_asyncio
from structlog.testing import capture_logs
from typing_extensions import override

from events import append_of
from eventually import eventually
from ledger import Ledger, running, subscription_of
from metrics_kit import value_of
from service.db import Pool, connection
from service.eventlog.codec import decode
from service.eventlog.records import Batch
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription

pytestmark = pytest.mark.postgres


HOLE = "UPDATE eventlog.partitions SET head = head + 1"
AHEAD = (
    "INSERT INTO eventlog.checkpoints"
    " SELECT 'reader', partition, 9 FROM eventlog.partitions WHERE head > 0"
)
NEWER = (
    "ALTER TABLE eventlog.events DISABLE TRIGGER USER;"
    " UPDATE eventlog.events SET schema_version = 99"
)


class Reader(Ledger):
    """Reads what it is handed, as consumers of this version do."""

    @override
    async def handle(self, batch: Batch) -> None:
        for event in batch.events:
            decode(event)
        await super().handle(batch)


@pytest_asyncio.fixture
async def reader(pool: Pool) -> Reader:
    made = Reader(pool, "reader")
    await made.create()
    return made


async def _execute(pool: Pool, statement: str) -> None:
    async with connection(pool) as lent:
        await lent.execute(statement)


async def _stopped(subscription: Subscription) -> bool:
    return subscription.progress.state == "stopped"


class TestStop:
    @pytest.mark.parametrize(
        ("damage", "command"),
        [
            (HOLE, "`order-tracking audit`"),
            (AHEAD, "`order-tracking audit`"),
            (NEWER, "`order-tracking migrate`"),
        ],
        ids=["hole", "log restored from an older backup", "newer event"],
    )
    async def test_names_the_partition_and_the_command(
        self,
        reader: Reader,
        log: PostgresEventLog,
        pool: Pool,
        *,
        damage: str,
        command: str,
    ) -> None:
        """The consumer stops, pages, and says where it is and what to run."""
        partition = (await log.append(append_of("a"))).partition
        await _execute(pool, damage)
        await log.append(append_of("b"))

        with capture_logs() as logged:
            async with running(subscription_of(reader, log, pool)) as subscription:
                await eventually(lambda: _stopped(subscription))

        missing = subscription.progress.missing or ""
        assert command in missing
        assert f"artition {partition}" in missing
        critical = [line["event"] for line in logged if line["log_level"] == "critical"]
        assert critical == ["stopped"]
        assert value_of("subscription.stopped", consumer="reader") == 1

    async def test_leaves_other_consumers_alone(
        self, reader: Reader, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A consumer that does not read the event goes on."""
        await log.append(append_of("a"))
        await _execute(pool, NEWER)
        other = Ledger(pool, "other")
        async with (
            running(subscription_of(reader, log, pool)) as subscription,
            running(subscription_of(other, log, pool)),
        ):
            await eventually(lambda: _stopped(subscription))
            await log.append(append_of("b"))
            await eventually(lambda: _has(other, "b"))

        assert await reader.keys() == []

    async def test_ends_with_a_restart(
        self, reader: Reader, log: PostgresEventLog, pool: Pool
    ) -> None:
        """Once the cause is mended and the process restarted, nobody is paged."""
        await log.append(append_of("a"))
        await _execute(pool, NEWER)
        async with running(subscription_of(reader, log, pool)) as subscription:
            await eventually(lambda: _stopped(subscription))
        await _execute(pool, "UPDATE eventlog.events SET schema_version = 1")

        async with running(subscription_of(reader, log, pool)) as subscription:
            await eventually(lambda: _has(reader, "a"))

        assert value_of("subscription.stopped", consumer="reader") == 0


async def _has(ledger: Ledger, key: str) -> bool:
    return key in await ledger.keys()
