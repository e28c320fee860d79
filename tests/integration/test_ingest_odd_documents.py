"""Odd documents of VTEX's, from Get order through the log to the read API."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import orjson
import pytest
import pytest_asyncio

from builders import NOON, status_reported
from conftest import ManualClock
from ingest_kit import MemoryQuarantine
from private_kit import customer_store
from reading import Reading, reading
from service.db import Pool
from service.domain.facts import OrderDetailsFetched
from service.errors import UnavailableError
from service.eventlog.codec import decode
from service.eventlog.records import Batch, RecordedEvent
from service.ingest.details import DetailsFetcher
from service.ingest.reading import OrderReader
from service.orders_api.client import OrdersApi
from vtex import Reply, ScriptedVtex, account_at, orders_api

pytest_plugins = ("vtex_fixtures",)
pytestmark = pytest.mark.postgres

TOLD: Final = "payment-pending"
"""The status that was told of each order before it is read."""

PACKAGE: Final = {
    "type": "Output",
    "invoiceNumber": "1",
    "invoiceValue": 1000,
    "items": [{"itemIndex": 0, "quantity": 1}],
    "courierStatus": {"finished": False, "data": []},
}
GOOD: Final[dict[str, Any]] = {
    "orderId": "1-01",
    "status": "handling",
    "creationDate": "2026-03-02T10:00:00.0000000+00:00",
    "lastChange": "2026-03-02T12:00:00.0000000+00:00",
    "value": 1000,
    "clientProfileData": {"firstName": "Ana", "email": "ana@example.com"},
    "items": [{"id": "100", "name": "Mug", "quantity": 1, "price": 1000}],
    "shippingData": {"logisticsInfo": [{"itemIndex": 0, "selectedSla": "Normal"}]},
    "packageAttachment": {"packages": [PACKAGE]},
}


def order(**changes: Any) -> Reply:
    return Reply(200, GOOD | changes)


def text(body: str, kind: str = "application/json") -> Reply:
    return Reply(200, body=body.encode(), headers={"Content-Type": kind})


READ: Final[Mapping[str, tuple[Reply, Mapping[str, object]]]] = {
    "status never heard of": (
        order(status="a-status-of-tomorrow"),
        {"status": "a-status-of-tomorrow", "overlay": None, "stage": 2},
    ),
    "no status": (order(status=None), {"status": None, "overlay": "incomplete"}),
    "status of blanks": (order(status="  "), {"status": None}),
    "no items": (order(items=[], packageAttachment=None), {"parcels": []}),
    "items that are none": (order(items=[None, 7, "x", []]), {"status": "handling"}),
    "masked persons": (
        order(
            clientProfileData={"firstName": "A**", "email": "***", "phone": None},
            shippingData={"address": {"street": "***", "geoCoordinates": ["*"]}},
        ),
        {"status": "handling"},
    ),
    "two packages of one invoice number": (
        order(packageAttachment={"packages": [PACKAGE, PACKAGE | {"invoiceValue": 5}]}),
        {"parcels": ["1", "1"]},
    ),
    "packages that are none": (
        order(packageAttachment={"packages": [None, [], "1"]}),
        {"parcels": [None]},
    ),
    "courier status of odds": (
        order(
            packageAttachment={
                "packages": [
                    PACKAGE
                    | {
                        "courierStatus": {
                            "finished": "yes",
                            "deliveredDate": "",
                            "data": [None, {"description": None, "lastChange": "soon"}],
                        }
                    }
                ]
            }
        ),
        {"courier_state": "unknown", "parcels": ["1"]},
    ),
    "date in the American way": (
        order(creationDate="03/02/2026 10:00:00"),
        {"created_at": "2026-03-02T10:00:00Z"},
    ),
    "date with a zone": (
        order(creationDate="2026-03-02T07:00:00.1234567-03:00"),
        {"created_at": "2026-03-02T10:00:00.123456Z"},
    ),
    "date without a zone": (
        order(creationDate="2026-03-02 10:00"),
        {"created_at": "2026-03-02T10:00:00Z"},
    ),
    "dates that are none": (
        order(lastChange="yesterday", creationDate=20260302),
        # What has no date never overrules what has one.
        {"status": TOLD, "stage": 3},
    ),
    "no service level": (
        order(
            shippingData={
                "logisticsInfo": [
                    {"itemIndex": None, "selectedSla": None, "slas": None},
                    {"itemIndex": 99, "slas": [None, {"id": None}]},
                ]
            }
        ),
        {"status": "handling", "channel": "delivery"},
    ),
    "negative quantities": (
        order(items=[{"id": "100", "quantity": -3, "price": -1}]),
        {"status": "handling"},
    ),
    "text for numbers": (
        order(value="1000", items=[{"id": 100, "quantity": "2", "price": "9.9"}]),
        {"status": "handling"},
    ),
    "numbers beyond all measure": (
        text(orjson.dumps(GOOD).decode().replace(":1000", ":1" + "0" * 400)),
        {"status": "handling", "value": None},
    ),
    "characters that are none": (
        text(orjson.dumps(GOOD).decode().replace("Mug", "\\ud800\\u0000Mug")),
        {"status": "handling"},
    ),
    "ten megabytes": (
        order(customData={"apps": ["x" * 1000] * 10_000}),
        {"status": "handling", "value": 1000},
    ),
    "personal data nested where none is expected": (
        order(status={"name": "Ana"}, origin=["Ana"], items={"Ana": "Ana"}),
        {"status": None},
    ),
}
"""What VTEX answers, and what is to be seen of it."""

SET_ASIDE: Final[Mapping[str, Reply]] = {
    "a page": text("<!doctype html><p>Ana"),
    "half an order": text(orjson.dumps(GOOD).decode()[:100]),
    "no object": Reply(200, [GOOD]),
    "no order id": Reply(200, {"status": "handling"}),
    "nothing": text(""),
    "a brace a thousand times": text('{"a":' * 100_000),
    "more than an order": text(" " * (17 * 1024 * 1024)),
}
"""What VTEX answers that is no order at all."""


@pytest_asyncio.fixture
async def client(vtex: ScriptedVtex) -> AsyncIterator[OrdersApi]:
    async with orders_api(account_at(vtex.url)) as opened:
        yield opened


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    clock.at = NOON
    async with reading(pool, clock) as running:
        yield running


@pytest.fixture
def quarantine() -> MemoryQuarantine:
    return MemoryQuarantine()


@pytest_asyncio.fixture
async def fetcher(
    client: OrdersApi,
    api: Reading,
    pool: Pool,
    quarantine: MemoryQuarantine,
    clock: ManualClock,
) -> AsyncIterator[DetailsFetcher]:
    reader = OrderReader(
        {"acme": client},
        log=api.world.log,
        quarantine=quarantine,
        customers=customer_store(pool, clock, "k1"),
        clock=clock,
    )
    async with DetailsFetcher(reader, pool=pool, clock=clock, patience=10) as fetching:
        yield fetching


async def tell(
    vtex: ScriptedVtex, world: Reading, replies: Mapping[str, Reply]
) -> Batch:
    """Script each reply for an order of its own, and report a status of each."""
    told: list[RecordedEvent] = []
    for number, reply in enumerate(replies.values()):
        vtex.on(f"GET /api/oms/pvt/orders/{number}-01", reply)
        order_id = f"{number}-01"
        told += await world.world.record(status_reported(TOLD), order_id=order_id)
    positions = {event.partition: event.position for event in told}
    return Batch(consumer="details", events=told, positions=positions)


async def shown(api: Reading, number: int) -> dict[str, Any]:
    response = await api.get(f"/v1/orders/acme/{number}-01")
    assert response.status == 200
    details: dict[str, Any] = await response.json()
    parcels = [parcel["invoice_number"] for parcel in details["parcels"]]
    return details | {"parcels": parcels}


class TestOddDocuments:
    async def test_are_read_as_far_as_they_go(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        api: Reading,
        quarantine: MemoryQuarantine,
    ) -> None:
        """What can be read of an order is recorded and shown; nothing is made up."""
        replies = {name: reply for name, (reply, _) in READ.items()}

        await fetcher.handle(await tell(vtex, api, replies))
        await api.world.project(*api.world.log.events)

        found = {}
        for number, (name, (_, expected)) in enumerate(READ.items()):
            details = await shown(api, number)
            found[name] = {field: details[field] for field in expected}
        assert found == {name: expected for name, (_, expected) in READ.items()}
        assert quarantine.kept == []
        assert "Ana" not in repr(api.world.log.events)

    async def test_what_is_no_order_is_set_aside(
        self,
        vtex: ScriptedVtex,
        fetcher: DetailsFetcher,
        api: Reading,
        quarantine: MemoryQuarantine,
    ) -> None:
        """The order stays as it was told, the reason is kept, and none of the content."""
        await fetcher.handle(await tell(vtex, api, SET_ASIDE))
        await api.world.project(*api.world.log.events)

        statuses = [
            (await shown(api, number))["status"] for number in range(len(SET_ASIDE))
        ]
        assert statuses == [TOLD] * len(SET_ASIDE)
        assert sorted(str(kept.order_id) for kept in quarantine.kept) == [
            f"{number}-01" for number in range(len(SET_ASIDE))
        ]
        assert all(kept.raw is None for kept in quarantine.kept)
        assert "Ana" not in repr(quarantine.kept)

    async def test_odd_one_between_good_ones(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, api: Reading
    ) -> None:
        """After an odd document the next good one stands as if it had not been."""
        after = order(status="invoiced", lastChange="2026-03-02T13:00:00Z")
        odd = [*(reply for reply, _ in READ.values()), *SET_ASIDE.values()]
        for replies in ([order()] * len(odd), odd, [after] * len(odd)):
            given = {str(number): reply for number, reply in enumerate(replies)}
            await fetcher.handle(await tell(vtex, api, given))

        facts = [decode(event) for event in api.world.log.events]
        last = {
            event.stream.order_id: fact.document.status
            for event, fact in zip(api.world.log.events, facts, strict=True)
            if isinstance(fact, OrderDetailsFetched)
        }
        assert set(last.values()) == {"invoiced"}
        assert len(last) == len(odd)

    async def test_page_of_a_proxy(
        self, vtex: ScriptedVtex, fetcher: DetailsFetcher, api: Reading
    ) -> None:
        """A page that says it is one tells of no order: all are read again later."""
        page = text("<!doctype html><p>Maintenance", "text/html")

        with pytest.raises(UnavailableError):
            await fetcher.handle(await tell(vtex, api, {"a page": page}))

        assert len(api.world.log.events) == 1
