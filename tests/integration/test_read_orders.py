"""The list of orders and one order, as clients ask for them."""

from collections.abc import AsyncIterator
from datetime import datetime
from urllib.parse import quote

import pytest
import pytest_asyncio

from builders import (
    NOON,
    cancellation_requested,
    courier_status,
    details_fetched,
    document,
    handling_requested,
    logistics,
    minutes,
    package,
    status_reported,
)
from conftest import ManualClock
from projected import Projected
from reading import Reading, reading
from service.db import Pool
from service.domain.facts import OrderDetailsFetched

pytestmark = pytest.mark.postgres

ORDER = "/v1/orders/acme/1001-01"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    async with reading(pool, clock) as served:
        yield served


def pickup(*, estimate: datetime) -> OrderDetailsFetched:
    return details_fetched(
        document(
            "invoiced",
            logistics=(logistics(channel="pickup-in-point", estimate=estimate),),
        )
    )


async def many(world: Projected, count: int) -> set[str]:
    ids = {f"{number:04}-01" for number in range(count)}
    for order_id in sorted(ids):
        await world.tell(status_reported("handling"), order_id=order_id)
    return ids


FITTING = {
    "account=globex": {"g-1"},
    "status=handling": {"h-1", "g-1"},
    "status=never-seen": set(),
    "stage=3": {"h-1", "g-1"},
    "stage=5": {"i-1"},
    "courier_state=in_transit": {"i-1"},
    "overlay=canceled": {"c-1"},
    "order_id=h-": {"h-1"},
    "order_id=%25": set(),
    "updated_since=2026-03-02T12:05:00Z": {"i-1"},
    "updated_since=2026-03-02T13:06:00%2B01:00": set(),
    "account=acme&status=handling": {"h-1"},
    "account=globex&overlay=canceled": set(),
}


async def some_orders(world: Projected) -> None:
    await world.tell(status_reported("handling"), order_id="h-1")
    await world.tell(status_reported("handling"), order_id="g-1", account="globex")
    await world.tell(status_reported("canceled"), order_id="c-1")
    moving = package(status=courier_status("Objeto em trânsito"))
    await world.tell(
        details_fetched(document("invoiced", packages=(moving,))),
        order_id="i-1",
        at=minutes(5),
    )


class TestList:
    async def test_item(self, api: Reading) -> None:
        """An item says where the order stands, with its triggers in English too."""
        await api.world.tell(status_reported("payment-pending"), at=minutes(1))

        (item,) = await api.items("/v1/orders")
        assert item == {
            "account": "acme",
            "order_id": "1001-01",
            "order_group": None,
            "status": "payment-pending",
            "stage": 2,
            "triggers": [
                "order.progress.orderConfirmed",
                "order.progress.approvingPayment",
                "order.progress.handleShipping",
                "order.progress.deliverToCarrier",
                "order.progress.ship",
            ],
            "trigger_names": [
                "Order placed",
                "Approving payment",
                "Handle order",
                "Deliver to carrier",
                "Ship order",
            ],
            "overlay": None,
            "courier_state": "pending",
            "channel": None,
            "version": 1,
            "created_at": "2026-03-02T12:01:00Z",
            "updated_at": "2026-03-02T12:01:00Z",
        }

    async def test_empty(self, api: Reading) -> None:
        """Without orders the page is empty and the last one."""
        response = await api.get("/v1/orders")

        assert await response.json() == {"items": [], "next": None}
        assert response.headers["Cache-Control"] == "private, no-cache"

    @pytest.mark.parametrize("status", [None, "never-seen-before"])
    async def test_open_vocabulary(self, api: Reading, status: str | None) -> None:
        """A status that is unknown or missing is shown as it is."""
        await api.world.tell(status_reported(status))

        (item,) = await api.items("/v1/orders")
        assert item["status"] == status

    async def test_no_stage(self, api: Reading) -> None:
        """An order without a stage has no triggers."""
        await api.world.tell(handling_requested())

        (item,) = await api.items("/v1/orders")
        assert (item["stage"], item["triggers"]) == (None, None)
        assert item["trigger_names"] is None


