"""Orders of a month long past, and what the log and the read model hold of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

from builders import (
    courier_status,
    details_fetched,
    document,
    invoice_issued,
    minutes,
    package,
    status_reported,
)
from events import stream
from service.cli.archiving import refill
from service.db import Pool, connection, transaction
from service.domain.facts import OrderFact
from service.eventlog.archive import (
    Exported,
    Month,
    detach_month,
    export_month,
    months_before,
)
from service.eventlog.archive_file import Manifest
from service.eventlog.records import Append, Batch, Metadata, NewEvent
from service.eventlog.restore import restore_month
from service.eventlog.store import PostgresEventLog
from service.project.orders import CONSUMER, OrdersProjector

MARCH = date(2024, 3, 1)
APRIL = date(2024, 4, 1)
LATER = datetime.now(UTC) + timedelta(days=60)  # noqa: TID251 - events carry today's date
"""When orders of today are quiet, and those that are not finished are open."""

CANCELLED: Sequence[OrderFact] = (
    status_reported("payment-pending", last_change=minutes(0)),
    status_reported("canceled", last_change=minutes(9)),
)
DELIVERED: Sequence[OrderFact] = (
    status_reported("handling", last_change=minutes(0)),
    invoice_issued(),
    details_fetched(
        document(
            "invoiced",
            packages=(
                package(
                    status=courier_status(
                        "Objeto entregue", finished=True, delivered=minutes(8)
                    )
                ),
            ),
            last_change=minutes(9),
        )
    ),
)
OPEN: Sequence[OrderFact] = (status_reported("handling", last_change=minutes(0)),)

_keys = count(1)


def ignored(_done: int, _total: int) -> None:
    """Follow no progress."""


class Shop:
    """A log whose orders are first seen when the test says, and its projection."""

    def __init__(self, pool: Pool, log: PostgresEventLog) -> None:
        self.pool = pool
        self.log = log
        self._projector = OrdersProjector(pool)
        self._month: date | None = None

    async def go_to(self, month: date) -> None:
        """Let all further orders be first seen in the middle of *month*."""
        if month == self._month:
            return
        self._month = month
        moment = datetime(month.year, month.month, 15, tzinfo=UTC)
        async with transaction(self.pool) as lent:
            await lent.execute("SELECT eventlog.make_months($1)", moment)
            await lent.execute(_FIRST_SEEN)
            await lent.execute("INSERT INTO first_seen VALUES ($1)", moment)

    async def hear(self, order_id: str, *facts: OrderFact) -> None:
        events = [
            NewEvent(
                fact=fact,
                key=f"key-{next(_keys)}",
                occurred_at=minutes(0),
                metadata=Metadata(correlation_id="chain-1", source="test"),
            )
            for fact in facts
        ]
        await self.log.append(Append(stream=stream(order_id), events=events))

    async def project(self) -> None:
        """Follow the log to its end."""
        partitions = list(await self.log.heads())
        positions = dict(await self._projector.resume(partitions))
        while events := await self.log.read_partitions(positions, each=50):
            reached = {event.partition: event.position for event in events}
            await self._projector.handle(
                Batch(consumer=CONSUMER, events=events, positions=reached)
            )
            positions |= reached

    async def month(self) -> Month:
        (month,) = await months_before(self.pool, APRIL)
        return month

    async def export(self, folder: Path, *, now: datetime = LATER) -> Exported:
        return await export_month(
            self.pool, await self.month(), folder=folder, now=now, progress=ignored
        )

    async def archive(self, folder: Path, *, now: datetime = LATER) -> Exported:
        exported = await self.export(folder, now=now)
        await detach_month(self.pool, exported)
        return exported

    async def restore(self, path: Path) -> Manifest | None:
        return await restore_month(self.pool, path, refill=refill, progress=ignored)

    async def rows(self) -> Mapping[str, object]:
        """Return every row of the log and of the orders, and what it says is away."""
        async with connection(self.pool) as lent:
            return {
                table: [row["line"] for row in await lent.fetch(statement)]
                for table, statement in _ROWS.items()
            }

    async def order_ids(self, table: str) -> set[str]:
        async with connection(self.pool) as lent:
            rows = await lent.fetch(f"SELECT order_id FROM {table}")  # noqa: S608 - ours
        return {row["order_id"] for row in rows}

    async def value(self, statement: str) -> object:
        async with connection(self.pool) as lent:
            return await lent.fetchval(statement)


_FIRST_SEEN = """
DROP TABLE IF EXISTS first_seen;
CREATE TABLE first_seen (moment timestamptz);
CREATE OR REPLACE FUNCTION eventlog.new_stream_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(
        overlay(uuid_send(gen_random_uuid())
                PLACING substring(uuid_send(eventlog.first_uuid_of(moment)) FOR 6) FROM 1 FOR 6),
        'hex'
    )::uuid FROM public.first_seen
$$
"""

_ROWS = {
    "streams": "SELECT s::text AS line FROM eventlog.streams AS s ORDER BY 1",
    "events": "SELECT e::text AS line FROM eventlog.events AS e ORDER BY 1",
    "heads": "SELECT p::text AS line FROM eventlog.partitions AS p ORDER BY 1",
    "archived": "SELECT a::text AS line FROM eventlog.archived AS a ORDER BY 1",
    "orders": "SELECT to_jsonb(o) - 'change' AS line FROM read.orders AS o ORDER BY stream_id",
}


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
