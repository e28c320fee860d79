"""Operations on an order's invoices and the packages that travel with them."""

from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.bodies import Body, Dispatch, Invoice, Tracking
from service.orders_api.receipt import Receipt
from service.orders_api.transport import Transport

INVOICE: Final = Operation(
    method="POST",
    name="invoice",
    path="/api/oms/pvt/orders/{orderId}/invoice",
    title="Order invoice notification",
    call="invoice",
    body=Invoice,
)
UPDATE_INVOICE: Final = Operation(
    method="PATCH",
    name="invoice",
    path="/api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}",
    title="Update order's partial invoice (send tracking number)",
    call="update_invoice",
    body=Dispatch,
)
UPDATE_TRACKING: Final = Operation(
    method="PUT",
    name="tracking",
    path="/api/oms/pvt/orders/{orderId}/invoice/{invoiceNumber}/tracking",
    title="Update order tracking status",
    call="update_tracking",
    body=Tracking,
)


class InvoiceOperations:
    """Invoices an order and tells where its packages are."""

    _transport: Transport

    async def invoice(
        self, order_id: str, body: Body, *, resend_count: int = 0
    ) -> Receipt:
        """Add an invoice (Order invoice notification).

        The same number again only gives another receipt.
        """
        answer = await self._transport.send(
            INVOICE, path={"orderId": order_id}, body=body, resend_count=resend_count
        )
        return Receipt.of(answer)

    async def update_invoice(
        self,
        order_id: str,
        invoice_number: str,
        body: Body,
        *,
        resend_count: int = 0,
    ) -> Receipt:
        """Give an invoice's package its number (Update order's partial invoice)."""
        answer = await self._transport.send(
            UPDATE_INVOICE,
            path={"orderId": order_id, "invoiceNumber": invoice_number},
            body=body,
            resend_count=resend_count,
        )
        return Receipt.of(answer)

    async def update_tracking(
        self,
        order_id: str,
        invoice_number: str,
        body: Body,
        *,
        resend_count: int = 0,
    ) -> Receipt:
        """Tell where a package is (Update order tracking status).

        It needs its tracking number first.
        """
        answer = await self._transport.send(
            UPDATE_TRACKING,
            path={"orderId": order_id, "invoiceNumber": invoice_number},
            body=body,
            resend_count=resend_count,
        )
        return Receipt.of(answer)
