"""The OMS itself: orders come in, go their way and are handled; no network here."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from service.sandbox import flow
from service.sandbox.arrivals import Arrivals
from service.sandbox.calls import Call
from service.sandbox.clock import Clock
from service.sandbox.faults import Faults, NoFaults
from service.sandbox.invention import Wish
from service.sandbox.mishaps import Mishaps
from service.sandbox.oms_keeping import OmsKeeping
from service.sandbox.orders import Order
from service.sandbox.purchase import invent_purchase, new_seller_order, paid_unasked
from service.sandbox.refusals import NotAllowedError, OrderUnknownError, RefusedError
from service.sandbox.state import Alarm, LedgerEntry, State
from service.sandbox.workflow import Caller, StatusChange, Workflow

__all__ = ["Caller", "Oms", "Receipt", "StatusChange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """VTEX's answer to a call that changed an order."""

    order_id: str
    at: datetime
    receipt: str


class Oms:
    """An order management system that holds its orders as VTEX does.

    Its clock moves it: every method first does what has become due since the last
    one, in order and as of the time it was due. So the same seed with the same calls
    at the same times gives the same ledger, however often somebody looks.
    """

    def __init__(
        self,
        *,
        accounts: Sequence[str],
        seed: int,
        clock: Clock,
        speed: float = 1.0,
        orders_per_minute: float = 0.0,
        faults: Faults | None = None,
        seller_window: Callable[[str], timedelta] = flow.two_days,
    ) -> None:
        self.clock = clock
        self.accounts = tuple(accounts)
        self.mishaps = Mishaps(faults or NoFaults())
        self.seed = seed
        self._speed = speed
        self._state = State()
        self._workflow = Workflow(
            self._state,
            self.mishaps,
            seller_window=seller_window,
            seed=seed,
            speed=speed,
        )
        self._arrivals = Arrivals(
            self.accounts,
            per_minute=orders_per_minute,
            rng=Random(f"{seed}/arrivals"),
            since=clock.now(),
        )
        self._kept = OmsKeeping(self._state, self._arrivals)

    @property
    def kept(self) -> OmsKeeping:
        """All that has to be kept of it."""
        return self._kept

    def listen(self, listener: Callable[[StatusChange], None]) -> None:
        """Tell *listener* of every change of status from now on."""
        self._workflow.listeners.append(listener)

    def watch(self, watcher: Callable[[Order, datetime], None]) -> None:
        """Tell *watcher* of every change of an order, of its status or not."""
        self._workflow.watchers.append(watcher)

    def next_due(self) -> datetime | None:
        """Say when something happens without a call."""
        due = self._state.next_due()
        moments = (due.at if due else None, self._arrivals.next_at)
        return min((at for at in moments if at is not None), default=None)

    def advance(self) -> None:
        """Do all that has become due."""
        now = self.clock.now()
        while (at := self.next_due()) is not None and at <= now:
            if at == self._arrivals.next_at:
                self._invent(self._arrivals.take(), Wish(flow="any"), at=at)
            elif (due := self._state.next_due()) is not None:
                self._workflow.happen(due)

    def close_until(self, at: datetime) -> None:
        """Let no shopper come before *at*."""
        self._arrivals.close_until(at)

    def place_order(
        self, account: str | None = None, wish: Wish | None = None
    ) -> Order:
        """Place a purchase, and return the order that *wish* is about.

        Raises:
            RefusedError: This sandbox has no such account.
        """
        account = self.known_account(account)
        self.advance()
        return self._invent(account, wish or Wish(), at=self.clock.now())

    def known_account(self, account: str | None) -> str:
        """Return *account*, or the first one of this sandbox.

        Raises:
            RefusedError: This sandbox has no such account.
        """
        account = account or self.accounts[0]
        if account not in self.accounts:
            raise RefusedError(f"This sandbox has no account {account}")
        return account

    def take_in(
        self, caller: Caller, make: Callable[[int, datetime], Sequence[Order]]
    ) -> Sequence[Order]:
        """Take in what *make* makes of the account's next number; `begin` starts it."""
        self.advance()
        at = self.clock.now()
        orders = make(self._state.count(caller.account), at)
        self._workflow.place(orders, caller, at=at)
        for order in orders:
            self._workflow.touch(order, at=at)
        return orders

    def order(self, account: str, reference: str) -> Order:
        """Return an order, by its id or `seq…` number, as it stands now.

        Raises:
            OrderUnknownError: The account has no such order.
        """
        self.advance()
        order = self._state.find(account, reference)
        if order is None:
            raise OrderUnknownError
        return order

    def orders(self, account: str | None = None) -> Iterator[Order]:
        """Return all orders as they stand now, oldest first."""
        self.advance()
        return self._state.orders(account)

    def group(self, account: str, group: str) -> list[Order]:
        """Return all orders of one purchase, in the order they were placed."""
        self.advance()
        return self._state.group(account, group)

    def ledger(self, *, after: int = 0, limit: int | None = None) -> list[LedgerEntry]:
        """Return what happened after entry number *after*, at most *limit* entries."""
        self.advance()
        return self._state.ledger(after=after, limit=limit)

    def carry_out(self, caller: Caller, order_id: str, call: Call) -> Receipt:
        """Do what *caller* asks; the ledger keeps it, done or refused.

        Raises:
            RefusedError: Nothing was changed; its class says why.
        """
        at = self.clock.now()
        try:
            order = self.order(caller.account, order_id)
        except OrderUnknownError as refusal:
            self._workflow.refuse(caller, order_id, call, refusal, at=at)
            raise
        number = self._workflow.carry_out(caller, order, call, at=at)
        return Receipt(
            order_id=order.order_id,
            at=at,
            receipt=hashlib.sha256(f"{self.seed}/{number}".encode()).hexdigest()[:32],
        )

    def begin(self, orders: Sequence[Order]) -> None:
        """Let the incomplete ones among *orders* start on their way."""
        waiting = [order for order in orders if order.is_incomplete]
        self._workflow.begin(waiting, at=self.clock.now())

    def change_seller(self, account: str, order_id: str, seller: str) -> Order:
        """Give a sale whose seller cancelled to *seller*, and return his order.

        Raises:
            RefusedError: The sale does not wait for another seller.
        """
        sale = self.order(account, order_id)
        if sale.status != flow.CHANGING_SELLER:
            raise NotAllowedError(f"An order in {sale.status} keeps its seller")
        at = self.clock.now()
        number = self._state.count(account)
        order = new_seller_order(sale, seller, number=number, at=at)
        caller = Caller(account=account, name="marketplace")
        self._workflow.place([order], caller, at=at)
        self._workflow.begin([order], at=at)
        self._workflow.move(sale, "waiting-for-authorization", at=at)
        return order

    def on_alarm(self, alarm: Alarm, call: Call) -> None:
        """Let the platform itself do *call* when an order's *alarm* is due."""
        self._workflow.chores[alarm] = call

    def set_alarm(self, order: Order, alarm: Alarm, at: datetime) -> None:
        """Let *alarm* be due at *at*."""
        self._state.schedule(order, alarm, at)

    def step(self, account: str, order_id: str) -> Order:
        """Let an order take its next automatic step now.

        Raises:
            RefusedError: It waits for somebody.
        """
        order = self.order(account, order_id)
        if "move" not in order.alarms:
            raise NotAllowedError(
                f"An order in {order.status or 'no workflow'} waits for somebody"
            )
        self._workflow.go_on(order, at=self.clock.now())
        return order

    def _invent(self, account: str, wish: Wish, *, at: datetime) -> Order:
        orders = invent_purchase(
            account,
            self._state.count(account),
            wish,
            seed=self.seed,
            speed=self._speed,
            at=at,
        )
        self._workflow.place(orders, Caller(account=account, name="shopper"), at=at)
        if not wish.incomplete:
            self._workflow.begin(orders, at=at)
        elif self.mishaps.strikes("KI-345526", orders[0]):
            self._workflow.begin(paid_unasked(orders), at=at)
        self._tell_incomplete(orders, at=at)
        return orders[0]

    def _tell_incomplete(self, orders: Sequence[Order], *, at: datetime) -> None:
        for order in orders:
            if order.is_incomplete:
                self._workflow.touch(order, at=at)
