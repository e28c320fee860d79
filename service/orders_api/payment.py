"""Operations on an order's payments."""

from collections.abc import Mapping
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.transport import Transport

TRANSACTION: Final = Operation(
    method="GET",
    name="payment-transaction",
    path="/api/oms/pvt/orders/{orderId}/payment-transaction",
    title="Retrieve payment transaction",
    call="get_payment_transaction",
)
NOTIFY: Final = Operation(
    method="POST",
    name="payment-notification",
    path="/api/oms/pvt/orders/{orderId}/payments/{paymentId}/payment-notification",
    title="Send payment notification",
    call="notify_payment",
)


class PaymentOperations:
    """Reads how an order is paid and tells that it was."""

    _transport: Transport

    async def get_payment_transaction(self, order_id: str) -> Mapping[str, object]:
        """Return the transaction and its payments (Retrieve payment transaction)."""
        answer = await self._transport.send(TRANSACTION, path={"orderId": order_id})
        return answer.json_object()

    async def notify_payment(self, order_id: str, payment_id: str) -> None:
        """Tell that a payment was made (Send payment notification)."""
        await self._transport.send(
            NOTIFY, path={"orderId": order_id, "paymentId": payment_id}
        )
