"""Every operation of the Orders API, called where it has a full answer to give."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import requests

from orders_api_story import Story, feed_config, hook_config
from sandbox_kit import tracking_body, tracking_number_body

_OMS: Final = "/api/oms/pvt/orders"
_SYSTEM: Final = "/api/order-system/orders"
_FEED: Final = "/api/orders/feed"
_WINDOW: Final = "/api/checkout/pvt/configuration/window-to-change-seller"
_HALF_HOUR: Final = 1800

Json = dict[str, Any]


def _get(path: str) -> Callable[[Story], requests.Response]:
    return lambda story: story.call("GET", path)


def _of_delivered(suffix: str) -> Callable[[Story], requests.Response]:
    return lambda story: story.call("GET", f"{_OMS}/{story.delivered()}{suffix}")


def _order_group(story: Story) -> requests.Response:
    group = story.kept(story.invoiced()).group
    return story.call("GET", f"{_OMS}/order-group/{group}")


def _list(story: Story) -> requests.Response:
    story.delivered()
    story.sandbox.place(flow="marketplace")
    # A new order is not in the list at once.
    story.sandbox.advance(_HALF_HOUR)
    return story.call("GET", _OMS)


def _start_handling(story: Story) -> requests.Response:
    return story.call("POST", f"{_OMS}/{story.ready()}/start-handling")


def _cancel(story: Story) -> requests.Response:
    return story.call("POST", f"{_OMS}/{story.ready()}/cancel", {"reason": "damaged"})


def _register_change(story: Story) -> requests.Response:
    order_id = story.handled(items=2)
    body = {
        "requestId": "change-1",
        "reason": "a scratch",
        "discountValue": 100,
        "incrementValue": 0,
    }
    return story.call("POST", f"{_OMS}/{order_id}/changes", body)


def _interaction(story: Story) -> requests.Response:
    body = {"source": "back office", "message": "checked by hand"}
    return story.call("POST", f"{_OMS}/{story.ready()}/interactions", body)


def _invoice(story: Story) -> requests.Response:
    order_id = story.handled()
    return story.call("POST", f"{_OMS}/{order_id}/invoice", story.invoice(order_id))


def _tracking_number(story: Story) -> requests.Response:
    path = f"{_OMS}/{story.invoiced()}/invoice/NF1"
    return story.call("PATCH", path, tracking_number_body())


def _tracking(story: Story) -> requests.Response:
    path = f"{_OMS}/{story.invoiced()}/invoice/NF1"
    story.done("PATCH", path, tracking_number_body())
    return story.call("PUT", f"{path}/tracking", tracking_body(isDelivered=True))


def _payment_notification(story: Story) -> requests.Response:
    order_id = story.in_status("payment-pending")
    transaction = story.sandbox.order(order_id)["paymentData"]["transactions"][0]
    payment = transaction["payments"][0]["id"]
    path = f"{_OMS}/{order_id}/payments/{payment}/payment-notification"
    return story.call("POST", path)


def _feed_v2(story: Story) -> requests.Response:
    story.ready()
    return story.call("GET", "/api/oms/pvt/feed/orders/status", maxLot="10")


def _feed_configuration(method: str) -> Callable[[Story], requests.Response]:
    def call(story: Story) -> requests.Response:
        story.feed()
        story.ready()
        body = feed_config() if method == "POST" else None
        return story.call(method, f"{_FEED}/config", body)

    return call


def _read_feed(story: Story) -> requests.Response:
    story.feed()
    story.ready()
    return story.call("GET", _FEED, maxlot="10")


def _commit_feed(story: Story) -> requests.Response:
    handles = [item["handle"] for item in _read_feed(story).json()]
    return story.call("POST", _FEED, {"handles": handles})


def _expression(story: Story) -> requests.Response:
    body = {"Expression": 'status = "handling"', "Document": '{"status": "handling"}'}
    return story.call("POST", "/api/orders/expressions/jsonata", body)


def _hook_configuration(method: str) -> Callable[[Story], requests.Response]:
    def call(story: Story) -> requests.Response:
        story.hook()
        body = hook_config(story.hook_url) if method == "POST" else None
        return story.call(method, "/api/orders/hook/config", body)

    return call


def _change_summary(story: Story) -> requests.Response:
    order_id = story.handled()
    story.changed(order_id)
    return story.call("GET", f"/api/orders/pvt/document/{order_id}/change-summary")


def _users_orders(story: Story) -> requests.Response:
    order_id = story.delivered()
    email = story.kept(order_id).shopper.email
    story.sandbox.advance(_HALF_HOUR)
    return story.call("GET", "/api/oms/user/orders", clientEmail=email)


def _users_order(story: Story) -> requests.Response:
    # Published from one example: a delivery that was changed and then cancelled.
    order_id = story.ready(channel="delivery")
    email = story.kept(order_id).shopper.email
    for _ in range(2):
        story.done("POST", f"{_OMS}/{order_id}/cancel", {"reason": "damaged"})
    return story.call("GET", f"/api/oms/user/orders/{order_id}", clientEmail=email)


def _set_window(story: Story) -> requests.Response:
    return story.call("POST", _WINDOW, {"waitingTime": 2})


def _create_change(story: Story) -> requests.Response:
    order_id = story.handled()
    path = f"{_SYSTEM}/{order_id}/changes"
    return story.call("PATCH", path, story.change(order_id), accountName=story.name)


def _preview_change(story: Story) -> requests.Response:
    order_id = story.handled()
    path = f"{_SYSTEM}/{order_id}/changes/preview"
    return story.call("POST", path, story.change(order_id), an=story.name)


def _changes(story: Story) -> requests.Response:
    order_id = story.handled()
    story.changed(order_id)
    return story.call("GET", f"{_SYSTEM}/{order_id}/changes", an=story.name)


def _change(story: Story) -> requests.Response:
    order_id = story.handled()
    path = f"{_SYSTEM}/{order_id}/changes/{story.changed(order_id)}"
    return story.call("GET", path, an=story.name)


def _after_failure(
    suffix: str, body: Callable[[Story, str], Json]
) -> Callable[[Story], requests.Response]:
    def call(story: Story) -> requests.Response:
        order_id = story.handled()
        path = f"{_SYSTEM}/{order_id}/changes/{story.stopped(order_id)}/{suffix}"
        return story.call("POST", path, body(story, order_id), an=story.name)

    return call


def _settings(method: str) -> Callable[[Story], requests.Response]:
    body = {"rolloutConfiguration": {"enableApi": True}} if method == "PUT" else None
    return lambda story: story.call(
        method, f"{_SYSTEM}/changes/settings", body, an=story.name
    )


_CHANGES: Final = "/api/order-system/orders/{changeOrderId}/changes"
_CHANGE: Final = _CHANGES + "/{changeRequestId}"
_ORDER: Final = "/api/oms/pvt/orders/{orderId}"

CALLS: Final[Mapping[str, Callable[[Story], requests.Response]]] = MappingProxyType(
    {
        f"GET {_ORDER}": _of_delivered(""),
        f"GET {_OMS}/order-group/{{orderGroup}}": _order_group,
        f"GET {_OMS}": _list,
        f"POST {_ORDER}/start-handling": _start_handling,
        f"POST {_ORDER}/cancel": _cancel,
        f"POST {_ORDER}/changes": _register_change,
        f"POST {_ORDER}/interactions": _interaction,
        f"POST {_ORDER}/invoice": _invoice,
        f"PATCH {_ORDER}/invoice/{{invoiceNumber}}": _tracking_number,
        f"PUT {_ORDER}/invoice/{{invoiceNumber}}/tracking": _tracking,
        f"GET {_ORDER}/conversation-message": _of_delivered("/conversation-message"),
        f"GET {_ORDER}/payment-transaction": _of_delivered("/payment-transaction"),
        f"POST {_ORDER}/payments/{{paymentId}}/payment-notification": (
            _payment_notification
        ),
        "GET /api/oms/pvt/feed/orders/status": _feed_v2,
        f"GET {_FEED}/config": _feed_configuration("GET"),
        f"POST {_FEED}/config": _feed_configuration("POST"),
        f"DELETE {_FEED}/config": _feed_configuration("DELETE"),
        f"GET {_FEED}": _read_feed,
        f"POST {_FEED}": _commit_feed,
        "GET /api/orders/hook/config": _hook_configuration("GET"),
        "POST /api/orders/hook/config": _hook_configuration("POST"),
        "DELETE /api/orders/hook/config": _hook_configuration("DELETE"),
        "GET /api/orders/pvt/document/{orderId}/change-summary": _change_summary,
        "GET /api/oms/user/orders": _users_orders,
        "GET /api/oms/user/orders/{orderId}": _users_order,
        "POST /api/orders/expressions/jsonata": _expression,
        f"GET {_WINDOW}": _get(_WINDOW),
        f"POST {_WINDOW}": _set_window,
        f"PATCH {_CHANGES}": _create_change,
        f"GET {_CHANGES}": _changes,
        f"GET {_CHANGE}": _change,
        f"POST {_CHANGES}/preview": _preview_change,
        f"POST {_CHANGE}/retry": _after_failure("retry", Story.change),
        f"POST {_CHANGE}/cancel": _after_failure(
            "cancel", lambda *_: {"reason": "not after all"}
        ),
        f"PUT {_SYSTEM}/changes/settings": _settings("PUT"),
        f"GET {_SYSTEM}/changes/settings": _settings("GET"),
    }
)
"""By method and path template, as VTEX's published schema writes them."""
