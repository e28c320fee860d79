"""Operations on an order itself."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from service.orders_api.answer import Operation
from service.orders_api.bodies import Body, Cancellation
from service.orders_api.receipt import Receipt
from service.orders_api.transport import Transport

GET_ORDER: Final = Operation(
    method="GET",
    name="order",
    path="/api/oms/pvt/orders/{orderId}",
    title="Get order",
    call="get_order",
    # Documents of 10 MB are seen: many items, custom data, attachments.
    largest_answer=16 * 1024 * 1024,
)
ORDERS_OF_GROUP: Final = Operation(
    method="GET",
    name="order group",
    path="/api/oms/pvt/orders/order-group/{orderGroup}",
    title="Get orders by order group ID",
    call="orders_of_group",
    largest_answer=64 * 1024 * 1024,
)
START_HANDLING: Final = Operation(
    method="POST",
    name="start-handling",
    path="/api/oms/pvt/orders/{orderId}/start-handling",
    title="Start handling order",
    call="start_handling",
)
CANCEL: Final = Operation(
    method="POST",
    name="cancel",
    path="/api/oms/pvt/orders/{orderId}/cancel",
    title="Cancel order",
    call="cancel",
    body=Cancellation,
)

_ORDERS: Final = TypeAdapter(list[dict[str, object]])


class OrderOperations:
    """Reads orders and moves them on."""

    _transport: Transport

    async def get_order(
        self, order_id: str, *, resend_count: int = 0
    ) -> Mapping[str, object]:
        """Return the order's document, personal data included (Get order).

        All who ask for the order before the request goes out share its answer.
        """
        answer = await self._transport.read_order(
            GET_ORDER, order_id, resend_count=resend_count
        )
        return answer.json_object()

    async def orders_of_group(self, group: str) -> Sequence[Mapping[str, object]]:
        """Return all orders of one purchase (Get orders by order group ID)."""
        answer = await self._transport.send(ORDERS_OF_GROUP, path={"orderGroup": group})
        return answer.read_as(_ORDERS, called="a list of orders")

    async def start_handling(self, order_id: str, *, resend_count: int = 0) -> Receipt:
        """Move an order that is ready for it to handling (Start handling order)."""
        answer = await self._transport.send(
            START_HANDLING, path={"orderId": order_id}, resend_count=resend_count
        )
        return Receipt.of(answer)

    async def cancel(
        self, order_id: str, body: Body, *, resend_count: int = 0
    ) -> Receipt:
        """Cancel the order, or ask its seller to (Cancel order)."""
        answer = await self._transport.send(
            CANCEL, path={"orderId": order_id}, body=body, resend_count=resend_count
        )
        return Receipt.of(answer)
