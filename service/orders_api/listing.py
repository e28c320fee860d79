"""The operation that lists orders: its filters, its pages, and the limit of both."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

from pydantic import BaseModel, Field, TypeAdapter

from service.errors import InvalidListingError
from service.orders_api.answer import Answer, Operation
from service.orders_api.transport import Transport

LARGEST_PAGE: Final = 100
"""Orders that VTEX puts on one page, at most."""

LAST_PAGE: Final = 30
"""Pages of one listing that VTEX gives, at most."""

MOST_STATUSES: Final = 7
"""Statuses that one listing may ask for."""

_TICK: Final = timedelta(milliseconds=1)

Window: TypeAlias = tuple[datetime, datetime]
"""Two moments, both within; VTEX knows milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters:
    """Which orders to list, and in which order; what is None does not matter."""

    creation: Window | None = None
    authorized: Window | None = None
    invoiced: Window | None = None
    status: Sequence[str] = ()
    has_input_invoice: bool | None = None
    text: str | None = None
    """An order id, or a client's name, e-mail or document."""
    shipping_estimate: int | None = None
    """Days until delivery; -1 for what is late."""
    utm_source: str | None = None
    seller_names: str | None = None
    call_center_operator: str | None = None
    sales_channel: str | None = None
    sales_channel_id: str | None = None
    affiliate_id: str | None = None
    incomplete: bool | None = None
    payment_names: str | None = None
    promotions: str | None = None
    search_field: str | None = None
    in_store: bool | None = None
    order_by: str | None = None
    """A field and a direction, such as `creationDate,desc`."""

    def query(self) -> dict[str, str]:
        """Return the filters as VTEX spells them.

        Raises:
            InvalidListingError: VTEX takes no such filters.
        """
        if len(self.status) > MOST_STATUSES:
            raise InvalidListingError(
                f"VTEX filters by {MOST_STATUSES} statuses at most, not by "
                f"{len(self.status)}; list without, and pass over the others."
            )
        return dict(self._spelt())

    def _spelt(self) -> Iterator[tuple[str, str]]:
        for field in fields(self):
            value, name = getattr(self, field.name), _NAMES[field.name]
            match value:
                case None | ():
                    pass
                case bool():
                    yield name, str(value).lower()
                case int():
                    yield name, f"{value}.days"
                case (datetime(), datetime()):
                    yield name, f"{_SPANS[field.name]}:{span(value)}"
                case str():
                    yield name, value
                case _:
                    yield name, ",".join(value)


_NAMES: Final = {
    "creation": "f_creationDate",
    "authorized": "f_authorizedDate",
    "invoiced": "f_invoicedDate",
    "status": "f_status",
    "has_input_invoice": "f_hasInputInvoice",
    "text": "q",
    "shipping_estimate": "f_shippingEstimate",
    "utm_source": "f_UtmSource",
    "seller_names": "f_sellerNames",
    "call_center_operator": "f_callCenterOperatorName",
    "sales_channel": "f_salesChannel",
    "sales_channel_id": "salesChannelId",
    "affiliate_id": "f_affiliateId",
    "incomplete": "incompleteOrders",
    "payment_names": "f_paymentNames",
    "promotions": "f_RnB",
    "search_field": "searchField",
    "in_store": "f_isInstore",
    "order_by": "orderBy",
}
_SPANS: Final = {
    "creation": "creationDate",
    "authorized": "authorizedDate",
    "invoiced": "invoicedDate",
}

LIST_ORDERS: Final = Operation(
    method="GET",
    name="orders",
    path="/api/oms/pvt/orders",
    title="List orders",
    call="list_orders",
    query=(*_NAMES.values(), "page", "per_page"),
)


class _Paging(BaseModel):
    total: Annotated[int, Field(ge=0)]
    pages: Annotated[int, Field(ge=0)]


class _Listing(BaseModel):
    list: list[dict[str, object]]
    paging: _Paging


