"""The operation that lists orders: its pages, and all of them slice by slice."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from service.errors import InvalidListingError
from service.orders_api.answer import Answer, Operation
from service.orders_api.filters import FILTERS, OrderFilters, Window
from service.orders_api.transport import Transport

LARGEST_PAGE: Final = 100
"""Orders that VTEX puts on one page, at most."""

LAST_PAGE: Final = 30
"""Pages of one listing that VTEX gives, at most."""

_TICK: Final = timedelta(milliseconds=1)

LIST_ORDERS: Final = Operation(
    method="GET",
    name="orders",
    path="/api/oms/pvt/orders",
    title="List orders",
    call="list_orders",
    query=(*FILTERS.values(), "page", "per_page"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSlice:
    """The orders that were created between the slice before and *until*."""

    orders: Sequence[Mapping[str, object]]
    until: datetime
    is_whole: bool
    """False where one millisecond has more orders than VTEX lists."""


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

    async def slices(
        self, filters: OrderFilters, *, per_page: int = LARGEST_PAGE
    ) -> AsyncIterator[OrderSlice]:
        """Yield the orders created in a window in slices, the oldest first.

        The window is halved until VTEX lists all of it. It should be over: what is
        created meanwhile may be missed. An order of the moment in which a slice ends
        is in the next one too.

        Raises:
            InvalidListingError: There is no window.
        """
        if filters.creation is None:
            raise InvalidListingError(
                "Which window? Every order is listed by its creation."
            )
        windows, most = [filters.creation], LAST_PAGE * per_page
        while windows:
            window = windows.pop()
            halves = _halves(window)
            sliced = replace(filters, creation=window, order_by="creationDate,asc")
            orders: list[Mapping[str, object]] = []
            total = 0
            async for page in self._pages(sliced, per_page=per_page):
                orders += page.orders
                total = page.total
                if total > most and halves:
                    # At once, or since it grew.
                    windows += reversed(halves)
                    break
            else:
                yield OrderSlice(until=window[1], orders=orders, is_whole=total <= most)

    async def every_order(
        self, filters: OrderFilters, *, per_page: int = LARGEST_PAGE
    ) -> AsyncIterator[Mapping[str, object]]:
        """Yield every order created in a window once, the oldest first; see `slices`.

        Raises:
            InvalidListingError: There is no window, or a millisecond holds more
                orders than VTEX lists.
        """
        before: Mapping[object, object] = {}
        async for found in self.slices(filters, per_page=per_page):
            if not found.is_whole:
                raise InvalidListingError(
                    f"The millisecond up to {found.until.isoformat()} has more orders "
                    "than VTEX lists, and cannot be halved; filter further."
                )
            orders = {order.get("orderId"): order for order in found.orders}
            for order_id, order in orders.items():
                if order_id not in before:
                    yield order
            before = orders

    async def _pages(
        self, filters: OrderFilters, *, per_page: int
    ) -> AsyncIterator[OrderPage]:
        for number in range(1, LAST_PAGE + 1):
            page = await self.list_orders(filters, page=number, per_page=per_page)
            yield page
            if number >= page.pages or not page.orders:
                return


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


def _halves(window: Window) -> Sequence[Window]:
    """Return both halves of *window*; none of what VTEX does not tell apart."""
    start, end = window
    if end - start < 2 * _TICK:
        return ()
    middle = start + (end - start) // 2 // _TICK * _TICK
    return (start, middle), (middle, end)