class TestFilters:
    async def test_each(self, api: Reading) -> None:
        """Each filter keeps the orders that fit, and all filters have to fit."""
        await some_orders(api.world)

        for query, found in FITTING.items():
            items = await api.items(f"/v1/orders?{query}")
            assert {item["order_id"] for item in items} == found, query

    async def test_invalid(self, api: Reading) -> None:
        """What cannot be understood is refused, and the problem names each field."""
        response = await api.get("/v1/orders?stage=6&limit=many&colour=red")

        faults = (await response.json())["errors"]
        assert response.status == 422
        assert response.content_type == "application/problem+json"
        assert {fault["pointer"] for fault in faults} == {
            "/query/stage",
            "/query/limit",
            "/query/colour",
        }


class TestPaging:
    async def test_whole(self, api: Reading) -> None:
        """Following `next` shows every order once."""
        ids = await many(api.world, 7)

        seen = await pages(api, "limit=3")

        assert len(seen) == 7
        assert set(seen) == ids

    async def test_full_last_page(self, api: Reading) -> None:
        """A last page that happens to be full says that it is the last."""
        await many(api.world, 4)

        response = await api.get("/v1/orders?limit=4")

        assert (await response.json())["next"] is None

    async def test_changes_meanwhile(self, api: Reading) -> None:
        """Orders that change while somebody pages are neither missed nor repeated."""
        ids = await many(api.world, 9)
        seen: list[object] = []
        cursor = ""
        for round_ in range(3):
            page = await (await api.get(f"/v1/orders?limit=3{cursor}")).json()
            seen += [item["order_id"] for item in page["items"]]
            cursor = f"&cursor={quote(page['next'] or '')}"
            for order_id in sorted(ids):
                await api.world.tell(
                    status_reported("invoiced", last_change=minutes(round_ + 1)),
                    order_id=order_id,
                    at=minutes(round_ + 1),
                )

        assert sorted(map(str, seen)) == sorted(ids)

    async def test_other_filters(self, api: Reading) -> None:
        """A cursor is refused with other filters than its own."""
        await many(api.world, 3)
        page = await (await api.get("/v1/orders?limit=1&stage=3")).json()

        response = await api.get(f"/v1/orders?stage=4&cursor={quote(page['next'])}")

        assert response.status == 422
        (fault,) = (await response.json())["errors"]
        assert fault["pointer"] == "/query/cursor"
        assert "other filters" in fault["detail"]

    async def test_other_limit(self, api: Reading) -> None:
        """The size of the page may change on the way."""
        ids = await many(api.world, 5)
        first = await (await api.get("/v1/orders?limit=2")).json()

        rest = await api.items(f"/v1/orders?limit=200&cursor={quote(first['next'])}")

        shown = {item["order_id"] for item in [*first["items"], *rest]}
        assert shown == ids


class TestRipening:
    async def test_before(self, api: Reading) -> None:
        """Until the estimate a pickup order is on its way to the pickup point."""
        await api.world.tell(pickup(estimate=minutes(30)))

        (item,) = await api.items("/v1/orders?stage=4")
        assert item["stage"] == 4

    async def test_after(self, api: Reading, clock: ManualClock) -> None:
        """From the estimate on it is ready for pickup, with nothing having happened."""
        await api.world.tell(pickup(estimate=minutes(30)))
        clock.at = minutes(30)

        (item,) = await api.items("/v1/orders?stage=5")
        assert item["stage"] == 5
        assert item["trigger_names"] == [
            "Order placed",
            "Payment approved",
            "Package handled",
            "Shipped to pickup point",
            "Ready for pickup",
        ]
        assert item["updated_at"] == "2026-03-02T12:30:00Z"
        assert await api.items("/v1/orders?stage=4") == []

    async def test_updated_since(self, api: Reading, clock: ManualClock) -> None:
        """Getting ready counts as a change."""
        await api.world.tell(pickup(estimate=minutes(30)))
        path = "/v1/orders?updated_since=2026-03-02T12:10:00Z"
        before = await api.items(path)

        clock.at = minutes(31)

        assert before == []
        assert len(await api.items(path)) == 1

    async def test_details(self, api: Reading, clock: ManualClock) -> None:
        """The detail view shows the same, with the time at which it got ready."""
        await api.world.tell(pickup(estimate=minutes(30)))
        waiting = await api.get(ORDER)

        clock.at = minutes(31)
        ready = await api.get(ORDER, If_None_Match=waiting.headers["ETag"])

        assert (await waiting.json())["reached_at"][4] is None
        assert ready.status == 200
        assert (await ready.json())["stage"] == 5
        assert (await ready.json())["reached_at"][4] == "2026-03-02T12:30:00Z"

    async def test_as_projected(self, api: Reading, clock: ManualClock) -> None:
        """What time does is what the next fact finds done."""
        await api.world.tell(pickup(estimate=minutes(30)))
        clock.at = minutes(40)
        by_time = await (await api.get(ORDER)).json()

        await api.world.tell(cancellation_requested(), at=minutes(40))

        by_fact = await (await api.get(ORDER)).json()
        ignored = {"version", "updated_at"}
        assert {k: v for k, v in by_time.items() if k not in ignored} == {
            k: v for k, v in by_fact.items() if k not in ignored
        }


