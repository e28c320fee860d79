"""What the tests of the sandbox share: a way to a status, and request bodies."""

from service.sandbox.clock import ManualClock
from service.sandbox.oms import Oms
from service.sandbox.orders import Order

Body = dict[str, object]


def bring(oms: Oms, clock: ManualClock, order: Order, status: str) -> None:
    """Let time pass until *order* is in *status*."""
    while order.status != status:
        due = oms.next_due()
        assert due is not None, f"stays in {order.status}"
        clock.set(due)
        oms.advance()


def invoice_body(order: Order, number: str = "NF1", **changes: object) -> Body:
    """Bill all of *order*, unless told otherwise."""
    body: Body = {
        "type": "Output",
        "invoiceNumber": number,
        "invoiceValue": str(order.value),
        "issuanceDate": "2026-03-02T12:00:00Z",
        "items": [
            {"id": item.sku, "price": item.price, "quantity": item.quantity}
            for item in order.items
        ],
    }
    return body | changes


def tracking_number_body(**changes: object) -> Body:
    body: Body = {
        "trackingNumber": "SB1BR",
        "trackingUrl": None,
        "courier": "Correios PAC",
        "dispatchedDate": None,
    }
    return body | changes


def tracking_body(**changes: object) -> Body:
    body: Body = {
        "isDelivered": False,
        "deliveredDate": None,
        "events": [
            {
                "city": "Recife",
                "state": "PE",
                "description": "Em trânsito",
                "date": "2026-03-02 12:30",
            }
        ],
    }
    return body | changes
