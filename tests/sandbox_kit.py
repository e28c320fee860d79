"""What the tests of the sandbox share: a shop, a way to a status, and request bodies."""

from datetime import datetime, timedelta

from typing_extensions import override

from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.faults import Faults
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms, StatusChange
from service.sandbox.orders import Order

Body = dict[str, object]


class ChosenFaults(Faults):
    """Whatever is in `names` happens every time."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)

    @override
    def strikes(self, fault: str, *, account: str, order_id: str = "") -> bool:
        return fault in self.names


class OneOrderShop:
    """An OMS with one account and one purchase in it, and a hand on its clock."""

    seller_window = timedelta(days=2)

    def __init__(self, *faults: str, **wish: object) -> None:
        self.clock = ManualClock()
        self.oms = Oms(
            accounts=["acme"],
            seed=7,
            clock=self.clock,
            faults=ChosenFaults(*faults),
            seller_window=lambda _: self.seller_window,
        )
        self.changes: list[StatusChange] = []
        self.oms.listen(self.changes.append)
        wished = Wish.model_validate({"fate": "completed"} | wish)
        self.order = self.oms.place_order("acme", wished)

    @property
    def twin(self) -> Order:
        assert self.order.twin is not None
        return self.oms.order("acme", self.order.twin)

    def bring(self, status: str, order: Order | None = None) -> None:
        bring(self.oms, self.clock, order or self.order, status)

    def do(self, call: calls.Call, order: Order | None = None) -> None:
        order = order or self.order
        caller = Caller(account=order.account, name="erp")
        self.oms.carry_out(caller, order.order_id, call)

    def handle(self, order: Order) -> None:
        self.bring("ready-for-handling", order)
        self.do(calls.START_HANDLING, order)
        self.bring("handling", order)

    def states(self, order: Order | None = None) -> list[str]:
        order = order or self.order
        return [c.state for c in self.changes if c.order_id == order.order_id]


def status_change(
    state: str = "handling",
    *,
    at: datetime,
    account: str = "acme",
    order_id: str = "1-01",
) -> StatusChange:
    return StatusChange(
        account=account,
        order_id=order_id,
        domain="Marketplace",
        state=state,
        last_state="",
        at=at,
    )


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
