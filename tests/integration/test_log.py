"""What the log in PostgreSQL promises beyond the contract of every log."""

import asyncio
import random
from collections import defaultdict

import asyncpg
import orjson
import pytest

from events import AT, append_of, new_event, stream
from service.db import Pool, connection, open_pool
from service.domain.facts import HandlingRequested
from service.errors import (
    ConcurrencyError,
    InvalidEventError,
    InvalidSettingsError,
)
from service.eventlog.codec import decode
from service.eventlog.partitions import murmur2, partition_of
from service.eventlog.records import Append, RecordedEvent, StreamKey
from service.eventlog.store import PostgresEventLog, create_partitions, open_log
from service.eventlog.wake import Wake

pytestmark = pytest.mark.postgres


async def everything(log: PostgresEventLog) -> list[RecordedEvent]:
    return list(
        await log.read_partitions(dict.fromkeys(range(log.partitions), 0), each=100_000)
    )


class TestPositions:
    async def test_have_no_holes_under_many_writers(
        self, log: PostgresEventLog, pool: Pool, dsn: str
    ) -> None:
        """Writers of several logs at once leave positions and versions contiguous."""
        random.seed(7)
        accepted: list[tuple[StreamKey, str]] = []

        async def write(writer: int, into: PostgresEventLog) -> None:
            for number in range(60):
                to = stream(f"order-{random.randrange(12)}")
                key = f"{writer}-{number}"
                expected = random.choice([None, None, number // 4])
                try:
                    await into.append(
                        append_of(key, key + "b", to=to, expected=expected)
                    )
                except ConcurrencyError:
                    continue
                accepted.append((to, key))

        async with (
            open_pool(dsn, size=4) as other_pool,
            open_log(
                other_pool,
                partitions=16,
                lanes=3,
                wake=Wake(dsn),
            ) as other,
            asyncio.TaskGroup() as tasks,
        ):
            for writer in range(16):
                tasks.create_task(write(writer, [log, other][writer % 2]))

        events = await everything(log)
        positions: defaultdict[int, list[int]] = defaultdict(list)
        versions: defaultdict[StreamKey, list[int]] = defaultdict(list)
        for event in events:
            positions[event.partition].append(event.position)
            versions[event.stream].append(event.version)
        assert len(events) == 2 * len(accepted)
        for found in (*positions.values(), *versions.values()):
            assert found == list(range(1, len(found) + 1))
        heads = await log.heads()
        assert {p: heads[p] for p in positions} == {
            p: found[-1] for p, found in positions.items()
        }

    async def test_a_tailing_reader_misses_nothing(self, log: PostgresEventLog) -> None:
        """A reader that goes on from the last position sees every event, in order."""
        seen: list[str] = []
        positions = dict.fromkeys(range(16), 0)
        writing = True

        async def write(writer: int) -> None:
            for number in range(80):
                await log.append(
                    append_of(f"{writer}-{number}", to=stream(f"o{writer}"))
                )

        async def tail() -> None:
            while writing or positions != await log.heads():
                for event in await log.read_partitions(positions, each=7):
                    positions[event.partition] = event.position
                    seen.append(event.data)

        async with asyncio.TaskGroup() as tasks:
            tailing = tasks.create_task(tail())
            async with asyncio.TaskGroup() as writers:
                for writer in range(10):
                    writers.create_task(write(writer))
            writing = False
            await tailing

        assert len(seen) == 800
        for writer in range(10):
            mine = [data for data in seen if f'"{writer}-' in data]
            assert mine == [
                f'{{"requested_by":"{writer}-{number}"}}' for number in range(80)
            ]


class TestAppend:
    async def test_a_bad_event_fails_its_own_caller_only(
        self, log: PostgresEventLog
    ) -> None:
        """An append that PostgreSQL refuses does not take its neighbours along."""
        outcomes: dict[str, str] = {}

        async def write(key: str) -> None:
            try:
                await log.append(append_of(key, to=stream(key[:20])))
                outcomes[key[:20]] = "stored"
            except InvalidEventError:
                outcomes[key[:20]] = "refused"

        too_long = "too long" + "".join(
            random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000)
        )
        async with asyncio.TaskGroup() as tasks:
            for key in ("a", too_long, "b"):
                tasks.create_task(write(key))

        assert outcomes == {"a": "stored", too_long[:20]: "refused", "b": "stored"}

    @pytest.mark.parametrize(
        "text", ["", "nul\x00", "separator\x1e", "surrogate\ud800"]
    )
    async def test_refuses_what_text_cannot_hold(
        self, log: PostgresEventLog, text: str
    ) -> None:
        """Names that are empty or cannot be stored are refused before it is asked."""
        with pytest.raises(InvalidEventError):
            await log.append(append_of("a", to=stream(text)))
        with pytest.raises(InvalidEventError):
            await log.append(append_of(text))

    async def test_refuses_a_payload_that_is_too_large(
        self, log: PostgresEventLog
    ) -> None:
        """A payload of more than a mebibyte is refused with its size."""
        fact = HandlingRequested(requested_by="x" * (1024 * 1024))

        with pytest.raises(InvalidEventError, match="1048"):
            await log.append(
                Append(stream=stream(), events=[new_event("a", fact=fact)])
            )

    async def test_payloads_keep_every_character(self, log: PostgresEventLog) -> None:
        """Control characters of a payload, the separator among them, come back."""
        fact = HandlingRequested(requested_by="a\x1eb\x1f\n\u2028")

        await log.append(Append(stream=stream(), events=[new_event("a", fact=fact)]))

        (event,) = await log.read_stream(stream())
        assert decode(event) == fact

    async def test_keeps_the_envelope(self, log: PostgresEventLog) -> None:
        """What surrounds a fact comes back as it went in."""
        await log.append(append_of("a"))

        (event,) = await log.read_stream(stream())

        assert event.occurred_at == AT
        assert event.type == "HandlingRequested"
        metadata = orjson.loads(event.metadata)
        assert metadata.pop("traceparent").startswith("00-")
        assert metadata == {"correlation_id": "chain-1", "source": "test"}


class TestImmutability:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE eventlog.events SET type = 'Other'",
            "DELETE FROM eventlog.events",
            "TRUNCATE eventlog.events",
        ],
    )
    async def test_the_log_refuses_change(
        self, log: PostgresEventLog, pool: Pool, statement: str
    ) -> None:
        """The database itself refuses to change or remove what happened."""
        await log.append(append_of("a"))

        async with connection(pool) as lent:
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await lent.execute(statement)

    async def test_a_month_table_refuses_truncation(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A month's own table refuses to be emptied, too."""
        async with connection(pool) as lent:
            month = await lent.fetchval(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'eventlog.events'::regclass LIMIT 1"
            )
            with pytest.raises(asyncpg.RestrictViolationError):
                await lent.execute(f"TRUNCATE {month}")


class TestMonths:
    async def test_are_made_ahead_once(self, pool: Pool) -> None:
        """Month tables are made ahead, and asking again makes no more."""
        async with connection(pool) as lent:
            assert await lent.fetchval("SELECT eventlog.make_months(now(), 5)") == 2
            assert await lent.fetchval("SELECT eventlog.make_months(now(), 5)") == 0

    async def test_an_order_lies_in_the_month_it_was_first_seen(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """Events lie in the table of the month that the stream's id names."""
        await log.append(append_of("a"))

        async with connection(pool) as lent:
            row = await lent.fetchrow(
                "SELECT tableoid::regclass::text, to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')"
                " FROM eventlog.events"
            )
        assert row is not None
        assert row[0] == f"eventlog.events_{row[1]}"

    async def test_stream_ids_carry_their_moment(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """A stream's id is a UUIDv7 of the moment at which it was first seen."""
        appended = await log.append(append_of("a"))

        (event,) = await log.read_stream(stream())
        milliseconds = appended.stream_id.int >> 80
        assert (appended.stream_id.version, appended.stream_id.variant) == (
            7,
            "specified in RFC 4122",
        )
        assert abs(milliseconds / 1000 - event.recorded_at.timestamp()) < 1


class TestPartitions:
    async def test_their_number_is_for_life(self, pool: Pool) -> None:
        """Another number of partitions than the log has is refused by name."""
        with pytest.raises(InvalidSettingsError, match="ORDER_TRACKING_PARTITIONS=16"):
            await create_partitions(pool, 8)

    @pytest.mark.parametrize(
        ("text", "hashed"),
        [
            # Computed with org.apache.kafka.common.utils.Utils.murmur2.
            (b"21", -973932308),
            (b"foobar", -790332482),
            (b"a-little-bit-long-string", -985981536),
            (b"a-little-bit-longer-string", -1486304829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            (b"abc", 479470107),
        ],
    )
    def test_hash_as_kafka_does(self, text: bytes, hashed: int) -> None:
        """The partition's hash is that of Kafka's Java client."""
        assert murmur2(text) == hashed & 0xFFFFFFFF

    def test_an_order_keeps_its_partition(self) -> None:
        """The same order always has the same partition, within the range."""
        assert partition_of(stream(), 16) == partition_of(stream(), 16)
        assert {partition_of(stream(f"o{n}"), 4) for n in range(100)} == {0, 1, 2, 3}


class TestPlans:
    async def test_hot_statements_use_their_indexes(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """Tailing the log reads an index in order and sorts no table."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(200):
                tasks.create_task(
                    log.append(
                        append_of(
                            *(f"{number}-{n}" for n in range(40)),
                            to=stream(f"o{number}"),
                        )
                    )
                )
        async with connection(pool) as lent:
            await lent.execute("ANALYZE eventlog.events; ANALYZE eventlog.streams")
            plan = "\n".join(
                row[0]
                for row in await lent.fetch(
                    "EXPLAIN SELECT * FROM eventlog.events"
                    " WHERE partition = 3::smallint AND position > 10"
                    " ORDER BY position LIMIT 50"
                )
            )
        assert "partition_position_idx" in plan
        assert "Seq Scan" not in plan
        assert "->  Sort" not in plan