_LISTING: Final = TypeAdapter(_Listing)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPage:
    """One page of a listing: rows as VTEX gives them, of *total* in *pages*."""

    orders: Sequence[Mapping[str, object]]
    total: int
    pages: int
    page: int


class ListOperations:
    """Lists orders; the list is some minutes behind the orders themselves."""

    _transport: Transport

    async def list_orders(
        self, filters: OrderFilters, *, page: int, per_page: int = LARGEST_PAGE
    ) -> OrderPage:
        """Return one page of the orders that pass *filters* (List orders).

        Raises:
            InvalidListingError: VTEX gives no such page.
        """
        query = filters.query() | page_query(page, per_page)
        return page_of(await self._transport.send(LIST_ORDERS, query=query), page)

    async def every_order(
        self, filters: OrderFilters, *, per_page: int = LARGEST_PAGE
    ) -> AsyncIterator[Mapping[str, object]]:
        """Yield every order created in a window once, the oldest first.

        The window is halved until VTEX lists all of it. It should be over: what is
        created meanwhile may be missed.

        Raises:
            InvalidListingError: There is no window, or a millisecond holds more
                orders than VTEX lists.
        """
        if filters.creation is None:
            raise InvalidListingError(
                "Which window? Every order is listed by its creation."
            )
        windows, known = [filters.creation], dict[object, None]()
        most = LAST_PAGE * per_page
        while windows:
            window = windows.pop()
            sliced = replace(filters, creation=window, order_by="creationDate,asc")
            async for page in self._pages(sliced, per_page=per_page):
                if page.total > most:
                    # At once, or since it grew: what was yielded comes again.
                    windows += reversed(_halves(window))
                    break
                for order in _new(page.orders, known, remembered=2 * most):
                    yield order

    async def _pages(
        self, filters: OrderFilters, *, per_page: int
    ) -> AsyncIterator[OrderPage]:
        for number in range(1, LAST_PAGE + 1):
            page = await self.list_orders(filters, page=number, per_page=per_page)
            yield page
            if number >= page.pages or not page.orders:
                return


def _new(
    orders: Sequence[Mapping[str, object]],
    known: dict[object, None],
    *,
    remembered: int,
) -> Iterator[Mapping[str, object]]:
    for order in orders:
        order_id = order.get("orderId")
        if order_id not in known:
            yield order
        known[order_id] = None
    while len(known) > remembered:
        known.pop(next(iter(known)))


def page_query(page: int, per_page: int) -> dict[str, str]:
    """Return which page is asked for, as VTEX spells it.

    Raises:
        InvalidListingError: VTEX gives no such page.
    """
    if not (1 <= page <= LAST_PAGE and 1 <= per_page <= LARGEST_PAGE):
        raise InvalidListingError(
            f"VTEX gives pages 1 to {LAST_PAGE} of 1 to {LARGEST_PAGE} orders, not "
            f"page {page} of {per_page}; slice by creation date to see them all."
        )
    return {"page": str(page), "per_page": str(per_page)}


def page_of(answer: Answer, page: int) -> OrderPage:
    """Return the page that *answer* holds.

    Raises:
        UnreadableAnswerError: It holds something else.
    """
    found = answer.read_as(_LISTING, called="a list of orders")
    paging = found.paging
    return OrderPage(
        orders=found.list, total=paging.total, pages=paging.pages, page=page
    )


def span(window: Window) -> str:
    """Return *window* as VTEX spells it.

    Raises:
        InvalidListingError: A moment has no time zone.
    """
    start, end = map(_moment, window)
    return f"[{start} TO {end}]"


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise InvalidListingError("A window's moments need a time zone.")
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{text.removesuffix('+00:00')}Z"


def _halves(window: Window) -> tuple[Window, Window]:
    start, end = window
    if end - start <= _TICK:
        raise InvalidListingError(
            f"The window at {start.isoformat()} has more orders than VTEX lists, and "
            "cannot be halved; filter further."
        )
    middle = start + (end - start) // 2 // _TICK * _TICK
    return (start, middle), (middle, end)
