"""Laws of the lists of orders: every page once, and what a plain filter would find."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox_kit import invoice_body
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.index import OrderIndex
from service.sandbox.invention import Wish
from service.sandbox.listing import Paging, listed
from service.sandbox.listing_query import LAST_PAGE, ListQuery
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order

STATUSES = ("payment-pending", "ready-for-handling", "handling", "invoiced", "canceled")
FLAGS = st.sampled_from(("true", "false"))
ORDER_BY = st.tuples(
    st.sampled_from(("creationDate", "orderId", "items", "totalValue", "origin")),
    st.sampled_from(("asc", "desc")),
).map(",".join)


@cache
def shop() -> tuple[Oms, OrderIndex]:
    """Make orders in every status and of every flow, at odd moments."""
    clock = ManualClock()
    oms = Oms(accounts=["acme", "other"], seed=11, clock=clock)
    index = OrderIndex(oms, lag=timedelta(0))
    for number in range(120):
        wish = Wish(
            flow="any",
            operator="Ana Operadora" if number % 5 == 0 else None,
            in_store=number % 4 == 0,
            incomplete=number % 17 == 0,
        )
        oms.place_order("other" if number % 9 == 0 else "acme", wish)
        clock.advance(1.7)
        attend(oms)
    return oms, index


def attend(oms: Oms) -> None:
    """Handle most orders, invoice half of these, take some back."""
    caller = Caller(account="acme", name="erp")
    for order in list(oms.orders("acme")):
        number = int(order.sequence)
        if order.flow not in {"complete", "seller"}:
            continue
        if order.status == "ready-for-handling" and number % 4:
            oms.carry_out(caller, order.order_id, calls.START_HANDLING)
        elif order.status == "handling" and number % 2:
            body = invoice_body(order)
            oms.carry_out(caller, order.order_id, calls.invoice(body))
        elif order.status == "invoiced" and not number % 3 and not order.returned_value:
            body = invoice_body(order, "back", type="Input")
            oms.carry_out(caller, order.order_id, calls.invoice(body))


@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime, datetime]:
    """Draw two moments around the time of the orders, at milliseconds."""
    start = datetime(2026, 3, 2, 12, tzinfo=UTC)
    moments = st.integers(-20_000, 260_000).map(
        lambda milliseconds: start + timedelta(milliseconds=milliseconds)
    )
    return draw(moments), draw(moments)


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "f_status": st.lists(st.sampled_from(STATUSES), max_size=3).map(",".join),
        "f_isInstore": FLAGS,
        "f_hasInputInvoice": FLAGS,
        "incompleteOrders": FLAGS,
        "f_callCenterOperatorName": st.just("Ana Operadora"),
        "f_creationDate": windows(),
        "f_authorizedDate": windows(),
        "orderBy": ORDER_BY,
    },
)


def query(filters: Mapping[str, object], **paging: object) -> ListQuery:
    written = {
        name: (
            f"{name.removeprefix('f_')}:"
            f"[{value[0].isoformat()} TO {value[1].isoformat()}]"
            if isinstance(value, tuple)
            else value
        )
        for name, value in filters.items()
    }
    return ListQuery.model_validate({**written, **paging})


PLAIN: Mapping[str, Callable[[Order, Any], bool]] = {
    "f_status": lambda order, text: not text or order.status in text.split(","),
    "f_isInstore": lambda order, flag: order.is_in_store == (flag == "true"),
    "f_hasInputInvoice": lambda order, flag: (
        bool(order.returned_value) == (flag == "true")
    ),
    "f_callCenterOperatorName": lambda order, name: (
        order.operator is not None and order.operator.name == name
    ),
    "f_creationDate": lambda order, window: within(order.created_at, *window),
    "f_authorizedDate": lambda order, window: within(order.authorized_at, *window),
    "incompleteOrders": lambda order, flag: order.is_incomplete == (flag == "true"),
    "orderBy": lambda *_: True,
}
"""Each filter, as plainly as possible."""


def within(at: datetime | None, start: datetime, end: datetime) -> bool:
    return at is not None and start <= at < end + timedelta(milliseconds=1)


def expected(filters: Mapping[str, object]) -> set[str]:
    oms, _ = shop()
    wanted = {"incompleteOrders": "false", **filters}
    return {
        order.order_id
        for order in oms.orders("acme")
        if all(PLAIN[name](order, value) for name, value in wanted.items())
    }


def pages(filters: Mapping[str, object], per_page: int) -> list[list[str]]:
    oms, index = shop()
    shown = []
    for page in range(1, LAST_PAGE + 1):
        asked = query(filters, page=page, per_page=per_page)
        rows = listed(index, "acme", asked, now=oms.clock.now())
        paging = Paging(len(rows), asked.page, asked.per_page)
        shown.append([row.order.order_id for row in paging.cut(rows)])
        if page * per_page >= len(rows):
            break
    return shown


class TestPages:
    @given(filters=FILTERS, per_page=st.integers(7, 100))
    def test_show_each_order_once(
        self, filters: dict[str, object], per_page: int
    ) -> None:
        """All pages together are what a plain filter finds, each order once."""
        shown = pages(filters, per_page)
        orders = [order_id for page in shown for order_id in page]

        assert len(orders) == len(set(orders))
        assert set(orders) == expected(filters)
        assert all(len(page) == per_page for page in shown[:-1])

    @given(page=st.integers(LAST_PAGE + 1), per_page=st.integers(1, 100))
    def test_end_with_the_thirtieth(self, page: int, per_page: int) -> None:
        """There is no page after the thirtieth, however short the pages are."""
        try:
            query({}, page=page, per_page=per_page)
        except ValidationError as error:
            refused = [fault["loc"] for fault in error.errors()]
        else:
            refused = []

        assert refused == [("page",)]


class TestOrder:
    @given(filters=FILTERS, order_by=ORDER_BY)
    def test_is_kept(self, filters: dict[str, object], order_by: str) -> None:
        """Rows come in the order that was asked for, and backwards if it was."""
        oms, index = shop()
        name, _, direction = order_by.partition(",")
        asked = query({**filters, "orderBy": order_by})
        rows = listed(index, "acme", asked, now=oms.clock.now())
        keys: list[Any] = [
            {
                "creationDate": row.order.created_at,
                "orderId": row.order.order_id,
                "items": sum(item.quantity for item in row.order.items),
                "totalValue": row.order.value,
                "origin": row.order.origin,
            }[name]
            for row in rows
        ]

        assert keys == sorted(keys, reverse=direction == "desc")
