"""What the lists of orders know: every order, as it was some minutes ago."""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from service.sandbox.faults import Faults, NoFaults
from service.sandbox.listing_query import Window
from service.sandbox.oms import Oms
from service.sandbox.orders import Order

LAG: Final = timedelta(minutes=4)
"""How long VTEX takes to index a change."""

EVER: Final = Window(None, None)

_READABLE: Final = timedelta(days=730)
"""Orders that are older cannot be read any more."""

_LAST: Final = chr(0x10FFFF)
"""Comes after every order id."""

_Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """An order as it was when it was indexed; *value* is in cents."""

    order: Order
    is_incomplete: bool
    origin: str
    value: int
    quantity: int


def row_of(order: Order) -> Row:
    """Take *order* down as it is now."""
    quantity = sum(item.quantity for item in order.items)
    # Of what changes in place, the lists look at the packages alone.
    copy = replace(order, packages=list(order.packages))
    return Row(copy, order.is_incomplete, order.origin, order.value, quantity)


class OrderIndex:
    """Hears of every change at once, and tells of it *lag* later.

    With the fault `list-loses-orders` an order is never indexed, with `KI-577103` a
    change of one is not.
    """

    def __init__(
        self, oms: Oms, *, lag: timedelta = LAG, faults: Faults | None = None
    ) -> None:
        self._oms = oms
        self._lag = lag
        self._faults = faults or NoFaults()
        self._created: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self._rows: defaultdict[str, list[Row]] = defaultdict(list)
        """Of each account, in the order of what was created when."""
        self._heard: set[_Ref] = set()
        self._lost: set[_Ref] = set()
        self._coming: deque[tuple[datetime, Row]] = deque()
        self._caught_up = False
        oms.watch(self._hear)

    def rows(self, account: str, window: Window = EVER) -> list[Row]:
        """Return what is known of the orders created within *window*, oldest first."""
        self._oms.advance()
        now = self._oms.clock.now()
        self._settle(now)
        if not self._caught_up:
            self._catch_up(now)
        oldest = now - _READABLE
        start = max(window.start, oldest) if window.start else oldest
        created = self._created[account]
        first = bisect_left(created, (start, ""))
        end = bisect_right(created, (window.end, _LAST)) if window.end else None
        return self._rows[account][first:end]

    def _catch_up(self, now: datetime) -> None:
        """Index the orders that were there before the index was."""
        self._caught_up = True
        for order in self._oms.orders():
            ref = (order.account, order.order_id)
            is_old = ref not in self._heard or order.created_at + self._lag <= now
            if is_old and ref not in self._lost and not self._holds(order):
                self._put(row_of(order))

    def _holds(self, order: Order) -> bool:
        created, key = self._created[order.account], _key(order)
        place = bisect_left(created, key)
        return created[place : place + 1] == [key]

    def _hear(self, order: Order, at: datetime) -> None:
        ref = (order.account, order.order_id)
        self._settle(at)
        if ref not in self._heard:
            self._heard.add(ref)
            if self._strikes("list-loses-orders", order):
                self._lost.add(ref)
        elif self._strikes("KI-577103", order):
            return
        if ref not in self._lost:
            self._coming.append((at + self._lag, row_of(order)))

    def _strikes(self, fault: str, order: Order) -> bool:
        return self._faults.strikes(
            fault, account=order.account, order_id=order.order_id
        )

    def _settle(self, now: datetime) -> None:
        while self._coming and self._coming[0][0] <= now:
            self._put(self._coming.popleft()[1])

    def _put(self, row: Row) -> None:
        order = row.order
        created, rows = self._created[order.account], self._rows[order.account]
        place = bisect_left(created, _key(order))
        if self._holds(order):
            rows[place] = row
        else:
            created.insert(place, _key(order))
            rows.insert(place, row)


def _key(order: Order) -> tuple[datetime, str]:
    return order.created_at, order.order_id
