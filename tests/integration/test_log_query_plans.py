"""Statements of the log that are asked all the time read what they need by an index."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
import pytest_asyncio

from service.db import Pool, connection, load_sql, transaction

pytestmark = pytest.mark.postgres

_FILL = """
INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
SELECT eventlog.new_stream_id(), 'acme', n::text, n % 16, 4
FROM generate_series(1, 5000) AS n;
INSERT INTO eventlog.events (
    stream_id, version, partition, position, type, schema_version, event_key, data,
    metadata, occurred_at
)
SELECT s.stream_id, v, s.partition, row_number() OVER (PARTITION BY s.partition), 'T', 1,
       v::text, '{}', '{}', now()
FROM eventlog.streams AS s CROSS JOIN generate_series(1, 4) AS v;
INSERT INTO eventlog.leases (consumer, slot, owner)
SELECT 'c' || n, slot, gen_random_uuid()
FROM generate_series(1, 300) AS n CROSS JOIN generate_series(0, 15) AS slot;
INSERT INTO eventlog.checkpoints (consumer, partition, position)
SELECT consumer, slot, 1 FROM eventlog.leases;
"""
_LOOKUPS = {
    "stream": """
        SELECT s.stream_id FROM unnest($1::text[], $2::text[]) AS a (account, order_id)
        LEFT JOIN LATERAL (
            SELECT known.stream_id FROM eventlog.streams AS known
            WHERE known.account = a.account AND known.order_id = a.order_id LIMIT 1
        ) AS s ON true
    """,
    "key": """
        SELECT e.version FROM unnest($1::uuid[], $2::text[]) AS a (stream_id, key)
        LEFT JOIN LATERAL (
            SELECT known.version FROM eventlog.events AS known
            WHERE known.stream_id = a.stream_id AND known.event_key = a.key LIMIT 1
        ) AS e ON true
    """,
}
"""What the function that appends looks up, as it does."""


@pytest_asyncio.fixture
async def filled(pool: Pool) -> AsyncIterator[Pool]:
    async with transaction(pool) as lent:
        await lent.execute(_FILL)
    async with connection(pool) as lent:
        await lent.execute("ANALYZE")
    yield pool


async def plan(pool: Pool, statement: str, *arguments: object) -> str:
    """Return the plan, without what it says of months that are empty still."""
    async with connection(pool) as lent:
        this_month = await lent.fetchval(
            "SELECT 'events_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')"
        )
        await lent.execute("SET plan_cache_mode = force_generic_plan")
        rows = await lent.fetch(f"EXPLAIN {statement}", *arguments)
    return "\n".join(
        row[0] for row in rows if "on events_" not in row[0] or this_month in row[0]
    )


class TestPlans:
    async def test_tailing(self, filled: Pool) -> None:
        """Readers walk an index from where they are; but for the heads, none is scanned."""
        statement = load_sql("service.eventlog", "read_partitions")

        found = await plan(filled, statement, list(range(16)), [1200] * 16, 30)

        assert "partition_position_idx" in found
        assert "Seq Scan on" not in found.replace("Seq Scan on partitions", "")

    async def test_streams(self, filled: Pool) -> None:
        """A stream's events are found by its key."""
        statement = load_sql("service.eventlog", "read_streams")

        found = await plan(filled, statement, ["acme"], ["7"], 0)

        assert "streams_account_order_id_key" in found
        assert "Seq Scan" not in found

    async def test_streams_since(self, filled: Pool) -> None:
        """The last event of a type is looked for from a stream's end."""
        statement = load_sql("service.eventlog", "read_streams_since")

        found = await plan(filled, statement, ["acme"], ["7"], "T")

        assert "streams_account_order_id_key" in found
        assert "Backward" in found
        assert "Seq Scan" not in found

    @pytest.mark.parametrize(
        ("name", "index"),
        [("stream", "streams_account_order_id_key"), ("key", "event_key")],
    )
    async def test_appending(self, filled: Pool, name: str, index: str) -> None:
        """Known streams and known keys are looked up by their indexes."""
        given = ["acme"] if name == "stream" else [UUID(int=7)]

        found = await plan(filled, _LOOKUPS[name], given, ["7"])

        assert index in found
        assert "Seq Scan" not in found

    async def test_saving_positions(self, filled: Pool) -> None:
        """A consumer's leases are found by their key."""
        statement = load_sql("service.eventlog", "save_positions")

        found = await plan(filled, statement, "c7", [1], [0], [1], [5], None)

        assert "leases_pkey" in found
        assert "Seq Scan" not in found

    async def test_holding_leases(self, filled: Pool) -> None:
        """A heartbeat looks at its own consumer's leases only."""
        statement = (
            "SELECT slot FROM eventlog.leases WHERE consumer = $1 AND owner = $2"
        )

        found = await plan(filled, statement, "c7", UUID(int=7))

        assert "leases_pkey" in found
        assert "Seq Scan" not in found
