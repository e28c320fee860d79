"""Lists the orders of a time in slices that VTEX gives whole."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from service.orders_api.listing import (
    LARGEST_PAGE,
    LAST_PAGE,
    OrderFilters,
    OrderPage,
    Window,
)

MOST: Final = LAST_PAGE * LARGEST_PAGE
"""Orders that VTEX lists of one window, at most."""

SHORTEST: Final = timedelta(seconds=1)
"""No window is split further than this."""

_log = structlog.get_logger()


class OrderList(Protocol):
    """What lists the orders of one account."""

    account: str

    async def list_orders(
        self, filters: OrderFilters, *, page: int, per_page: int = LARGEST_PAGE
    ) -> OrderPage:
        """See `OrdersApi.list_orders`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """All orders that were created between the slice before and *until*, as listed."""

    until: datetime
    rows: Sequence[Mapping[str, object]]


async def slices(api: OrderList, window: Window) -> AsyncIterator[Slice]:
    """Yield the orders that were created in *window*, oldest slice first.

    Raises:
        OrdersApiError: See its subclass.
    """
    to_list = [window]
    while to_list:
        start, end = to_list.pop()
        filters = OrderFilters(creation=(start, end), order_by="creationDate,asc")
        first = await api.list_orders(filters, page=1)
        if first.total > MOST and end - start > SHORTEST:
            middle = start + (end - start) / 2
            to_list += [(middle, end), (start, middle)]
            continue
        if first.total > MOST:
            _log.error(
                "more orders than VTEX lists", account=api.account, total=first.total
            )
        rows = list(first.orders)
        for page in range(2, min(first.pages, LAST_PAGE) + 1):
            rows += (await api.list_orders(filters, page=page)).orders
        yield Slice(until=end, rows=rows)
