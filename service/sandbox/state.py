"""Everything the OMS remembers: one class, so that it can be kept elsewhere later."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush

from service.sandbox.orders import Order


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


class State:
    """Orders, what is due when, and the ledger, in memory."""

    def __init__(self) -> None:
        self._orders: dict[tuple[str, str], Order] = {}
        self._by_sequence: dict[tuple[str, str], Order] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._due: list[tuple[datetime, str, str]] = []
        self._ledger: list[LedgerEntry] = []

    def add(self, order: Order) -> None:
        self._orders[order.account, order.order_id] = order
        self._by_sequence[order.account, order.sequence] = order
        self._counts[order.account] += 1

    def count(self, account: str) -> int:
        return self._counts[account]

    def find(self, account: str, reference: str) -> Order | None:
        """Return the order with the id or the `seq…` number *reference*."""
        if reference.startswith("seq"):
            return self._by_sequence.get((account, reference.removeprefix("seq")))
        return self._orders.get((account, reference))

    def orders(self, account: str | None = None) -> Iterator[Order]:
        """Return all orders, oldest first."""
        return (
            order
            for order in self._orders.values()
            if account is None or order.account == account
        )

    def schedule(self, order: Order, at: datetime | None) -> None:
        """Let *order* go on at *at*, or not by itself; replaces what was due."""
        order.due_at = at
        if at is not None:
            heappush(self._due, (at, order.account, order.order_id))

    def next_due(self) -> Order | None:
        """Return the order that goes on first."""
        while self._due:
            at, account, order_id = self._due[0]
            order = self._orders[account, order_id]
            if order.due_at == at:
                return order
            heappop(self._due)
        return None

    def record(self, entry: LedgerEntry) -> None:
        self._ledger.append(entry)

    @property
    def recorded(self) -> int:
        """Number of the last ledger entry; they count from 1."""
        return len(self._ledger)

    def ledger(self, *, after: int, limit: int | None) -> list[LedgerEntry]:
        """Return the entries above number *after*, at most *limit*."""
        return self._ledger[after : None if limit is None else after + limit]
