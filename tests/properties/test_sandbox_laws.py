"""Laws of the sandbox's OMS: whatever is called, and whenever, its orders hold together."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_kit import invoice_body, tracking_body, tracking_number_body
from service.sandbox import calls, flow
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Caller, Oms, StatusChange
from service.sandbox.orders import Order
from service.sandbox.refusals import RefusedError

ERP = Caller(account="acme", name="erp")
REFUSED = {"cancel", "canceled", "replaced"}

wishes = st.builds(
    Wish,
    flow=st.sampled_from(["complete", "marketplace", "seller", "chain", None]),
    sellers=st.sampled_from([None, 2, 3]),
    fate=st.sampled_from(
        [
            "completed",
            "completed",
            "canceled",
            "payment-denied",
            "payment-changed",
            "replaced",
        ]
    ),
    external_seller=st.booleans(),
    multilevel=st.booleans(),
    wms=st.booleans(),
    external_marketplace=st.booleans(),
    pick_and_pack=st.booleans(),
    manual_authorization=st.booleans(),
    stalled=st.sampled_from([None, None, "authorize-fulfillment"]),
)
pauses = st.sampled_from([0.3, 2.0, 10.0, 86_400.0, 31 * 86_400.0])


def _deny(order: Order) -> calls.Call:
    known = order.requests[-1].request_id if order.requests else "none"
    return calls.deny_cancellation({"cancellationRequestId": known})


def _rest(order: Order) -> calls.Call:
    left = max(0, order.value - order.invoiced_value)
    number = f"R{len(order.packages)}"
    return calls.invoice(invoice_body(order, number, invoiceValue=left))


def _part(order: Order) -> calls.Call:
    number = f"P{len(order.packages)}"
    return calls.invoice(invoice_body(order, number, invoiceValue=100))


def _back(order: Order) -> calls.Call:
    number = f"I{len(order.packages)}"
    return calls.invoice(invoice_body(order, number, type="Input", invoiceValue=50))


CALLS: dict[str, Callable[[Order], calls.Call]] = {
    "start-handling": lambda _: calls.START_HANDLING,
    "cancel": lambda _: calls.cancel({"reason": "late"}),
    "deny": _deny,
    "replace": lambda _: calls.REPLACE,
    "rest": _rest,
    "part": _part,
    "back": _back,
    "number": lambda _: calls.assign_tracking_number("R0", tracking_number_body()),
    "tracking": lambda _: calls.report_tracking("R0", tracking_body()),
}
STEP = "step"
acts = st.tuples(st.sampled_from([STEP, *sorted(CALLS)]), st.integers(0, 9), pauses)


class TestAnySequence:
    @settings(max_examples=60, deadline=None)
    @given(wish=wishes, acts=st.lists(acts, max_size=25), seed=st.integers(0, 99))
    def test_leaves_orders_that_hold_together(
        self, wish: Wish, acts: list[tuple[str, int, float]], seed: int
    ) -> None:
        """Statuses are of their flow, sums are right, and both sides agree."""
        clock = ManualClock()
        oms = Oms(accounts=["acme"], seed=seed, clock=clock)
        changes: list[StatusChange] = []
        oms.listen(changes.append)
        oms.place_order("acme", wish)

        for name, which, pause in acts:
            orders = list(oms.orders("acme"))
            order = orders[which % len(orders)]
            _try(oms, order, name)
            clock.advance(pause)
            for found in oms.orders("acme"):
                _holds(found)
                if found.twin is not None:
                    _agree(found, oms.order("acme", found.twin))

        for change in changes:
            order = oms.order("acme", change.order_id)
            assert change.state in flow.STATUSES[order.flow]

    @settings(max_examples=25, deadline=None)
    @given(wish=wishes, seed=st.integers(0, 99))
    def test_everything_ends(self, wish: Wish, seed: int) -> None:
        """Left alone for months, an order waits for a call or has come to its end."""
        clock = ManualClock()
        oms = Oms(accounts=["acme"], seed=seed, clock=clock)
        oms.place_order("acme", wish)
        clock.advance(120 * 86_400.0)

        assert {order.status for order in oms.orders()} <= {
            "canceled",
            "replaced",
            "payment-approved",
            "waiting-ffmt-authorization",
            "ready-for-handling",
        }
        assert oms.next_due() is None


def _try(oms: Oms, order: Order, name: str) -> None:
    try:
        if name == STEP:
            oms.step("acme", order.order_id)
        else:
            oms.carry_out(ERP, order.order_id, CALLS[name](order))
    except RefusedError:
        return


def _holds(order: Order) -> None:
    assert order.status in flow.STATUSES[order.flow]
    assert order.invoiced_value <= order.value
    if order.status == "invoiced":
        assert order.invoiced_value == order.value
    if order.status in REFUSED:
        assert order.invoiced_value == 0
    assert order.returned_value <= order.invoiced_value


def _agree(order: Order, twin: Order) -> None:
    if twin.twin != order.order_id:
        return
    assert order.items == twin.items
    assert order.packages == twin.packages
    if order.status == flow.DECIDING:
        assert twin.status == flow.ASKED
    if order.status == "invoiced":
        assert twin.status in {"invoice", "invoiced"}
    ended = order.status in REFUSED
    sale_waits = {order.status, twin.status} & {flow.CHANGING_SELLER, "request-cancel"}
    assert ended == (twin.status in REFUSED) or sale_waits
