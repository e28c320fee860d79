"""Which orders a list shows: its filters, its order and its pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from service.sandbox.document_extras import affiliate_of
from service.sandbox.document_payment import PROMOTION
from service.sandbox.index import EVER, OrderIndex, Row
from service.sandbox.invention import SELLERS
from service.sandbox.listing_query import ListQuery, UserQuery
from service.sandbox.orders import Order
from service.sandbox.payments import PAYMENT_NAME, payment_id, tid

_SALES_CHANNEL: Final = ("1", "Main")
"""Id and name of the one trade policy there is."""

_OVER: Final = frozenset({"invoiced", "cancel", "canceled", "replaced"})
_ALIASES: Final = MappingProxyType(
    {"waiting-for-sellers-confirmation": "waiting-for-authorization"}
)
"""Statuses that the lists call otherwise than the orders do."""

_Test = Callable[[Order, Any], bool]


class Paging(NamedTuple):
    """Where a page is among the others."""

    total: int
    page: int
    per_page: int

    def document(self) -> dict[str, object]:
        return {
            "total": self.total,
            "pages": -(-self.total // self.per_page),
            "currentPage": self.page,
            "perPage": self.per_page,
        }

    def cut(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows on the page."""
        start = (self.page - 1) * self.per_page
        return rows[start : start + self.per_page]


def listed(
    index: OrderIndex, account: str, query: ListQuery, *, now: datetime
) -> list[Row]:
    """Return all that *query* asks for, in the order it asks for."""
    wanted: dict[str, object] = {
        name: value
        for name, value in query
        if name in _TESTS and value not in {None, "", ()}
    }
    if query.statuses:
        wanted["statuses"] = _called(query.statuses)
    if query.estimate is not None:
        wanted["estimate"] = (query.estimate, now)
    if (search := query.search()) is not None:
        wanted["search"] = search
    rows = [
        row
        for row in index.rows(account, query.creation or EVER)
        if row.is_incomplete is query.incomplete
    ]
    return _ordered(_passing(rows, wanted), query.order_by)


def listed_to_user(index: OrderIndex, account: str, query: UserQuery) -> list[Row]:
    """Return all that a customer may see of what *query* asks for, newest first."""
    if query.purchase_agents or query.pending:
        # Nobody buys here for a company, so nothing waits for its approval.
        return []
    wanted: dict[str, object] = {"of_shop": True}
    if query.client_email is not None:
        wanted["client_email"] = query.client_email.casefold()
    if query.statuses:
        wanted["statuses"] = _called(query.statuses)
    if query.text:
        wanted["mention"] = query.text.casefold()
    rows = index.rows(account, query.creation or EVER)
    return _ordered(_passing(rows, wanted), "creationDate,desc")


def _passing(rows: list[Row], wanted: Mapping[str, object]) -> list[Row]:
    for name, value in wanted.items():
        test = _TESTS[name]
        rows = [row for row in rows if test(row.order, value)]
    return rows


def _ordered(rows: list[Row], order_by: str) -> list[Row]:
    name, _, direction = order_by.partition(",")
    if name != "creationDate":
        rows.sort(key=_KEYS[name])
    if direction == "desc":
        rows.reverse()
    return rows


# Rows come oldest first and sorting is stable, so equal ones always stay in one order.
_KEYS: Final[Mapping[str, Callable[[Row], Any]]] = MappingProxyType(
    {
        "orderId": attrgetter("order.order_id"),
        "items": attrgetter("quantity"),
        "totalValue": attrgetter("value"),
        "origin": attrgetter("origin"),
    }
)


def estimated_at(order: Order) -> datetime | None:
    """Say when the last item should arrive."""
    estimates = (item.logistics.estimate_at for item in order.items)
    return max((at for at in estimates if at is not None), default=None)


def _due_in(order: Order, wanted: tuple[int, datetime]) -> bool:
    days, now = wanted
    estimate = estimated_at(order)
    if estimate is None:
        return False
    left = (estimate.date() - now.date()).days
    if days < 0:
        return left < 0 and order.status not in _OVER
    return left == days if days <= 1 else 0 <= left <= days


def _called(statuses: Iterable[str]) -> frozenset[str]:
    return frozenset(_ALIASES.get(status, status) for status in statuses)


def _is_about(order: Order, text: str) -> bool:
    shopper, sought = order.shopper, text.casefold()
    if sought in {order.order_id, shopper.email.casefold(), shopper.document}:
        return True
    name = f"{shopper.first_name} {shopper.last_name}".casefold().split()
    return set(sought.split()) <= set(name)


def _mentions(order: Order, text: str) -> bool:
    return any(text in words.casefold() for words in _texts(order))


def _texts(order: Order) -> Iterator[str]:
    shopper = order.shopper
    yield order.order_id
    yield f"{shopper.first_name} {shopper.last_name}"
    yield from (shopper.email, shopper.document, shopper.home.city)
    yield from (item.name for item in order.items)
    yield from (field.value for field in order.custom.fields)


def _is_searched(order: Order, wanted: tuple[str, str]) -> bool:
    field, value = wanted
    if field == "sku_Ids":
        return any(item.sku == value for item in order.items)
    if order.flow == "seller":
        return False
    return value == {"tid": tid, "paymentId": payment_id}.get(field, _nothing)(order)


def _nothing(order: Order) -> None:
    """Stand for the numbers that no order of the sandbox has."""


_TESTS: Final[Mapping[str, _Test]] = MappingProxyType(
    {
        "statuses": lambda order, wanted: order.status in wanted,
        "authorized": lambda order, window: window.holds(order.authorized_at),
        "invoiced": lambda order, window: window.holds(order.invoiced_at),
        "estimate": _due_in,
        "text": _is_about,
        "search": _is_searched,
        "has_input_invoice": lambda order, wanted: (
            any(package.type == "Input" for package in order.packages) is wanted
        ),
        "in_store": lambda order, wanted: order.is_in_store is wanted,
        "utm_source": lambda order, wanted: order.utm_source == wanted,
        "operator": lambda order, wanted: (
            order.operator is not None and order.operator.name == wanted
        ),
        "seller_names": lambda order, wanted: any(
            SELLERS.get(item.seller) == wanted for item in order.items
        ),
        "sales_channel_id": lambda _, wanted: wanted == _SALES_CHANNEL[0],
        "sales_channel": lambda _, wanted: wanted == _SALES_CHANNEL[1],
        "affiliate_id": lambda order, wanted: affiliate_of(order) == wanted,
        "payment_names": lambda order, wanted: (
            order.flow != "seller" and wanted == PAYMENT_NAME
        ),
        "promotions": lambda order, wanted: order.discount > 0 and wanted == PROMOTION,
        "of_shop": lambda order, _: order.flow != "seller" and not order.is_incomplete,
        "client_email": lambda order, email: order.client_email.casefold() == email,
        "mention": _mentions,
    }
)
