"""Statements that are asked all the time find their rows by an index."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from service.db import Pool, connection, load_sql, transaction

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LAST = UUID("80000000-0000-7000-8000-000000000000")
FILL = """
INSERT INTO read.orders (
    stream_id, partition, change, version, account, order_id, status, stage, triggers,
    ripens_at, overlay, courier_state, tracking, details, created_at, updated_at
)
SELECT gen_random_uuid(), n % 16, n, 1, 'acme', n::text, 'invoiced', 5, '{}',
       CASE WHEN n % 500 = 0 THEN timestamptz '2026-03-02' + n * interval '1 minute' END,
       CASE WHEN n % 500 = 0 THEN 'canceled' END,
       'delivered', '{}', '{}', now(),
       timestamptz '2026-01-01' + n * interval '1 minute'
FROM generate_series(1, 20000) AS n
"""
REREADS = """
INSERT INTO ingest.rereads (account, order_id, due_at, reason)
SELECT 'acme', n::text, timestamptz '2026-03-02' + n * interval '1 minute', 'why'
FROM generate_series(1, 20000) AS n
"""
FILTERS: dict[str, tuple[int, object]] = {
    "orders_status_stream_id_idx": (1, "handling"),
    "orders_stage_stream_id_idx": (2, 3),
    "orders_courier_state_stream_id_idx": (3, "exception"),
    "orders_overlay_stream_id_idx": (4, "canceled"),
    "orders_updated_at_idx": (5, datetime(2026, 1, 14, 21, tzinfo=UTC)),
    "orders_order_id_stream_id_idx": (6, "1999"),
    "orders_pkey": (8, LAST),
}
"""Which index serves which argument of the list."""


@pytest_asyncio.fixture
async def filled(pool: Pool) -> AsyncIterator[Pool]:
    async with transaction(pool) as lent:
        await lent.execute(FILL)
    async with connection(pool) as lent:
        await lent.execute("ANALYZE read.orders")
    yield pool


async def plan(pool: Pool, statement: str, *arguments: object) -> str:
    async with connection(pool) as lent:
        rows = await lent.fetch(f"EXPLAIN {statement}", *arguments)
    return "\n".join(row[0] for row in rows)


class TestPlans:
    async def test_list(self, filled: Pool) -> None:
        """Each filter of the list has its index."""
        statement = load_sql("service.read", "list_orders")
        for index, (place, value) in FILTERS.items():
            arguments: list[object] = [None] * 9
            arguments[7], arguments[place] = NOW, value

            found = await plan(filled, statement, *arguments, 51)

            assert index in found

    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("find_orders", (["acme"], ["7"], [""], NOW)),
            ("changed_orders", ([0, 1], [19000, 19000], 30)),
            ("ripened_orders", (NOW, LAST, NOW, 500)),
            ("horizon", (NOW,)),
        ],
    )
    async def test_other(
        self, filled: Pool, name: str, arguments: tuple[object, ...]
    ) -> None:
        """Single orders, changes and ripenings are found by an index."""
        statement = load_sql("service.read", name)

        assert "Seq Scan on orders" not in await plan(filled, statement, *arguments)

    async def test_load(self, filled: Pool) -> None:
        """The projection finds the orders of a batch by an index."""
        statement = load_sql("service.project", "load_trackings")

        found = await plan(filled, statement, [LAST] * 100, [0] * 100)

        assert "orders_pkey" in found

    async def test_suspects(self, filled: Pool) -> None:
        """Whoever looks for stuck orders passes over those that are settled."""
        statuses = load_sql("service.project", "list_statuses")
        suspects = load_sql("service.project", "find_suspects")
        arguments = ["handling"], [timedelta(days=1)], timedelta(days=1), ["invoiced"]

        assert "Seq Scan on orders" not in await plan(filled, statuses)
        assert "Seq Scan" not in await plan(filled, suspects, *arguments, NOW)


class TestRereads:
    async def test_claim(self, pool: Pool) -> None:
        """Orders that are due are found by an index, however many are not."""
        async with connection(pool) as lent:
            await lent.execute(REREADS)
            await lent.execute("ANALYZE ingest.rereads")
        statement = load_sql("service.ingest", "claim_rereads")

        found = await plan(pool, statement, ["acme"], 8, NOW, NOW)

        assert "Seq Scan on rereads" not in found
