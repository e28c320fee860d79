"""What the tests of order changes share: a shop with an order in handling, and bodies."""

from typing import Final

from sandbox_kit import Body, ChosenFaults, bring, invoice_body
from service.sandbox import calls
from service.sandbox.change_desk import Changes
from service.sandbox.change_records import ChangeRequest, RegisteredChange
from service.sandbox.change_settings import ChangeSettings
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order

ACCOUNT: Final = "acme"
ERP: Final = Caller(account=ACCOUNT, name="erp")
TWO_DELIVERIES: Final = Wish(
    flow="complete", fate="completed", items=2, sellers=1, channel="delivery"
)
LONG_ENOUGH: Final = 5.0
"""Seconds after which every change has come to its end."""


class ChangeShop:
    """An OMS whose orders can be changed, and a hand on its clock."""

    def __init__(self, *faults: str, seed: int = 7) -> None:
        self.clock = ManualClock()
        self.faults = ChosenFaults(*faults)
        self.settings = ChangeSettings()
        self.oms = Oms(
            accounts=[ACCOUNT],
            seed=seed,
            clock=self.clock,
            faults=self.faults,
            seller_window=self.settings.window_to_change_seller,
        )
        self.changes = Changes(self.oms, self.settings)

    def order_in(self, status: str, wish: Wish = TWO_DELIVERIES) -> Order:
        order = self.oms.place_order(ACCOUNT, wish)
        bring(self.oms, self.clock, order, status)
        return order

    def handled(self, wish: Wish = TWO_DELIVERIES) -> Order:
        order = self.order_in("ready-for-handling", wish)
        self.oms.carry_out(ERP, order.order_id, calls.START_HANDLING)
        bring(self.oms, self.clock, order, "handling")
        return order

    def invoice(self, order: Order, number: str = "NF1", **changes: object) -> None:
        body = invoice_body(order, number, **changes)
        self.oms.carry_out(ERP, order.order_id, calls.invoice(body))

    def register(self, order: Order, **changes: object) -> RegisteredChange:
        """Make a change of the first version."""
        body = registration(**changes)
        return self.changes.register(ERP, order.order_id, body)

    def ask(self, order: Order, **changes: object) -> ChangeRequest:
        """Ask for a change of the second version."""
        return self.changes.request(ERP, order.order_id, wish(**changes))

    def change(self, order: Order, **changes: object) -> ChangeRequest:
        """Ask for a change of the second version, and wait for its end."""
        asked = self.ask(order, **changes)
        self.wait()
        return asked

    def wait(self, seconds: float = LONG_ENOUGH) -> None:
        self.clock.advance(seconds)
        self.oms.advance()


def registration(**changes: object) -> Body:
    """Take a hundred cents off, unless told otherwise."""
    body: Body = {
        "requestId": "change-1",
        "reason": "out of stock",
        "discountValue": 100,
        "incrementValue": 0,
    }
    return body | changes


def wish(**changes: object) -> Body:
    return {"reason": "out of stock", **changes}


def lines(*skus: str, quantity: int = 1, **more: object) -> Body:
    """Name *quantity* units of each SKU, for `add` or `remove`."""
    return {"items": [{"id": sku, "quantity": quantity, **more} for sku in skus]}


def priced(sku: str, price: int, quantity: int = 1) -> Body:
    """Name units of a SKU and their price, for a change of the first version."""
    return {"id": sku, "price": price, "quantity": quantity}


def absent(order: Order) -> str:
    """Return a SKU of the catalogue that is not in *order*."""
    taken = {item.sku for item in order.items}
    return next(s for s in ("2001", "2002", "2003", "2004") if s not in taken)
