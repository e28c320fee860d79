"""Checkout and the marketplaces outside, over HTTP: orders that somebody asked for."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from sandbox_kit import invoice_body
from service.sandbox.orders import Order

PURCHASE: dict[str, Any] = {
    "items": [
        {"id": "2001", "quantity": 2, "seller": "1", "price": 1000},
        {"id": "77", "quantity": 1, "seller": "sandboxpartner", "price": 5000},
    ],
    "clientProfileData": {
        "email": "jo@example.com",
        "firstName": "Jo",
        "lastName": "Doe",
        "document": "00000000191",
        "phone": "+550000000000",
    },
    "shippingData": {
        "address": {"postalCode": "01000-000", "city": "São Paulo", "street": "Rua A"},
        "logisticsInfo": [
            {"itemIndex": 0, "selectedSla": "Noturna", "price": 300},
            {"itemIndex": 1, "selectedDeliveryChannel": "pickup-in-point", "price": 0},
        ],
    },
    "paymentData": {"payments": [{"paymentSystem": "2", "value": 7300}]},
}


class Client(SandboxClient):
    """Knows the orders by their ids."""

    def order(self, order_id: str) -> Order:
        return self.oms.order("sandboxstore", order_id)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with Client.of() as running:
        yield running


class TestPlaceOrder:
    async def test_makes_an_order_for_each_seller(self, client: Client) -> None:
        """Own items and a seller's are orders apart, and cost what was asked."""
        status, placed = await client.call("PUT", "/api/checkout/pub/orders", PURCHASE)
        own, sale = placed["orders"]

        assert status == 201
        assert own["orderGroup"] == sale["orderGroup"] == placed["orderGroup"]
        assert (own["value"], sale["value"]) == (2300, 5000)
        assert placed["transactionData"]["merchantTransactions"][0]["payments"] == [
            {
                "paymentSystem": "4",
                "value": 7300,
                "referenceValue": 7300,
                "installments": 1,
                "currencyCode": "BRL",
            }
        ]
        assert client.order(sale["orderId"]).twin == f"00-{sale['orderId']}"

    async def test_takes_over_what_was_asked(self, client: Client) -> None:
        """Shopper, address and delivery are in the order's document."""
        _, placed = await client.call("PUT", "/api/checkout/pub/orders", PURCHASE)
        own, sale = placed["orders"]
        _, document = await client.call("GET", f"/api/oms/pvt/orders/{own['orderId']}")

        assert document["clientProfileData"]["email"] == "jo@example.com"
        assert document["shippingData"]["address"]["street"] == "Rua A"
        assert document["shippingData"]["logisticsInfo"][0]["selectedSla"] == "Noturna"
        [row] = sale["shippingData"]["logisticsInfo"]
        assert row["selectedDeliveryChannel"] == "pickup-in-point"

    async def test_waits_to_be_processed(self, client: Client) -> None:
        """The orders have no status until the gateway has called back."""
        _, placed = await client.call("PUT", "/api/checkout/pub/orders", PURCHASE)
        own = client.order(placed["orders"][0]["orderId"])
        before = own.is_incomplete
        path = f"/api/checkout/pub/gatewayCallback/{placed['orderGroup']}"
        answers = [await client.call("POST", path) for _ in range(2)]
        client.bring(own, "ready-for-handling")

        assert before is True
        assert answers == [(204, None), (204, None)]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"items": []},
            {"items": [{"quantity": 1}]},
            {"items": [{"id": "1", "quantity": 0}]},
            [],
        ],
    )
    async def test_needs_items(self, client: Client, body: object) -> None:
        """A purchase of nothing is 400."""
        status, _ = await client.call("PUT", "/api/checkout/pub/orders", body)

        assert status == 400

    async def test_processes_what_it_knows(self, client: Client) -> None:
        """A purchase that nobody placed is 404."""
        status, _ = await client.call("POST", "/api/checkout/pub/gatewayCallback/v1")

        assert status == 404


class TestCart:
    async def test_becomes_an_order(self, client: Client) -> None:
        """What was put into a cart is bought with its transaction."""
        _, cart = await client.call("POST", "/api/checkout/pub/orderForm")
        path = f"/api/checkout/pub/orderForm/{cart['orderFormId']}"
        items = [{"id": "2001", "quantity": 1}, {"id": "2002", "quantity": 2}]
        _, filled = await client.call("POST", f"{path}/items", {"orderItems": items})
        status, bought = await client.call("POST", f"{path}/transaction", {})
        _, emptied = await client.call("GET", path)
        [order] = client.sandbox.oms.group("sandboxstore", bought["orderGroup"])

        assert filled["value"] == order.items_value == 3990 + 2 * 7990
        assert (status, bought["value"]) == (201, order.value)
        assert emptied["items"] == []

    async def test_needs_something_in_it(self, client: Client) -> None:
        """An empty cart cannot be bought."""
        _, cart = await client.call("POST", "/api/checkout/pub/orderForm")
        path = f"/api/checkout/pub/orderForm/{cart['orderFormId']}/transaction"
        status, _ = await client.call("POST", path, {})

        assert status == 400

    async def test_is_ones_own(self, client: Client) -> None:
        """A cart that nobody opened is 404."""
        status, _ = await client.call("GET", "/api/checkout/pub/orderForm/nothing")

        assert status == 404