class TestOrder:
    async def test_details(self, api: Reading) -> None:
        """One order shows its parcels, totals and times beside the list's fields."""
        sent = package(status=courier_status("Objeto postado"), tracking_number="BR1")
        await api.world.tell(details_fetched(document("invoiced", packages=(sent,))))

        response = await api.get(ORDER)

        order = await response.json()
        assert response.status == 200
        assert order["trigger_names"][4] == "Shipping order"
        assert order["value"] == 1000
        assert order["currency"] == "BRL"
        assert order["totals"] == [
            {"id": "Items", "value": 900},
            {"id": "Shipping", "value": 100},
        ]
        (parcel,) = order["parcels"]
        assert parcel["tracking_number"] == "BR1"
        assert parcel["items"][0]["name"] == "Mug 100"
        assert parcel["progress"]["text"] == "Objeto postado"

    async def test_etag(self, api: Reading) -> None:
        """The ETag is strong and changes with the version."""
        await api.world.tell(status_reported("handling"))
        first = await api.get(ORDER)

        await api.world.tell(cancellation_requested())

        second = await api.get(ORDER)
        assert first.headers["ETag"] == '"1-3"'
        assert second.headers["ETag"] == '"2-3"'
        assert second.headers["Cache-Control"] == "private, no-cache"

    async def test_not_modified(self, api: Reading) -> None:
        """Who holds the current state is told so, without a body."""
        await api.world.tell(status_reported("handling"))

        for held in ('"1-3"', 'W/"1-3"', "*", '"0-1", "1-3"', '"1-3", "0-1"'):
            response = await api.get(ORDER, If_None_Match=held)

            assert response.status == 304, held
            assert response.headers["ETag"] == '"1-3"'
            assert await response.read() == b""

    async def test_modified(self, api: Reading) -> None:
        """Who holds another state gets the current one."""
        await api.world.tell(status_reported("handling"))

        for held in ('"1-2"', '"2-3"', '""', "nonsense"):
            response = await api.get(ORDER, If_None_Match=held)

            assert response.status == 200, held
            assert (await response.json())["stage"] == 3

    async def test_etag_without_stage(self, api: Reading) -> None:
        """An order without a stage has an ETag that works too."""
        await api.world.tell(handling_requested())
        first = await api.get(ORDER)

        again = await api.get(ORDER, If_None_Match=first.headers["ETag"])

        assert again.status == 304

    async def test_unknown(self, api: Reading) -> None:
        """An order that nobody has heard of is a problem that says so."""
        await api.world.tell(status_reported("handling"))

        for path in ("/acme/9999-01", "/globex/1001-01", "/acme/%00", "/%ff/1"):
            for part in ("", "/timeline", "/events", "/calls"):
                response = await api.get(f"/v1/orders{path}{part}")

                assert response.status == 404, (path, part)
                assert response.content_type == "application/problem+json"
                assert (await response.json())["code"] == "order-not-found"

    async def test_odd_id(self, api: Reading) -> None:
        """An order id may hold what a URL has to escape."""
        await api.world.tell(status_reported("handling"), order_id="a/b ü%")

        response = await api.get(f"/v1/orders/acme/{quote('a/b ü%', safe='')}")

        assert (await response.json())["order_id"] == "a/b ü%"


async def pages(api: Reading, query: str) -> list[object]:
    """Return the ids of all orders, page by page."""
    seen, cursor = [], ""
    while True:
        page = await (await api.get(f"/v1/orders?{query}{cursor}")).json()
        seen += [item["order_id"] for item in page["items"]]
        if page["next"] is None:
            return seen
        cursor = f"&cursor={quote(page['next'])}"
