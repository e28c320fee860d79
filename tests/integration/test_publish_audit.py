"""The full audit finds whatever was planted, and repairs what can be repaired."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from conftest import PARTITIONS
from processes import run
from published import published
from relays import ALL, Relays, batch_of, write
from service.db import Pool, connection, transaction
from service.errors import BrokerUnavailableError
from service.eventlog.checkpoints import save_positions
from service.eventlog.records import Batch, RecordedEvent
from service.eventlog.store import PostgresEventLog
from service.publish.audit import audit, repair, wait_for_relay
from service.publish.audit_findings import Findings
from service.publish.audit_ledger import Report
from service.publish.audit_states import audit_states
from service.publish.audit_window import window_of
from service.publish.contract import Message
from service.publish.kafka import EventsTopic, StateTopic
from service.publish.producers import producers_for
from service.publish.republish import Republisher
from topics import CONTRACT, fill, messages_of, sent

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


async def claim(pool: Pool, log: PostgresEventLog) -> None:
    """Say that the relay has published the whole log."""
    batch = Batch(consumer="relay-0", events=[], positions=await log.heads())
    async with transaction(pool) as lent:
        await save_positions(lent, batch)


async def audited(
    topic: EventsTopic, relays: Relays, told: list[tuple[int, int]] | None = None
) -> Report:
    """Return what the audit says of the partition that has all the events."""
    upto = await wait_for_relay(relays.pool, at_most=0)
    reports = await audit(
        topic,
        pool=relays.pool,
        upto=upto,
        progress=lambda done, total: (told if told is not None else []).append(
            (done, total)
        ),
    )
    others = [report for report in reports if not report.log and report.is_clean]
    assert len(others) == PARTITIONS - 1
    return next(report for report in reports if report.log)


@asynccontextmanager
async def republishing(
    topic: EventsTopic, relays: Relays
) -> AsyncIterator[Republisher]:
    producers = producers_for(topic, ids=f"{topic.prefix}.repair", transactions=True)
    await producers.start()
    try:
        yield Republisher(
            topic,
            log=relays.log,
            pool=relays.pool,
            contract=CONTRACT,
            producers=producers,
            rate=100_000,
            progress=lambda _done, _total: None,
        )
    finally:
        await producers.stop()


@pytest.fixture
async def events(relays: Relays) -> list[RecordedEvent]:
    """Ten events of one order, which the relay claims to have published."""
    events = await write(relays.log, orders=1, each=10)
    await claim(relays.pool, relays.log)
    return events


def without_some(messages: list[Message]) -> list[Message]:
    return [*messages[:3], *messages[6:]]


def one_twice(messages: list[Message]) -> list[Message]:
    return [*messages, messages[4]]


def two_swapped(messages: list[Message]) -> list[Message]:
    return [*messages[:4], messages[5], messages[4], *messages[6:]]


def with_a_stranger(messages: list[Message]) -> list[Message]:
    return [*messages[:5], messages[4]._replace(headers=[]), *messages[5:]]


def with_another(messages: list[Message]) -> list[Message]:
    return [*messages[:5], messages[5]._replace(value=b"{}"), *messages[6:]]


class TestAudit:
    async def test_finds_nothing_where_a_relay_published(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """What a relay published is clean, and progress runs to the end."""
        events = await write(relays.log, orders=1, each=10)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events))
        told: list[tuple[int, int]] = []

        found = await audited(topic, relays, told)

        assert found.is_clean
        assert (found.log, found.topic) == (10, 10)
        assert told[-1][0] == told[-1][1]

    @pytest.mark.parametrize(
        ("planted", "counts"),
        [
            (without_some, ([4, 5, 6], 0, 0, 0)),
            (one_twice, ([], 1, 0, 0)),
            (two_swapped, ([], 0, 1, 0)),
            (with_a_stranger, ([], 0, 0, 1)),
            (with_another, ([6], 0, 0, 1)),
        ],
    )
    async def test_finds_what_was_planted(
        self,
        relays: Relays,
        topic: EventsTopic,
        events: list[RecordedEvent],
        planted: Callable[[list[Message]], list[Message]],
        counts: tuple[Sequence[int], int, int, int],
    ) -> None:
        """Each difference is found for what it is, and no other with it."""
        await fill(topic, planted(messages_of(events)))

        found = await audited(topic, relays)

        assert (
            found.missing,
            found.duplicate,
            found.reordered,
            found.foreign,
        ) == counts

    async def test_expects_only_what_was_published(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Events that the relay has not come to are not missing."""
        await fill(topic, messages_of(events))
        await write(relays.log, orders=1, each=3)

        found = await audited(topic, relays)

        assert found.is_clean
        assert found.log == 10

    async def test_leaves_later_events_out(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Events that were published meanwhile are no strangers."""
        every_event = await write(relays.log, orders=1, each=3)
        await fill(topic, messages_of(every_event))

        found = await audited(topic, relays)

        assert found.is_clean
        assert found.topic == 10

    async def test_finds_what_the_log_never_had(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """A position beyond the log's head is foreign."""
        messages = messages_of(events)
        headers = [("ce_id", b"x-1"), ("ce_sequence", b"%020d" % 99)]
        await fill(topic, [*messages, messages[0]._replace(headers=headers)])

        assert (await audited(topic, relays)).foreign == 1

    async def test_knows_what_is_archived(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """Events that left the log for the archive are no strangers on the topic."""
        partition = events[0].partition
        async with connection(relays.pool) as lent:
            await lent.execute(
                "UPDATE eventlog.partitions SET head = 12 WHERE head > 0"
            )
        archived = [events[0]._replace(position=n) for n in (11, 12)]
        after = [
            e for e in await write(relays.log, orders=1, each=1) if e.position > 12
        ]
        await claim(relays.pool, relays.log)
        await fill(topic, messages_of([*events, *archived, *after]))
        assert (await audited(topic, relays)).foreign == 2

        async with connection(relays.pool) as lent:
            await lent.execute(
                "INSERT INTO eventlog.archived VALUES ($1, 0, '{[11,13)}')", partition
            )
            window = window_of(
                partition, map(sent, messages_of([*events, *archived])), after=0
            )
        assert (await audited(topic, relays)).is_clean
        assert await Findings(relays.pool, topic=topic.name).compare(window) is None

    async def test_needs_a_topic(self, relays: Relays, topic: EventsTopic) -> None:
        """A topic that is not there is an error, and is not made."""
        with pytest.raises(BrokerUnavailableError, match=topic.name):
            await audited(topic, relays)


class TestRepair:
    async def test_makes_the_audit_clean(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """What is missing is published again in order, and nothing is missing then."""
        await fill(topic, without_some(messages_of(events)))
        found = await audited(topic, relays)

        async with republishing(topic, relays) as republisher:
            done = await repair([found], republisher)

        assert done == 3
        assert (await audited(topic, relays)).is_clean
        replayed = [dict(record.headers) for record in (await published(topic))[-3:]]
        assert [int(headers["ce_sequence"]) for headers in replayed] == [4, 5, 6]
        assert {headers["ce_replay"] for headers in replayed} == {b"true"}

    async def test_leaves_the_end_to_the_relay(
        self, relays: Relays, topic: EventsTopic, events: list[RecordedEvent]
    ) -> None:
        """What is missing behind the last event is published by the relay itself."""
        await fill(topic, messages_of(events)[:7])
        found = await audited(topic, relays)
        async with republishing(topic, relays) as republisher:
            assert await repair([found], republisher) == 0

        relay = relays.on(topic)
        reached = dict(await relay.resume(ALL))
        await relay.handle(batch_of([e for e in events if e.position > 7]))

        assert max(reached.values()) == 7
        assert (await audited(topic, relays)).is_clean


class TestStates:
    async def test_compares_the_last_state_of_each_order(
        self, relays: Relays, kafka_servers: str, topic_prefix: str
    ) -> None:
        """Orders without a state, with an old one, and strangers are counted."""
        topic = StateTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
        )
        events = await write(relays.log, orders=6, each=2)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(
            Batch(
                consumer=relay.name,
                events=[e for e in events if e.stream.order_id != "order-0"],
                positions={e.partition: e.position for e in events},
            )
        )
        last = {event.stream.order_id: event for event in events}
        first = {event.stream.order_id: event for event in reversed(events)}
        stranger = CONTRACT.state(last["order-2"], b"{}")._replace(key=b"acme/nobody")
        await fill(topic, [CONTRACT.state(first["order-1"], b"{}"), stranger])

        reports = await audit_states(
            topic, pool=relays.pool, progress=lambda _done, _total: None
        )

        assert sum(report.orders for report in reports) == 6
        assert sum(report.missing for report in reports) == 1
        assert sum(report.stale for report in reports) == 1
        assert sum(report.foreign for report in reports) == 1


@pytest.mark.timeout(60)
class TestCommand:
    async def test_audits_and_repairs(
        self,
        relays: Relays,
        topic: EventsTopic,
        events: list[RecordedEvent],
        dsn: str,
    ) -> None:
        """What is missing is repaired; a duplicate remains, and the exit code says so."""
        await fill(topic, one_twice(without_some(messages_of(events))))
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic.prefix,
        }

        ended = run("audit", "--repair", settings=settings)

        assert "3 published again" in ended.stdout
        assert ended.stdout.count("1 of 16 partitions differ") == 2
        assert (ended.returncode, ended.stderr.count("Traceback")) == (1, 0)
