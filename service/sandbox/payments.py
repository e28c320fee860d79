"""The payment of an order: its transaction, and the word that it was paid."""

from typing import Any, Final

from service.sandbox.calls import Call
from service.sandbox.document import order_document
from service.sandbox.orders import Order
from service.sandbox.refusals import NotAllowedError, PaymentUnknownError
from service.sandbox.rules import Effect

PAYMENT_NAME: Final = "Mastercard"
"""How every shopper pays."""

_UNPAID: Final = frozenset(
    {
        "order-created",
        "on-order-completed",
        "waiting-for-authorization",
        "waiting-for-mkt-authorization",
    }
)


def payment_id(order: Order) -> str:
    return f"payment-{order.sequence}"


def tid(order: Order) -> str:
    """Return the payment's number at the acquirer."""
    return f"tid-{order.sequence}"


def notify_payment(payment: str) -> Call:
    """Say that *payment* was made; saying it again changes nothing."""
    return Call("payment-notification", lambda order, _: _notified(order, payment))


def _notified(order: Order, payment: str) -> Effect:
    if order.flow == "seller" or payment != payment_id(order):
        raise PaymentUnknownError(f"The order has no payment {payment}")
    detail = {"paymentId": payment}
    if order.status == "payment-pending":
        return Effect(to="approve-payment", detail=detail)
    if order.status in _UNPAID or order.is_incomplete or order.cancellation:
        raise NotAllowedError(f"An order in {order.status} awaits no payment")
    return Effect(outcome="repeated", detail=detail)


def transaction_document(order: Order) -> dict[str, object]:
    """Return the transaction of *order*, in the words of the payment gateway.

    Raises:
        PaymentUnknownError: It is the seller's; the marketplace's has the payment.
    """
    if order.flow == "seller":
        raise PaymentUnknownError("Ask for the marketplace's order: it has the payment")
    document: dict[str, Any] = order_document(order)
    transaction = document["paymentData"]["transactions"][0]
    return {"status": _status(order), **transaction}


def _status(order: Order) -> str:
    if order.cancellation is not None:
        return "Canceled"
    if order.invoiced_at is not None:
        return "Finished"
    if order.authorized_at is not None:
        return "Approved"
    return "Authorizing" if order.status not in _UNPAID else "Started"
