"""A log of orders that go their whole way, interleaved as real traffic is."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import asyncpg

from service.domain.document import (
    CourierStatus,
    Item,
    Logistics,
    OrderDocument,
    Package,
    PackageItem,
    PartialCheckpoint,
    Total,
    document_hash,
)
from service.domain.facts import (
    CallKind,
    CallSucceeded,
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    InvoiceItem,
    OrderDetailsFetched,
    OrderFact,
    OrderStatusReported,
    TrackingNumberAssigned,
)
from service.eventlog.codec import encode
from service.eventlog.partitions import partition_of
from service.eventlog.records import StreamKey

PARTITIONS: Final = 16

_ROWS: Final = 20_000
_METADATA: Final = (
    '{"correlation_id":"0197a1b2-c3d4-7e5f-8a6b-9c0d1e2f3a4b","source":"feed",'
    '"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}'
)
_WAY: Final = (
    "Objeto postado",
    "Objeto em transito - por favor aguarde",
    "Objeto saiu para entrega ao destinatario",
    "Objeto entregue ao destinatario",
)
_STREAMS: Final = """
INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
SELECT e.stream_id, 'acme', given.order_id, e.partition, e.version
FROM unnest($1::text[]) WITH ORDINALITY AS given (order_id, nth)
JOIN (
    SELECT stream_id, min(partition) AS partition, count(*) AS version,
           row_number() OVER (ORDER BY stream_id) AS nth
    FROM eventlog.events GROUP BY stream_id
) AS e USING (nth)
"""
_HEADS: Final = """
UPDATE eventlog.partitions AS p SET head = given.head
FROM unnest($1::smallint[], $2::bigint[]) AS given (partition, head)
WHERE p.partition = given.partition
"""


@dataclass(slots=True)
class _Order:
    """An order on its way; *at* is when its next fact comes."""

    number: int
    at: datetime
    packages: tuple[Package, ...] = ()

    def facts(self) -> Iterator[OrderFact]:
        yield from self._placed()
        yield from self._handled()
        yield from self._invoiced()
        yield from self._carried()

    def _placed(self) -> Iterator[OrderFact]:
        for status in ("order-created", "payment-pending", "payment-approved"):
            yield self._status(status)
            yield self._details(status)

    def _handled(self) -> Iterator[OrderFact]:
        yield self._status("window-to-cancel")
        yield self._status("ready-for-handling")
        yield self._details("ready-for-handling")
        yield HandlingRequested(requested_by="start-handling policy")
        yield self._call("start-handling", version=10)
        yield self._status("handling")
        yield self._details("handling")

    def _invoiced(self) -> Iterator[OrderFact]:
        lines = tuple(
            InvoiceItem(id=str(item.id), price=item.price or 0, quantity=item.quantity)
            for item in self._items()
        )
        yield InvoiceIssued(
            invoice_type="Output",
            invoice_number=f"{self.number}-1",
            invoice_value=25_990,
            issuance_date=self.at,
            items=lines,
            invoice_key=f"{self.number:044}",
            courier="Correios",
        )
        yield self._call("invoice", version=14)
        yield self._status("invoiced")
        self._pack(0)
        yield self._details("invoiced")

    def _carried(self) -> Iterator[OrderFact]:
        yield TrackingNumberAssigned(
            invoice_number=f"{self.number}-1",
            tracking_number=f"BR{self.number:09}",
            tracking_url=f"https://track.example/BR{self.number:09}",
            courier="Correios",
        )
        yield self._call("tracking-number", version=18)
        for seen in (1, 2, 4):
            yield self._courier_update(seen)
            yield self._call("tracking", version=20)
            if seen != 2:
                self._pack(seen)
                yield self._details("invoiced")

    def _status(self, state: str) -> OrderFact:
        return OrderStatusReported(
            state=state,
            last_state="order-created",
            domain="Fulfillment",
            last_change=self.at,
            source="feed",
        )

    def _call(self, kind: CallKind, *, version: int) -> OrderFact:
        return CallSucceeded(
            call_id=str(UUID(int=self.number)),
            kind=kind,
            cause_version=version,
            attempts=1,
            receipt="527b1ae251264ef1b7a9b597cd8f16b9",
            http_status=200,
        )

    def _courier_update(self, seen: int) -> OrderFact:
        delivered = seen == len(_WAY)
        return CourierUpdateReceived(
            invoice_number=f"{self.number}-1",
            is_delivered=delivered,
            delivered_at=self.at if delivered else None,
            checkpoints=tuple(
                Checkpoint(**dict(checkpoint)) for checkpoint in self._seen(seen)
            ),
        )

    def _seen(self, seen: int) -> tuple[PartialCheckpoint, ...]:
        return tuple(
            PartialCheckpoint(
                city="Recife",
                state="PE",
                description=words,
                at=self.at - timedelta(hours=seen - place),
            )
            for place, words in enumerate(_WAY[:seen])
        )

    def _pack(self, seen: int) -> None:
        status = CourierStatus(
            status="ok", finished=seen == len(_WAY), data=self._seen(seen)
        )
        self.packages = (
            Package(
                invoice_number=f"{self.number}-1",
                type="Output",
                items=tuple(
                    PackageItem(item_index=place, quantity=item.quantity)
                    for place, item in enumerate(self._items())
                ),
                invoice_value=25_990,
                issuance_date=self.at,
                tracking_number=f"BR{self.number:09}" if seen else None,
                tracking_url=f"https://track.example/BR{self.number:09}"
                if seen
                else None,
                courier="Correios",
                courier_status=status if seen else None,
            ),
        )

    def _items(self) -> tuple[Item, ...]:
        return tuple(
            Item(
                unique_id=f"{self.number:026X}{place:06X}",
                id=str(1000 + (self.number * 7 + place) % 5000),
                product_id=str(500 + (self.number * 7 + place) % 2000),
                name=f"Cotton T-shirt with a printed front, size M, colour {place}",
                quantity=1 + place % 2,
                price=9990,
                selling_price=8990,
                seller="1",
            )
            for place in range(1 + self.number % 4)
        )

    def _details(self, status: str) -> OrderFact:
        items = self._items()
        document = OrderDocument(
            order_id=f"{self.number}-01",
            sequence=str(self.number),
            order_group=str(self.number),
            marketplace_order_id=f"{self.number}-01",
            origin="Marketplace",
            sales_channel="1",
            status=status,
            creation_date=self.at - timedelta(days=1),
            last_change=self.at,
            authorized_date=None if status == "order-created" else self.at,
            invoiced_date=self.at if self.packages else None,
            is_completed=True,
            allow_cancellation=not self.packages,
            value=25_990,
            currency="BRL",
            totals=tuple(
                Total(id=name, value=cents)
                for name, cents in (
                    ("Items", 24_000),
                    ("Discounts", -1000),
                    ("Shipping", 2990),
                    ("Tax", 0),
                )
            ),
            items=items,
            logistics=tuple(
                Logistics(
                    item_index=place,
                    selected_sla="Normal",
                    delivery_channel="delivery",
                    shipping_estimate="4bd",
                    shipping_estimate_date=datetime(2026, 4, 1, tzinfo=UTC),
                    delivery_company="Transportadora",
                )
                for place in range(len(items))
            ),
            packages=self.packages,
        )
        return OrderDetailsFetched(document=document, hash=document_hash(document))


_Moment = tuple[datetime, int, UUID, int, OrderFact]


def _life(stream: StreamKey, number: int, random: Random) -> Iterator[_Moment]:
    """Tell each fact of an order with its time and its place in the log."""
    # A new order every few seconds, its facts over a week: many are open at a time.
    at = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=5 * number)
    order = _Order(number=number, at=at)
    partition, stream_id = partition_of(stream, PARTITIONS), _stream_id(at)
    for version, fact in enumerate(order.facts(), 1):
        yield order.at, partition, stream_id, version, fact
        order.at += timedelta(seconds=random.randint(60, 36_000))


def _stream_id(at: datetime) -> UUID:
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62 | secrets.randbits(61))


async def fill_log(dsn: str, *, orders: int) -> int:
    """Write the whole way of *orders* orders into an empty log; return its events."""
    random = Random(orders)
    streams = [StreamKey("acme", f"{number:013}-01") for number in range(orders)]
    told = [
        moment
        for number, stream in enumerate(streams)
        for moment in _life(stream, number, random)
    ]
    told.sort(key=lambda moment: moment[0])
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "SELECT eventlog.make_months($1::timestamptz)", told[0][0]
        )
        heads = await _copy_events(connection, told)
        await connection.execute(_HEADS, list(heads), list(heads.values()))
        await connection.execute(_STREAMS, [f"{s.order_id}" for s in streams])
        await connection.execute("ANALYZE eventlog.events, eventlog.streams")
    finally:
        await connection.close()
    return len(told)


async def _copy_events(
    connection: "asyncpg.Connection[asyncpg.Record]", told: Sequence[_Moment]
) -> dict[int, int]:
    heads = dict.fromkeys(range(PARTITIONS), 0)
    for start in range(0, len(told), _ROWS):
        rows = []
        for at, partition, stream_id, version, fact in told[start : start + _ROWS]:
            heads[partition] += 1
            rows.append(
                (
                    stream_id, version, partition, heads[partition], fact.type,
                    fact.schema_version, f"{version}", encode(fact), _METADATA, at, at,
                )
            )  # fmt: skip
        await connection.copy_records_to_table(
            "events", schema_name="eventlog", records=rows
        )
    return heads
