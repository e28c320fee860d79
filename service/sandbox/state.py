"""Everything the OMS remembers: its orders, what is due when, and the ledger."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Literal, NamedTuple

from service.sandbox.orders import Order

Alarm = Literal["move", "reason", "change"]
"""What an order has an alarm for: its own next step, a reason that comes late, and the
next step of a change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One thing that happened in the OMS; *by* is an appKey or a part of the sandbox."""

    number: int
    at: datetime
    account: str
    order_id: str
    kind: str
    by: str
    outcome: str
    detail: Mapping[str, object]
    trace_id: str | None = None


class Due(NamedTuple):
    """Something that happens to an order without a call."""

    at: datetime
    account: str
    order_id: str
    alarm: str


class State:
    """Orders, what is due when, and the ledger, in memory."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_sequence: dict[tuple[str, str], Order] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._groups: defaultdict[tuple[str, str], list[Order]] = defaultdict(list)
        self._due: list[Due] = []
        self._ledger: list[LedgerEntry] = []
        self._forgotten = 0
        self._marked: dict[tuple[str, str], Order] = {}

    def add(self, order: Order) -> None:
        self._orders[order.account, order.order_id] = order
        self._by_sequence[order.account, order.sequence] = order
        self._groups[order.account, order.group].append(order)
        self._counts[order.account] += 1
        self.mark(order)
        for alarm, at in order.alarms.items():
            heappush(self._due, Due(at, order.account, order.order_id, alarm))

    def mark(self, order: Order) -> None:
        """Note that *order* is not any more as it was kept."""
        self._marked[order.account, order.order_id] = order

    def take_marked(self) -> list[Order]:
        """Return the orders that changed since the last time."""
        marked, self._marked = self._marked, {}
        return list(marked.values())

    def count(self, account: str) -> int:
        return self._counts[account]

    def find(self, account: str, reference: str) -> Order | None:
        """Return the order with the id or the `seq…` number *reference*."""
        if reference.startswith("seq"):
            return self._by_sequence.get((account, reference.removeprefix("seq")))
        return self._orders.get((account, reference))

    def group(self, account: str, group: str) -> list[Order]:
        """Return the orders of one purchase, in the order they were placed."""
        return list(self._groups.get((account, group), ()))

    def orders(self, account: str | None = None) -> Iterator[Order]:
        """Return all orders, oldest first."""
        return (
            order
            for order in self._orders.values()
            if account is None or order.account == account
        )

    def schedule(self, order: Order, alarm: Alarm, at: datetime | None) -> None:
        """Set or stop one of *order*'s alarms; replaces the one before."""
        if at is None:
            order.alarms.pop(alarm, None)
            return
        order.alarms[alarm] = at
        heappush(self._due, Due(at, order.account, order.order_id, alarm))

    def next_due(self) -> Due | None:
        """Return what happens first."""
        while self._due:
            due = self._due[0]
            order = self._orders[due.account, due.order_id]
            if order.alarms.get(due.alarm) == due.at:
                return due
            heappop(self._due)
        return None

    def record(self, entry: LedgerEntry) -> None:
        self._ledger.append(entry)

    def recall(self, entries: list[LedgerEntry]) -> None:
        """Begin with *entries*, the last of a ledger that was kept."""
        self._ledger = entries
        self._forgotten = entries[0].number - 1 if entries else 0

    @property
    def recorded(self) -> int:
        """Number of the last ledger entry; they count from 1."""
        return self._forgotten + len(self._ledger)

    def ledger(self, *, after: int, limit: int | None) -> list[LedgerEntry]:
        """Return the entries above number *after*, at most *limit*."""
        start = max(0, after - self._forgotten)
        return self._ledger[start : None if limit is None else start + limit]
