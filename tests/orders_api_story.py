"""Ways to bring a sandbox's orders to where an operation has something to answer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import requests

from sandbox_kit import tracking_body, tracking_number_body
from service.sandbox.orders import Order
from service.sandbox.thread import SandboxThread

_OMS: Final = "/api/oms/pvt/orders"
_SYSTEM: Final = "/api/order-system/orders"
_FEED: Final = "/api/orders/feed"
_HALF_HOUR: Final = 1800

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A sandbox, the address of somebody who takes hooks, and ways to an order."""

    sandbox: SandboxThread
    hook_url: str

    def call(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> requests.Response:
        return requests.request(
            method,
            self.sandbox.url + path,
            json=body,
            params=query,
            headers=self.sandbox.headers,
            timeout=5,
        )

    def done(
        self, method: str, path: str, body: Any = None, **query: str
    ) -> requests.Response:
        """Call what has to work on the way to the operation in question."""
        response = self.call(method, path, body, **query)
        assert response.status_code < HTTPStatus.BAD_REQUEST, response.text
        return response

    def ready(self, **wish: object) -> str:
        """Return the id of an order that can be handled."""
        order_id = self.sandbox.place(fate="completed", **wish)
        self.sandbox.advance(_HALF_HOUR)
        return order_id

    def in_status(self, status: str) -> str:
        order_id = self.sandbox.place(fate="completed")
        while self.kept(order_id).status != status:
            self.sandbox.advance(0.1)
        return order_id

    def handled(self, **wish: object) -> str:
        order_id = self.ready(**wish)
        self.done("POST", f"{_OMS}/{order_id}/start-handling")
        self.sandbox.advance(60)
        return order_id

    def invoiced(self, **wish: object) -> str:
        order_id = self.handled(**wish)
        self.done("POST", f"{_OMS}/{order_id}/invoice", self.invoice(order_id))
        self.sandbox.advance(60)
        return order_id

    def delivered(self) -> str:
        # The schema contradicts itself in the address of a pickup.
        order_id = self.invoiced(channel="delivery")
        self.done("PATCH", f"{_OMS}/{order_id}/invoice/NF1", tracking_number_body())
        path = f"{_OMS}/{order_id}/invoice/NF1/tracking"
        self.done("PUT", path, tracking_body(isDelivered=True))
        return order_id

    def invoice(self, order_id: str) -> Json:
        order = self.sandbox.order(order_id)
        return {
            "type": "Output",
            "invoiceNumber": "NF1",
            "invoiceValue": str(order["value"]),
            "issuanceDate": "2026-03-02T12:00:00Z",
            "items": [
                {"id": item["id"], "price": item["price"], "quantity": item["quantity"]}
                for item in order["items"]
            ],
        }

    def change(self, order_id: str) -> Json:
        """Return a modification that takes a little off the first item's price."""
        item = self.sandbox.order(order_id)["items"][0]
        line = {"id": item["id"], "quantity": item["quantity"]}
        return {
            "reason": "a scratch",
            "manualDiscountValue": 100,
            "manualIncrementValue": 0,
            "replace": [
                {
                    "from": {"items": [line]},
                    "to": {"items": [line | {"manualDiscountValue": 100}]},
                }
            ],
        }

    def stopped(self, order_id: str) -> str:
        """Change an order, let an error stop it, and return the id of the request."""
        fault = {"name": "change-fails", "order_id": order_id, "times": 1}
        self.done("POST", "/sandbox/faults", fault)
        return self.changed(order_id)

    def changed(self, order_id: str) -> str:
        """Change an order and return the id of the request."""
        path = f"{_SYSTEM}/{order_id}/changes"
        answer = self.done("PATCH", path, self.change(order_id), accountName=self.name)
        self.sandbox.advance(60)
        request_id = answer.json()["requestId"]
        assert isinstance(request_id, str)
        return request_id

    @property
    def name(self) -> str:
        return self.sandbox.credentials.account

    def kept(self, order_id: str) -> Order:
        """Return an order as the sandbox itself sees it."""
        name = self.name
        return self.sandbox.inside(lambda running: running.oms.order(name, order_id))

    def feed(self) -> None:
        self.done("POST", f"{_FEED}/config", feed_config())

    def hook(self) -> None:
        self.done("POST", "/api/orders/hook/config", hook_config(self.hook_url))


def feed_config() -> Json:
    return {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "queue": {
            "visibilityTimeoutInSeconds": 240,
            "MessageRetentionPeriodInSeconds": 345_600,
        },
    }


def hook_config(url: str) -> Json:
    return {
        "filter": {"type": "FromWorkflow", "status": ["ready-for-handling"]},
        "hook": {"url": url, "headers": {"key": "value"}},
    }
