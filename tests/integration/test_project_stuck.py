"""Finding orders that do not go on, and listing them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from builders import NOON, details_fetched, document, item, status_reported
from conftest import ManualClock
from metrics_kit import value_of
from projected import Projected
from reading import Reading, reading
from service.db import Pool
from service.project.stuck import StuckDetector

pytestmark = pytest.mark.postgres


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    async with reading(pool, clock) as running:
        yield running


@pytest.fixture
def detector(pool: Pool, clock: ManualClock) -> StuckDetector:
    clock.at = NOON
    return StuckDetector(pool, clock)


async def purchase(
    world: Projected, number: int, marketplace: str | None, seller: str
) -> None:
    """Project a purchase of two orders that stand as told since noon."""
    for order_id, origin, status in (
        (f"{number}-01", "Marketplace", marketplace),
        (f"00-{number}-01", "Fulfillment", seller),
    ):
        purchase = {"order_group": f"g{number}", "marketplace_order_id": f"{number}-01"}
        told = document(status, items=(item(seller="shop"),)).model_copy(
            update={"origin": origin} | purchase
        )
        await world.tell(details_fetched(told), order_id=order_id)


async def listed(api: Reading, query: str = "") -> list[tuple[str, str]]:
    items = await api.items(f"/v1/stuck{query}")
    return sorted((each["order_id"], each["reason"]) for each in items)


class TestLook:
    async def test_overdue_order(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """An order that has a status for too long is listed, with what to do."""
        await api.world.tell(status_reported("start-handling"), order_id="1-01")
        await api.world.tell(status_reported("handling"), order_id="2-01")
        await api.world.tell(status_reported("invoiced"), order_id="3-01")
        clock.advance(minutes=31)
        await detector.look()

        (found,) = await api.items("/v1/stuck")
        assert "ask VTEX's support" in found.pop("advice")
        assert found == {
            "account": "acme",
            "order_id": "1-01",
            "status": "start-handling",
            "since": "2026-03-02T12:00:00Z",
            "expected_seconds": 1800,
            "reason": "overdue",
            "other_order_id": None,
            "other_status": None,
        }

    async def test_odd_status(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """No status, and one never heard of, are not for ever either."""
        await api.world.tell(status_reported(None), order_id="1-01")
        await api.world.tell(status_reported("tomorrow's"), order_id="2-01")
        clock.advance(days=2)

        await detector.look()

        assert await listed(api) == [("1-01", "overdue"), ("2-01", "overdue")]

    async def test_workflow_in_error(
        self, api: Reading, detector: StuckDetector
    ) -> None:
        """An order whose workflow VTEX stopped is listed, even when it is invoiced."""
        for status in ("handling", "invoiced"):
            broken = document(status, workflow_is_in_error=True)
            await api.world.tell(details_fetched(broken), order_id=status)

        await detector.look()

        assert await listed(api) == [
            ("handling", "workflow-in-error"),
            ("invoiced", "workflow-in-error"),
        ]

    async def test_orders_that_contradict_each_other(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """Of a purchase whose two orders do not fit, the one left behind is listed."""
        for number, (marketplace, seller) in enumerate(
            [
                ("payment-approved", "invoiced"),
                ("request-cancel", "invoiced"),
                ("canceled", "cancel"),
                ("payment-approved", "canceled"),
                (None, "handling"),
                ("payment-approved", "handling"),
                ("invoiced", "invoiced"),
            ]
        ):
            await purchase(api.world, number, marketplace, seller)
        clock.advance(hours=2)

        await detector.look()

        assert await listed(api) == [
            ("0-01", "marketplace-behind"),
            ("00-2-01", "part-open"),
            ("1-01", "marketplace-behind"),
            ("3-01", "part-open"),
            ("4-01", "marketplace-incomplete"),
        ]
        for each in await api.items("/v1/stuck"):
            own, other = each["order_id"], each["other_order_id"]
            assert own.removeprefix("00-") == other.removeprefix("00-")
            assert own != other

    async def test_order_that_goes_on(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """An order that went on after all is gone from the list, and from the count."""
        await api.world.tell(status_reported("start-handling"), order_id="1-01")
        clock.advance(hours=1)
        await detector.look()
        assert value_of("orders.stuck", account="acme", reason="overdue") == 1

        moved = status_reported("handling", last_change=clock.at)
        await api.world.tell(moved, order_id="1-01")
        await detector.look()

        assert await listed(api) == []
        assert value_of("orders.stuck", account="acme", reason="overdue") == 0

    async def test_is_told_once(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """However often somebody looks, the log has one line for a stuck order."""
        await api.world.tell(status_reported("start-handling"), order_id="1-01")
        clock.advance(hours=1)

        with capture_logs() as lines:
            for _ in range(3):
                await detector.look()

        assert [line["event"] for line in lines] == ["order stuck"]
        assert lines[0]["order_id"] == "1-01"


class TestList:
    async def test_pages_and_filters(
        self, api: Reading, detector: StuckDetector, clock: ManualClock
    ) -> None:
        """Every stuck order is on one page; filters leave the others out."""
        for number in range(5):
            await api.world.tell(status_reported("cancel"), order_id=f"{number}-01")
        clock.advance(hours=1)
        await detector.look()

        seen: list[str] = []
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            cursor = f"&cursor={page['next']}" if page["next"] else ""
            page = await (await api.get(f"/v1/stuck?limit=2{cursor}")).json()
            seen += [each["order_id"] for each in page["items"]]
        assert sorted(seen) == [f"{number}-01" for number in range(5)]
        assert len(await listed(api, "?account=acme&reason=overdue")) == 5
        assert await listed(api, "?account=globex") == []
        assert await listed(api, "?reason=part-open") == []

    async def test_unknown_words(self, api: Reading) -> None:
        """What the list does not know is refused."""
        for query in ("reason=bored", "cursor=x", "limit=0", "x=1"):
            assert (await api.get(f"/v1/stuck?{query}")).status == 422
