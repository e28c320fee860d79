"""The sandbox's Orders API over HTTP: credentials, answers, and the words of errors."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from sandbox_kit import invoice_body, tracking_body, tracking_number_body
from service.errors import InvalidSettingsError, UnavailableError
from service.sandbox.accounts import SANDBOX_STORE, credentials_of
from service.sandbox.orders import Order
from service.sandbox.server import sandbox

OTHER = credentials_of("otherstore")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


class Client(SandboxClient):
    """Calls the operations of an order."""

    async def on(
        self, order: Order, method: str, path: str = "", body: object = None
    ) -> tuple[int, Any]:
        path = f"/api/oms/pvt/orders/{order.order_id}{path}"
        return await self.call(method, path, body)

    def order_in(self, status: str) -> Order:
        return self.bring(self.place_order(), status)

    async def handled(self) -> Order:
        order = self.order_in("ready-for-handling")
        await self.on(order, "POST", "/start-handling")
        return self.bring(order, "handling")

    async def invoiced(self, number: str = "NF1") -> Order:
        order = await self.handled()
        await self.on(order, "POST", "/invoice", invoice_body(order, number))
        return self.bring(order, "invoiced")


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with Client.of(credentials=(SANDBOX_STORE, OTHER)) as running:
        yield running


class TestCredentials:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"X-VTEX-API-AppKey": SANDBOX_STORE.app_key},
            {"X-VTEX-API-AppKey": "nobody", "X-VTEX-API-AppToken": "sandbox-token"},
            SANDBOX_STORE.headers() | {"X-VTEX-API-AppToken": "wrong"},
        ],
    )
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/api/oms/pvt/orders/1-01"),
            ("POST", "/api/oms/pvt/orders/1-01/invoice"),
            ("GET", "/api/orders/feed?maxlot=1"),
            ("GET", "/api/nothing"),
        ],
    )
    async def test_are_needed(
        self, client: Client, headers: dict[str, str], method: str, path: str
    ) -> None:
        """Without an appKey and its own token there is no answer but 401."""
        status, answer = await client.call(method, path, headers=headers)

        assert status == 401
        assert answer["error"]["code"] == "1"

    async def test_tell_the_account(self, client: Client) -> None:
        """An order of another account is not found."""
        order = client.order_in("payment-pending")
        path = f"/api/oms/pvt/orders/{order.order_id}"
        status, answer = await client.call("GET", path, headers=OTHER.headers())

        assert status == 404
        assert answer["error"]["code"] == "OMS007"


class TestGetOrder:
    async def test_gives_the_document(self, client: Client) -> None:
        """The order is found by its id, and by its sequence."""
        order = client.order_in("ready-for-handling")
        status, by_id = await client.on(order, "GET")
        _, by_sequence = await client.call(
            "GET", f"/api/oms/pvt/orders/seq{order.sequence}"
        )

        assert status == 200
        assert (by_id["orderId"], by_id["status"]) == (
            order.order_id,
            "ready-for-handling",
        )
        assert by_sequence == by_id

    async def test_does_not_know_every_order(self, client: Client) -> None:
        """An order that does not exist is OMS007."""
        status, answer = await client.call("GET", "/api/oms/pvt/orders/1-01")

        assert status == 404
        assert answer["error"]["code"] == "OMS007"


class TestStartHandling:
    async def test_has_no_content(self, client: Client) -> None:
        """It answers 204, and the order goes on to handling by itself."""
        order = client.order_in("ready-for-handling")

        assert await client.on(order, "POST", "/start-handling") == (204, None)
        client.bring(order, "handling")

    async def test_conflicts_elsewhere(self, client: Client) -> None:
        """From another status it is OMS003."""
        order = client.order_in("window-to-cancel")
        status, answer = await client.on(order, "POST", "/start-handling")

        assert status == 409
        assert answer["error"]["code"] == "OMS003"


class TestInvoice:
    async def test_gives_a_receipt(self, client: Client) -> None:
        """The answer has the date, the order and a receipt."""
        order = await client.handled()
        status, answer = await client.on(order, "POST", "/invoice", invoice_body(order))

        assert status == 200
        assert answer.keys() == {"date", "orderId", "receipt"}
        assert answer["orderId"] == order.order_id

    async def test_names_what_is_missing(self, client: Client) -> None:
        """A body without the required fields is 400 and names them."""
        order = await client.handled()
        status, answer = await client.on(order, "POST", "/invoice", {"type": "Output"})

        assert status == 400
        for field in ("issuanceDate", "invoiceNumber", "invoiceValue", "items"):
            assert field in answer["error"]["message"]

    @pytest.mark.parametrize("body", [None, [], "text", 5])
    async def test_needs_an_object(self, client: Client, body: object) -> None:
        """Anything but a JSON object is 400."""
        order = await client.handled()
        status, _ = await client.on(order, "POST", "/invoice", body)

        assert status == 400


class TestTracking:
    async def test_shows_in_the_document(self, client: Client) -> None:
        """Number and way are on the package, and the feed hears nothing of it."""
        order = await client.invoiced()
        before = len(client.sandbox.oms.ledger())
        numbered, _ = await client.on(
            order, "PATCH", "/invoice/NF1", tracking_number_body()
        )
        body = tracking_body(isDelivered=True, deliveredDate="2026-03-02 13:00")
        tracked, receipt = await client.on(order, "PUT", "/invoice/NF1/tracking", body)
        _, document = await client.on(order, "GET")

        assert (numbered, tracked) == (200, 200)
        assert receipt["orderId"] == order.order_id
        [package] = document["packageAttachment"]["packages"]
        assert package["trackingNumber"] == "SB1BR"
        assert package["courierStatus"]["finished"] is True
        assert package["courierStatus"]["deliveredDate"].startswith("2026-03-02T13:00")
        kinds = [entry.kind for entry in client.sandbox.oms.ledger(after=before)]
        assert kinds == ["tracking-number", "tracking"]

    async def test_needs_an_invoice(self, client: Client) -> None:
        """A tracking number for an unknown invoice is 404."""
        order = await client.invoiced()
        status, _ = await client.on(
            order, "PATCH", "/invoice/NF2", tracking_number_body()
        )

        assert status == 404

    async def test_needs_a_number(self, client: Client) -> None:
        """The way of a package without a tracking number is 400."""
        order = await client.invoiced()
        status, answer = await client.on(
            order, "PUT", "/invoice/NF1/tracking", tracking_body()
        )

        assert status == 400
        assert "no tracking number" in answer["error"]["message"]

    @pytest.mark.parametrize(
        ("number", "path", "expected"),
        [
            ("NF 1", "NF%201", 500),
            ("NF/1", "NF%2F1", 404),
            ("NF/1", "NF/1", 404),
            ("NF#1", "NF%231", 404),
        ],
    )
    async def test_fails_on_odd_invoice_numbers(
        self, client: Client, number: str, path: str, expected: int
    ) -> None:
        """VTEX takes such an invoice and then cannot track it; so does the sandbox."""
        order = await client.invoiced(number)
        status, _ = await client.on(
            order, "PATCH", f"/invoice/{path}", tracking_number_body()
        )

        assert status == expected


class TestCancel:
    async def test_takes_one_call_before_handling(self, client: Client) -> None:
        """Before ready-for-handling the first call cancels."""
        order = client.order_in("payment-pending")
        status, answer = await client.on(order, "POST", "/cancel", {"reason": "late"})
        client.bring(order, "canceled")
        _, document = await client.on(order, "GET")

        assert status == 200
        assert answer["orderId"] == order.order_id
        assert document["cancellationData"]["Reason"] == "late"

    async def test_takes_two_calls_while_handled(self, client: Client) -> None:
        """In handling the first call asks and the second cancels."""
        order = await client.handled()
        await client.on(order, "POST", "/cancel", {"reason": "late"})
        asked = order.status
        status, _ = await client.on(order, "POST", "/cancel", {"reason": "late"})

        assert (asked, status, order.status) == (
            "cancellation-requested",
            200,
            "cancel",
        )

    async def test_is_too_late_after_the_invoice(self, client: Client) -> None:
        """An invoiced order cannot be cancelled: 400."""
        order = await client.invoiced()
        status, _ = await client.on(order, "POST", "/cancel", {"reason": "late"})

        assert status == 400


class TestControl:
    async def test_keeps_every_call_with_its_trace(self, client: Client) -> None:
        """The ledger tells who called, in which trace, and what came of it."""
        order = client.order_in("payment-pending")
        await client.call(
            "POST",
            f"/api/oms/pvt/orders/{order.order_id}/start-handling",
            headers=SANDBOX_STORE.headers()
            | {"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"},
        )
        _, page = await client.call("GET", "/sandbox/ledger?after=2")

        last = page["entries"][-1]
        assert page["next"] == last["number"]
        assert (last["kind"], last["outcome"]) == ("start-handling", "refused")
        assert (last["by"], last["traceId"]) == (SANDBOX_STORE.app_key, TRACE_ID)

    async def test_pages_through_the_ledger(self, client: Client) -> None:
        """Reading on from `next` gives every entry once."""
        client.order_in("ready-for-handling")
        numbers: list[int] = []
        after = 0
        while True:
            _, page = await client.call("GET", f"/sandbox/ledger?after={after}&limit=3")
            if not page["entries"]:
                break
            numbers += [entry["number"] for entry in page["entries"]]
            after = page["next"]

        assert numbers == list(range(1, len(client.sandbox.oms.ledger()) + 1))

    @pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=0", "colour=red"])
    async def test_refuses_odd_pages(self, client: Client, query: str) -> None:
        """A page that does not exist is 400."""
        status, _ = await client.call("GET", f"/sandbox/ledger?{query}")

        assert status == 400

    async def test_places_orders_by_hand(self, client: Client) -> None:
        """An order is placed as wished, in the account that was named."""
        status, placed = await client.call(
            "POST",
            "/sandbox/orders",
            {"account": "otherstore", "channel": "pickup-in-point", "items": 2},
            headers={},
        )
        _, all_orders = await client.call("GET", "/sandbox/orders?account=otherstore")

        assert status == 201
        assert placed["channels"] == ["pickup-in-point"]
        assert [o["orderId"] for o in all_orders["orders"]] == [placed["orderId"]]

    async def test_places_an_order_without_a_wish(self, client: Client) -> None:
        """An empty request places an order in the first account."""
        status, placed = await client.call("POST", "/sandbox/orders")

        assert (status, placed["account"]) == (201, "sandboxstore")

    @pytest.mark.parametrize("body", [{"account": "nobody"}, {"colour": "red"}, []])
    async def test_refuses_odd_orders(self, client: Client, body: object) -> None:
        """A wish that cannot be fulfilled is 400."""
        status, _ = await client.call("POST", "/sandbox/orders", body)

        assert status == 400

    async def test_is_well(self, client: Client) -> None:
        """Health needs no credentials."""
        status, _ = await client.call("GET", "/sandbox/health", headers={})

        assert status == 200


class TestUnknownRoutes:
    async def test_are_not_found(self, client: Client) -> None:
        """A path that VTEX does not have is 404, in its words."""
        status, answer = await client.call("GET", "/api/oms/pvt/nothing")

        assert status == 404
        assert answer["error"]["message"] == "Not Found"

    async def test_take_their_own_methods_only(self, client: Client) -> None:
        """A method that a path does not have is 405."""
        order = client.order_in("payment-pending")
        status, _ = await client.on(order, "DELETE")

        assert status == 405


class TestSandbox:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"speed": 0},
            {"time_scale": 0},
            {"orders_per_minute": -1},
            {"desk": "nobody"},
        ],
    )
    async def test_refuses_odd_settings(self, wrong: dict[str, Any]) -> None:
        """A sandbox that cannot work is not started."""
        settings: dict[str, Any] = {"seed": 7, "orders_per_minute": 0}
        with pytest.raises(InvalidSettingsError):
            async with sandbox(**settings | wrong):
                pass

    async def test_says_that_its_port_is_taken(self, client: Client) -> None:
        """A port that somebody else has is named in the error."""
        port = int(client.sandbox.url.rpartition(":")[2])
        with pytest.raises(UnavailableError, match=str(port)):
            async with sandbox(seed=7, orders_per_minute=0, port=port):
                pass
