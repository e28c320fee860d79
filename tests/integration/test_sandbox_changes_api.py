"""Changes of orders over HTTP: statuses, bodies, and the words of errors."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from change_kit import TWO_DELIVERIES, absent, lines, priced, registration, wish
from sandbox_client import SandboxClient
from service.sandbox import calls
from service.sandbox.oms import Caller
from service.sandbox.orders import Order

SETTINGS = "/api/order-system/orders/changes/settings?an=sandboxstore"
WINDOW = "/api/checkout/pvt/configuration/window-to-change-seller"
pytestmark = pytest.mark.asyncio(loop_scope="module")

MERCHANT = Caller(account="sandboxstore", name="erp")


class Client(SandboxClient):
    """Changes orders."""

    async def changes(
        self, order: Order, method: str, path: str = "", body: object = None
    ) -> tuple[int, Any]:
        path = (
            f"/api/order-system/orders/{order.order_id}/changes{path}?an=sandboxstore"
        )
        return await self.call(method, path, body)

    def handled(self) -> Order:
        order = self.bring(self.place_order(TWO_DELIVERIES), "ready-for-handling")
        self.oms.carry_out(MERCHANT, order.order_id, calls.START_HANDLING)
        return self.bring(order, "handling")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client() -> AsyncIterator[Client]:
    async with Client.of() as running:
        yield running


class TestFirstVersion:
    async def test_answers_with_a_receipt(self, client: Client) -> None:
        """The same requestId gives the same receipt, and Get order tells the change."""
        order = client.handled()
        path = f"/api/oms/pvt/orders/{order.order_id}"
        first = await client.call("POST", f"{path}/changes", registration())
        again = await client.call("POST", f"{path}/changes", registration())
        _, document = await client.call("GET", path)

        assert first == again
        assert first[0] == 200
        assert first[1].keys() == {"date", "orderId", "receipt"}
        (change,) = document["changesAttachment"]["changesData"]
        assert change["receipt"] == first[1]

    @pytest.mark.parametrize(
        ("body", "status", "words"),
        [
            ({}, 400, "requestId"),
            (registration(discountValue=10**8), 400, "worth"),
            (registration(itemsRemoved=[priced("9999", 1)]), 404, "9999"),
        ],
    )
    async def test_words_its_refusals(
        self, client: Client, body: object, status: int, words: str
    ) -> None:
        """The older service tells code and message."""
        order = client.handled()
        path = f"/api/oms/pvt/orders/{order.order_id}/changes"
        answered, told = await client.call("POST", path, body)

        assert answered == status
        assert words in told["error"]["message"]


class TestSecondVersion:
    async def test_is_asked_for_followed_and_found(self, client: Client) -> None:
        """The id of the 202 leads through the details to the history."""
        order = client.handled()
        sku, value = absent(order), order.value
        body = wish(add=lines(sku, quantity=2), manualDiscountValue=100)
        seen = await client.changes(order, "POST", "/preview", body)
        status, asked = await client.changes(order, "PATCH", "", body)
        _, early = await client.changes(order, "GET", f"/{asked['requestId']}")
        await client.sandbox.advance(5)
        _, late = await client.changes(order, "GET", f"/{asked['requestId']}")
        _, past = await client.changes(order, "GET")

        assert (seen[0], status) == (200, 202)
        assert (early["status"], early["inProgress"]) == (
            "waiting-acknowledgement",
            True,
        )
        assert (late["status"], late["finished"]) == ("done", True)
        assert order.value == value + seen[1]["totalChangeValue"]
        assert [r["requestId"] for r in past["requests"]] == [asked["requestId"]]

    async def test_is_refused_while_another_one_runs(self, client: Client) -> None:
        """The second of two at a time is a conflict."""
        order = client.handled()
        body = wish(manualDiscountValue=1)
        await client.changes(order, "PATCH", "", body)
        status, told = await client.changes(order, "PATCH", "", body)

        assert (status, told["error"]["code"]) == (409, "CHK0124")

    async def test_is_retried_or_canceled_after_an_error(self, client: Client) -> None:
        """A fault stops it; a retry answers 204, giving it up 200."""
        order = client.handled()
        fault = {"name": "change-fails", "times": 2}
        await client.call("POST", "/sandbox/faults", fault)
        _, asked = await client.changes(order, "PATCH", "", wish(manualDiscountValue=1))
        path = f"/{asked['requestId']}"
        await client.sandbox.advance(5)
        retried = await client.changes(order, "POST", f"{path}/retry", wish())
        await client.sandbox.advance(5)
        canceled = await client.changes(order, "POST", f"{path}/cancel", wish())
        _, late = await client.changes(order, "GET", path)

        assert (retried, canceled) == ((204, None), (200, None))
        assert (late["status"], late["inProgress"]) == ("canceled", False)
        assert late["cancellationData"]["requestedByUser"] is True

    @pytest.mark.parametrize(
        ("order_id", "change_id", "code"),
        [("nothing", "nothing", "CHK0201"), ("{order}", "nothing", "CHK0289")],
    )
    async def test_is_looked_for_in_vain(
        self, client: Client, order_id: str, change_id: str, code: str
    ) -> None:
        """An order or a change that does not exist has a code of its own."""
        order_id = order_id.format(order=client.handled().order_id)
        path = f"/api/order-system/orders/{order_id}/changes/{change_id}"
        for method, end, body in (
            ("GET", "", None),
            ("POST", "/retry", wish()),
            ("POST", "/cancel", wish()),
        ):
            status, told = await client.call(method, path + end, body)
            assert (status, told["error"]["code"]) == (404, code)


class TestSummary:
    async def test_is_told_of_every_order(self, client: Client) -> None:
        """An order that does not exist is a problem document."""
        order = client.handled()
        path = "/api/orders/pvt/document/{}/change-summary"
        found = await client.call("GET", path.format(order.order_id))
        missing = await client.call("GET", path.format("nothing"))

        assert found[0] == 200
        assert len(found[1]["original"]) == 2
        assert (missing[0], missing[1]["title"]) == (404, "Not Found")


class TestSettings:
    async def test_are_set_and_read(self, client: Client) -> None:
        """The answer to both is all of them."""
        given = {"pipelineConfiguration": {"compensateShippingChanges": True}}
        put = await client.call("PUT", SETTINGS, given)
        got = await client.call("GET", SETTINGS)

        assert put == got
        assert got[1]["pipelineConfiguration"]["compensateShippingChanges"] is True

    async def test_rule_the_window_to_change_seller(self, client: Client) -> None:
        """It is a number of days, two at first."""
        first = await client.call("GET", WINDOW)
        status, _ = await client.call("POST", WINDOW, {"waitingTime": 4})
        refused, told = await client.call("POST", WINDOW, {"waitingTime": -1})
        last = await client.call("GET", WINDOW)

        assert (first, status, last) == ((200, 2), 201, (200, 4))
        assert refused == 400
        assert "waitingTime" in told["error"]["message"]
