"""Operations on an order itself."""

from collections.abc import Mapping
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.receipt import Receipt
from service.orders_api.transport import Transport

GET_ORDER: Final = Operation(
    method="GET",
    name="order",
    path="/api/oms/pvt/orders/{orderId}",
    # Documents of 10 MB are seen: many items, custom data, attachments.
    largest_answer=16 * 1024 * 1024,
)
START_HANDLING: Final = Operation(
    method="POST",
    name="start-handling",
    path="/api/oms/pvt/orders/{orderId}/start-handling",
)
CANCEL: Final = Operation(
    method="POST", name="cancel", path="/api/oms/pvt/orders/{orderId}/cancel"
)


class OrderOperations:
    """Reads an order and moves it on."""

    _transport: Transport

    async def get_order(
        self, order_id: str, *, resend_count: int = 0
    ) -> Mapping[str, object]:
        """Return the order's document as VTEX gives it, personal data included."""
        answer = await self._transport.send(
            GET_ORDER, path={"orderId": order_id}, resend_count=resend_count
        )
        return answer.json_object()

    async def start_handling(self, order_id: str, *, resend_count: int = 0) -> Receipt:
        """Move the order from ready-for-handling to handling."""
        answer = await self._transport.send(
            START_HANDLING, path={"orderId": order_id}, resend_count=resend_count
        )
        return Receipt.of(answer)

    async def cancel(
        self, order_id: str, body: Mapping[str, object], *, resend_count: int = 0
    ) -> Receipt:
        """Cancel the order, or ask its seller to."""
        answer = await self._transport.send(
            CANCEL, path={"orderId": order_id}, body=body, resend_count=resend_count
        )
        return Receipt.of(answer)