def outside(**changes: object) -> dict[str, object]:
    own = [{"id": "2001", "quantity": 1, "price": 1000}]
    return {"marketplaceOrderId": "ML-1", "items": own} | changes


class TestOutsideMarketplace:
    async def test_has_its_own_items_fulfilled(self, client: Client) -> None:
        """Its order is a fulfillment order that waits for its payment."""
        status, told = await client.call(
            "POST", "/api/order-integration/orders", outside()
        )
        order = client.order(told["fields"]["mainOrderId"])
        client.bring(order, "waiting-ffmt-authorization")
        answers = [
            await client.call("PUT", "/api/order-integration/orders/status", body)
            for body in [approved("ML-1")] * 2
        ]

        assert (status, order.order_id, order.flow) == (201, "MKP-ML-1-01", "seller")
        assert [code for code, _ in answers] == [200, 400]
        assert answers[1][1]["error"]["code"] == "EOI009"
        client.bring(order, "ready-for-handling")

    async def test_makes_a_chain_of_others_items(self, client: Client) -> None:
        """Between it and the seller stands an order of the chain flow."""
        items = [{"id": "9", "quantity": 1, "price": 700, "seller": "sandboxpartner"}]
        body = outside(items=items, marketplaceOrderStatus="APPROVED")
        _, told = await client.call("POST", "/api/order-integration/orders", body)
        chain = client.order(told["fields"]["mainOrderId"])
        seller = client.order(told["fields"]["franchiseOrderId"])
        client.bring(seller, "ready-for-handling")

        assert (chain.flow, chain.status) == ("chain", "payment-approved")
        assert (seller.flow, seller.order_id) == ("seller", "00-MKP-ML-1-01")

    async def test_is_told_to_wait(self, client: Client) -> None:
        """An approval before the order awaits it is refused, for now."""
        await client.call("POST", "/api/order-integration/orders", outside())
        status, answer = await client.call(
            "PUT", "/api/order-integration/orders/status", approved("ML-1")
        )

        assert (status, answer["error"]["code"]) == (400, "EOI008")

    async def test_may_send_it_twice(self, client: Client) -> None:
        """The same order again is the same order."""
        first, again = [
            await client.call("POST", "/api/order-integration/orders", outside())
            for _ in range(2)
        ]

        assert first == again
        assert len(list(client.sandbox.oms.orders())) == 1

    async def test_cancels(self, client: Client) -> None:
        """What it cancels before the payment is cancelled."""
        _, told = await client.call("POST", "/api/order-integration/orders", outside())
        order = client.order(told["fields"]["mainOrderId"])
        body = {"marketplaceOrderId": "ML-1", "marketplaceOrderStatus": "CANCELLED"}
        status, _ = await client.call(
            "PUT", "/api/order-integration/orders/status", body
        )
        client.bring(order, "canceled")

        assert status == 200


def approved(order_id: str) -> dict[str, object]:
    return {"marketplaceOrderId": order_id, "marketplaceOrderStatus": "APPROVED"}


class TestDeny:
    async def test_needs_the_request(self, client: Client) -> None:
        """A request is denied by its id, and the order is handled on."""
        order = await handled(client)
        base = f"/api/oms/pvt/orders/{order.order_id}"
        await client.call("POST", f"{base}/cancel", {"reason": "late"})
        _, document = await client.call("GET", base)
        [request] = document["cancellationRequests"]
        path = f"/api/orders/pvt/document/{order.order_id}/deny-cancellation-request"
        wrong, _ = await client.call("POST", path, {"cancellationRequestId": "x"})
        right, _ = await client.call(
            "POST", path, {"cancellationRequestId": request["id"], "denyReason": "sent"}
        )
        client.bring(order, "handling")
        _, document = await client.call("GET", base)

        assert (wrong, right) == (400, 200)
        assert document["cancellationRequests"][0]["deniedBySellerReason"] == "sent"


async def handled(client: Client) -> Order:
    order = client.order((await placed(client))["orderId"])
    client.bring(order, "ready-for-handling")
    await client.call("POST", f"/api/oms/pvt/orders/{order.order_id}/start-handling")
    client.bring(order, "handling")
    return order


