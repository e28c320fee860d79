"""The OMS itself: orders come in, go their way and are handled; no network here."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Final

from service.sandbox import flow
from service.sandbox.arrivals import Arrivals
from service.sandbox.calls import Call
from service.sandbox.clock import Clock
from service.sandbox.invention import Wish, invent_order
from service.sandbox.orders import Cancellation, Canceller, Order
from service.sandbox.refusals import OrderUnknownError, RefusedError
from service.sandbox.state import LedgerEntry, State

_REASONS: Final[Mapping[Canceller, str]] = {
    "shopper": "Desisti da compra",
    "payment": "Pagamento negado",
    "merchant": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who does something, for which account, and in which trace."""

    account: str
    name: str
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """An order came into a status: what feed and hook tell."""

    account: str
    order_id: str
    domain: str
    state: str
    last_state: str
    at: datetime


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
    ) -> None:
        self._accounts = tuple(accounts)
        self._seed = seed
        self._clock = clock
        self._speed = speed
        self._state = State()
        self._listeners: list[Callable[[StatusChange], None]] = []
        self._arrivals = Arrivals(
            self._accounts,
            per_minute=orders_per_minute,
            rng=Random(f"{seed}/arrivals"),
            since=clock.now(),
        )

    def listen(self, listener: Callable[[StatusChange], None]) -> None:
        """Tell *listener* of every change of status from now on."""
        self._listeners.append(listener)

    def next_due(self) -> datetime | None:
        """Say when something happens without a call."""
        order = self._state.next_due()
        moments = (order.due_at if order else None, self._arrivals.next_at)
        return min((at for at in moments if at is not None), default=None)

    def advance(self) -> None:
        """Do all that has become due."""
        now = self._clock.now()
        while (at := self.next_due()) is not None and at <= now:
            if at == self._arrivals.next_at:
                self._place(self._arrivals.take(), Wish(), at=at)
            elif (order := self._state.next_due()) is not None:
                self._move(order, flow.destination(order), at=at)

    def place_order(
        self, account: str | None = None, wish: Wish | None = None
    ) -> Order:
        """Place an order; what *wish* leaves open is invented.

        Raises:
            RefusedError: This sandbox has no such account.
        """
        account = account or self._accounts[0]
        if account not in self._accounts:
            raise RefusedError(f"This sandbox has no account {account}")
        self.advance()
        return self._place(account, wish or Wish(), at=self._clock.now())

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

    def ledger(self, *, after: int = 0, limit: int | None = None) -> list[LedgerEntry]:
        """Return what happened after entry number *after*, at most *limit* entries."""
        self.advance()
        return self._state.ledger(after=after, limit=limit)

    def carry_out(self, caller: Caller, order_id: str, call: Call) -> Receipt:
        """Do what *caller* asks; the ledger keeps it, done or refused.

        Raises:
            RefusedError: Nothing was changed; its class says why.
        """
        at = self._clock.now()
        try:
            order = self.order(caller.account, order_id)
            effect = call.apply(order, at)
        except RefusedError as refusal:
            reason = {"code": refusal.code, "reason": str(refusal)}
            self._record(caller, order_id, call.kind, reason, at=at, outcome="refused")
            raise
        number = self._record(
            caller, order_id, call.kind, effect.detail, at=at, outcome=effect.outcome
        )
        if effect.to is not None:
            self._move(order, effect.to, at=at)
        return Receipt(
            order_id=order.order_id,
            at=at,
            receipt=hashlib.sha256(f"{self._seed}/{number}".encode()).hexdigest()[:32],
        )

    def _place(self, account: str, wish: Wish, *, at: datetime) -> Order:
        order = invent_order(
            account,
            self._state.count(account),
            wish,
            seed=self._seed,
            speed=self._speed,
            at=at,
        )
        self._state.add(order)
        self._record(
            Caller(account=account, name="shopper"),
            order.order_id,
            "placed",
            {"value": order.value},
            at=at,
        )
        self._enter(order, flow.FIRST, last_state="", at=at)
        return order

    def _move(self, order: Order, to: str, *, at: datetime) -> None:
        if to == flow.CANCEL and order.cancellation is None:
            by = order.fate.cancelled_by
            order.cancellation = Cancellation(reason=_REASONS[by], by=by, at=at)
        elif to == "payment-approved":
            order.authorized_at = at
        elif to == "authorize-fulfillment":
            order.fulfilling = True
        elif to == "invoiced":
            order.invoiced_at = at
        order.moves += 1
        self._enter(order, to, last_state=order.status, at=at)

    def _enter(
        self, order: Order, state: str, *, last_state: str, at: datetime
    ) -> None:
        order.status, order.entered_at, order.changed_at = state, at, at
        # Drawn afresh for every move, so that no order's fate hangs on another's.
        rng = Random(f"{self._seed}/{order.account}/{order.order_id}/{order.moves}")
        stay = flow.dwell(order, rng=rng, speed=self._speed)
        self._state.schedule(order, None if stay is None else at + stay)
        self._record(
            Caller(account=order.account, name="oms"),
            order.order_id,
            "status",
            {"state": state, "lastState": last_state},
            at=at,
        )
        change = StatusChange(
            account=order.account,
            order_id=order.order_id,
            domain=flow.domain_of(order),
            state=state,
            last_state=last_state,
            at=at,
        )
        for listener in self._listeners:
            listener(change)

    def _record(
        self,
        caller: Caller,
        order_id: str,
        kind: str,
        detail: Mapping[str, object],
        *,
        at: datetime,
        outcome: str = "done",
    ) -> int:
        entry = LedgerEntry(
            number=self._state.recorded + 1,
            at=at,
            account=caller.account,
            order_id=order_id,
            kind=kind,
            by=caller.name,
            outcome=outcome,
            detail=detail,
            trace_id=caller.trace_id,
        )
        self._state.record(entry)
        return entry.number
