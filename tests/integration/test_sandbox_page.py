"""The page of the sandbox: its files, what it lists, and what its buttons do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from service.sandbox.clerk import DEEDS


class Visitor(SandboxClient):
    """Looks at the page, for which nobody needs credentials."""

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await self.call(method, path, body, headers={})

    async def see(self, path: str) -> Any:
        status, seen = await self.ask("GET", path)
        assert status == 200, seen
        return seen

    async def place(self, **wish: object) -> str:
        """Place an order and return the path under which it is seen."""
        body = {"fate": "completed", "channel": "delivery", **wish}
        _, order = await self.ask("POST", "/sandbox/orders", body)
        return f"/sandbox/orders/{order['account']}/{order['orderId']}"

    async def do(self, path: str, *deeds: str) -> Any:
        """Do one thing after the other, as if nobody hurried."""
        seen: Any = None
        for deed in deeds:
            status, seen = await self.ask("POST", f"{path}/deeds", {"deed": deed})
            assert status == 200, seen
            await self.sandbox.advance(60)
        return seen

    async def ready(self, **wish: object) -> str:
        path = await self.place(**wish)
        await self.sandbox.advance(1800)
        return path


@pytest_asyncio.fixture
async def visitor() -> AsyncIterator[Visitor]:
    async with Visitor.of() as running:
        yield running


class TestFiles:
    @pytest.mark.parametrize(
        ("path", "media_type"),
        [
            ("/", "text/html"),
            ("/page.css", "text/css"),
            ("/page.js", "text/javascript"),
            ("/base.css", "text/css"),
            ("/dom.js", "text/javascript"),
        ],
    )
    async def test_are_served(
        self, visitor: Visitor, path: str, media_type: str
    ) -> None:
        """The page comes with nothing from elsewhere, and nothing else may be loaded."""
        async with visitor.session.get(path) as response:
            text = await response.text()

            assert response.content_type == media_type
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert "https://" not in text

    async def test_are_not_sent_twice(self, visitor: Visitor) -> None:
        """Who has the page is told that it did not change."""
        async with visitor.session.get("/") as first:
            etag = first.headers["ETag"]
        async with visitor.session.get("/", headers={"If-None-Match": etag}) as again:
            assert again.status == 304


class TestOverview:
    async def test_is_newest_first(self, visitor: Visitor) -> None:
        """The order that was placed last is seen first, up to the limit."""
        for _ in range(2):
            await visitor.place()
            await visitor.sandbox.advance(1)
        last = await visitor.place()
        seen = await visitor.see("/sandbox/overview?limit=2")

        assert seen["total"] == 3
        assert len(seen["orders"]) == 2
        assert last.endswith(seen["orders"][0]["orderId"])

    async def test_is_filtered(self, visitor: Visitor) -> None:
        """Status, flow and a part of the id choose among the orders."""
        path = await visitor.ready()
        await visitor.place(flow="marketplace")
        ready = await visitor.see("/sandbox/overview?status=ready-for-handling")
        sellers = await visitor.see("/sandbox/overview?flow=seller")
        named = await visitor.see(f"/sandbox/overview?text={path[-12:]}")

        assert [path.endswith(o["orderId"]) for o in ready["orders"]] == [True]
        assert [o["flow"] for o in sellers["orders"]] == ["seller"]
        assert [path.endswith(o["orderId"]) for o in named["orders"]] == [True]
        assert ready["statuses"]["ready-for-handling"] == 1

    @pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x"])
    async def test_refuses_odd_limits(self, visitor: Visitor, query: str) -> None:
        """A page is neither empty nor endless."""
        status, answer = await visitor.ask("GET", f"/sandbox/overview?{query}")

        assert status == 400
        assert "limit" in answer["error"]["message"]


class TestLook:
    async def test_tells_the_story(self, visitor: Visitor) -> None:
        """An order is seen with its items, its packages and what happened to it."""
        path = await visitor.ready(items=2)
        seen = await visitor.see(path)

        assert len(seen["items"]) == 2
        assert seen["packages"] == []
        assert seen["timeline"][0]["kind"] == "placed"
        assert seen["timeline"][-1]["detail"]["state"] == "ready-for-handling"
        assert seen["waits"]

    async def test_knows_its_orders(self, visitor: Visitor) -> None:
        """There is nothing to see of an order that does not exist."""
        status, _ = await visitor.ask("GET", "/sandbox/orders/sandboxstore/1-01")

        assert status == 404


class TestDeeds:
    async def test_take_an_order_to_its_end(self, visitor: Visitor) -> None:
        """The buttons alone handle, invoice, ship and deliver an order."""
        path = await visitor.ready(items=1)
        seen = await visitor.do(
            path, "start-handling", "invoice", "tracking", "deliver"
        )

        assert seen["status"] == "invoiced"
        assert seen["invoicedValue"] == seen["value"]
        assert seen["parcels"] == {"invoiced": 1, "shipped": 1, "delivered": 1}
        assert {e["by"] for e in seen["timeline"]} == {"shopper", "oms", "page"}

    async def test_deliver_gives_a_number_first(self, visitor: Visitor) -> None:
        """A package without a tracking number gets one before it is delivered."""
        path = await visitor.ready()
        seen = await visitor.do(path, "start-handling", "invoice", "deliver")

        assert seen["packages"][0]["trackingNumber"]
        assert seen["packages"][0]["finished"]

    async def test_invoice_in_parts(self, visitor: Visitor) -> None:
        """Parts and the rest add up to the order, and each package travels alone."""
        path = await visitor.ready(items=3)
        seen = await visitor.do(
            path, "start-handling", "invoice-part", "invoice", "deliver", "deliver"
        )

        assert len(seen["packages"]) == 2
        assert seen["invoicedValue"] == seen["value"]
        assert seen["parcels"]["delivered"] == 2

    async def test_advance(self, visitor: Visitor) -> None:
        """An order that would move by itself moves now."""
        path = await visitor.place()
        before = await visitor.see(path)
        _, after = await visitor.ask("POST", f"{path}/deeds", {"deed": "advance"})

        assert after["status"] != before["status"]

    async def test_cancel(self, visitor: Visitor) -> None:
        """Cancelling goes by the rules of the API."""
        path = await visitor.ready()
        seen = await visitor.do(path, "cancel", "cancel")

        assert (await visitor.see(path))["status"] == "canceled", seen

    @pytest.mark.parametrize(
        "deed", [deed for deed in DEEDS if deed not in {"advance", "cancel"}]
    )
    async def test_are_refused_as_calls_are(self, visitor: Visitor, deed: str) -> None:
        """What the order does not allow yet is refused, with the reason."""
        path = await visitor.place()
        status, answer = await visitor.ask("POST", f"{path}/deeds", {"deed": deed})

        assert status in {400, 409}
        assert answer["error"]["message"]

    async def test_unknown(self, visitor: Visitor) -> None:
        """There is no other deed."""
        path = await visitor.place()
        status, _ = await visitor.ask("POST", f"{path}/deeds", {"deed": "burn"})

        assert status == 400