async def placed(client: Client, **wish: object) -> dict[str, Any]:
    _, order = await client.call(
        "POST", "/sandbox/orders", {"fate": "completed"} | wish
    )
    found: dict[str, Any] = order
    return found


class TestTruth:
    async def test_tells_both_sides(self, client: Client) -> None:
        """Flow, twin, group and what was invoiced are in the sandbox's own view."""
        sale = await placed(client, flow="marketplace")
        seller = client.order(sale["twin"])
        client.bring(seller, "ready-for-handling")
        path = f"/api/oms/pvt/orders/{seller.order_id}"
        await client.call("POST", f"{path}/invoice", invoice_body(seller))
        _, truth = await client.call("GET", "/sandbox/orders")
        by_id = {order["orderId"]: order for order in truth["orders"]}

        told = by_id[seller.order_id]
        assert (told["flow"], told["twin"]) == ("seller", sale["orderId"])
        assert told["group"] == by_id[sale["orderId"]]["group"]
        assert by_id[sale["orderId"]]["invoicedValue"] == seller.value

    async def test_steps_an_order(self, client: Client) -> None:
        """An order takes its next automatic step when it is told to."""
        order = await placed(client)
        path = f"/sandbox/orders/{order['orderId']}/advance"
        status, moved = await client.call("POST", path)

        assert (status, moved["status"]) == (200, "on-order-completed")

    async def test_replaces_an_order(self, client: Client) -> None:
        """The shopper's new order names the old one, which is replaced."""
        old = await placed(client)
        client.bring(client.order(old["orderId"]), "payment-pending")
        path = f"/sandbox/orders/{old['orderId']}/replace"
        status, new = await client.call("POST", path)
        again, _ = await client.call("POST", path)

        assert (status, new["replaces"]) == (201, old["orderId"])
        assert client.order(old["orderId"]).status == "replaced"
        assert again == 400

    async def test_changes_a_seller(self, client: Client) -> None:
        """A sale whose seller cancelled gets another seller's order."""
        sale = await placed(client, flow="marketplace")
        seller = client.order(sale["twin"])
        client.bring(seller, "window-to-cancel")
        cancel = f"/api/oms/pvt/orders/{seller.order_id}/cancel"
        await client.call("POST", cancel, {"reason": "no stock"})
        path = f"/sandbox/orders/{sale['orderId']}/change-seller"
        status, order = await client.call("POST", path, {"seller": "another"})

        assert (status, order["twin"]) == (201, sale["orderId"])
        assert order["sellers"] == ["another"]


class TestClock:
    async def test_leaps_and_does_all_that_is_due(self, client: Client) -> None:
        """A month later what nobody authorised has been cancelled."""
        order = await placed(client, stalled="authorize-fulfillment")
        status, told = await client.call(
            "POST", "/sandbox/clock", {"advance": 31 * 86_400}
        )

        assert (status, told["now"]) == (200, "2026-04-02T12:00:00.000000+00:00")
        assert client.order(order["orderId"]).status == "canceled"

    async def test_is_set(self, client: Client) -> None:
        """It goes to the moment it is set to, and never back."""
        ahead, told = await client.call(
            "POST", "/sandbox/clock", {"set": "2026-03-03T00:00:00Z"}
        )
        back, _ = await client.call(
            "POST", "/sandbox/clock", {"set": "2026-03-01T00:00:00Z"}
        )

        assert (ahead, back) == (200, 400)
        assert told["now"] == "2026-03-03T00:00:00.000000+00:00"

    @pytest.mark.parametrize(
        "body",
        [
            {"advance": -1},
            {"advance": 1e30},
            {"time_scale": 0},
            {"time_scale": 5},
            {"advance": 1, "set": "2026-03-03T00:00:00Z"},
            {"colour": "red"},
        ],
    )
    async def test_refuses_odd_moves(
        self, client: Client, body: dict[str, object]
    ) -> None:
        """A manual clock has no speed, and none goes back."""
        status, _ = await client.call("POST", "/sandbox/clock", body)

        assert status == 400

    async def test_runs_faster(self) -> None:
        """An hour passes in a moment where time is scaled."""
        fast = {"clock": None, "time_scale": 100_000}
        async with Client.of(desk="self", **fast) as client:
            order = client.order((await placed(client))["orderId"])
            await client.call("POST", "/sandbox/clock", {"time_scale": 1})
            _, told = await client.call("POST", "/sandbox/clock", {"advance": 300})

            assert told["timeScale"] == 1
            assert order.status == "invoiced"
            assert all(
                package.courier_status and package.courier_status.finished
                for package in order.packages
            )
