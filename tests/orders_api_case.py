"""One call of the Orders API's client, and what must go out for it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.client import OrdersApi
from service.orders_api.receipt import Receipt
from vtex import Reply

PATH: Final = {
    "orderId": "1-01",
    "orderGroup": "1",
    "invoiceNumber": "NF-7",
    "paymentId": "P1",
    "changeOrderId": "1-01",
    "changeRequestId": "R1",
}
RECEIPT: Final = Reply(200, {"date": "x", "orderId": "1-01", "receipt": "abc"})
RECEIVED: Final = Receipt(200, "abc")
NOTHING: Final = Reply(200, body=b"")
OBJECT: Final = Reply(200, {"some": "thing"})
ROWS: Final = Reply(200, [{"some": "thing"}])


@dataclass(frozen=True, kw_only=True)
class Case:
    """A call of the client; *body* and *query* are what VTEX must see."""

    call: Callable[[OrdersApi], Awaitable[object]]
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None
    reply: Reply = OBJECT
    result: object = None

    def path(self, operation: Operation) -> str:
        """Return the path of *operation* with the names in it."""
        return operation.path.format_map(PATH)
