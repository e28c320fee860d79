"""Moves orders from status to status, and writes down and tells what happened."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from service.sandbox import cancelling, flow, twins
from service.sandbox.calls import Call
from service.sandbox.mishaps import LATE_REASON, Mishaps
from service.sandbox.orders import NO_STATUS, Order
from service.sandbox.purchase import replacement
from service.sandbox.refusals import RefusedError, WorkflowBrokenError
from service.sandbox.state import Due, LedgerEntry, State


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


class Workflow:
    """Takes each order through its flow, and the order of the other side with it."""

    def __init__(
        self,
        state: State,
        mishaps: Mishaps,
        *,
        seller_window: Callable[[str], timedelta],
        seed: int,
        speed: float,
    ) -> None:
        self.listeners: list[Callable[[StatusChange], None]] = []
        self.watchers: list[Callable[[Order, datetime], None]] = []
        self._seller_window = seller_window
        self.chores: dict[str, Call] = {}
        """What is done when an alarm of this name is due."""
        self._state = state
        self._mishaps = mishaps
        self._seed = seed
        self._speed = speed

    def place(self, orders: Sequence[Order], caller: Caller, *, at: datetime) -> None:
        """Take *orders* in; those of an incomplete purchase wait for `begin`."""
        for order in orders:
            order.entered_at = order.changed_at = at
            self._mishaps.mark(order)
            self._state.add(order)
            detail = {"value": order.value, "flow": order.flow}
            self.record(caller, order.order_id, "placed", detail, at=at)

    def begin(self, orders: Sequence[Order], *, at: datetime) -> None:
        """Let *orders* start on their way."""
        for order in orders:
            self._enter(order, flow.FIRST[order.flow], at=at)

    def happen(self, due: Due) -> None:
        """Do what an order has an alarm for."""
        order = self._state.find(due.account, due.order_id)
        if order is None:
            return
        if due.alarm == "move":
            self.go_on(order, at=due.at)
        elif due.alarm in self.chores:
            del order.alarms[due.alarm]
            caller = Caller(account=order.account, name="oms")
            with suppress(RefusedError):
                self.carry_out(caller, order, self.chores[due.alarm], at=due.at)
        else:
            self._state.schedule(order, "reason", None)
            order.flaws.discard("KI-792650")
            self.touch(order, at=due.at)

    def go_on(self, order: Order, *, at: datetime) -> None:
        """Take *order*'s next automatic step."""
        if order.status == flow.CANCELED:
            order.flaws.add("KI-1242813")
        to = flow.destination(order, self._twin(order))
        if self._mishaps.keeps_from(order, to):
            self._state.schedule(order, "move", None)
            self.touch(order, at=at)
        else:
            self.move(order, to, at=at)

    def carry_out(
        self, caller: Caller, order: Order, call: Call, *, at: datetime
    ) -> int:
        """Do *call* with all that follows; return the number of the ledger's entry.

        Raises:
            RefusedError: Nothing was changed; the ledger has it too.
        """
        try:
            if order.status == "start-handling" and order.in_error:
                raise WorkflowBrokenError
            effect = call.apply(order, at)
        except RefusedError as refusal:
            self.refuse(caller, order.order_id, call, refusal, at=at)
            raise
        number = self.record(
            caller,
            order.order_id,
            call.kind,
            effect.detail,
            at=at,
            outcome=effect.outcome,
        )
        if effect.outcome == "done":
            self.follow_up(order, effect.to, at=at)
        return number

    def refuse(
        self,
        caller: Caller,
        order_id: str,
        call: Call,
        refusal: RefusedError,
        *,
        at: datetime,
    ) -> None:
        """Write down that *call* was not carried out."""
        reason = {"code": refusal.code, "reason": str(refusal)}
        self.record(caller, order_id, call.kind, reason, at=at, outcome="refused")

    def follow_up(self, order: Order, to: str | None, *, at: datetime) -> None:
        """Bring what a call did to *order* to the other side, and move it."""
        twin = self._twin(order)
        if twin is not None and twins.mirror(order, twin):
            self.touch(twin, at=at)
        if to is None:
            self.touch(order, at=at)
        if to is not None:
            self.move(order, to, at=at)

    def move(self, order: Order, to: str, *, at: datetime) -> None:
        """Bring *order* from its status to *to*."""
        if to == flow.CHANGING_SELLER and not self._seller_window(order.account):
            to = flow.CANCEL
        self._prepare(order, to, at=at)
        order.moves += 1
        self._enter(order, to, at=at)
        if to == flow.REPLACED and order.flow != "seller":
            self._replace(order, at=at)

    def _prepare(self, order: Order, to: str, *, at: datetime) -> None:
        if to == flow.CANCEL:
            cancelling.explain(order, self._twin(order), at=at)
        elif to == flow.CHANGING_PAYMENT:
            order.fate = replace(order.fate, pays_otherwise=False)
        elif to == "payment-approved":
            self._authorize(order, at=at)
        elif to == "authorize-fulfillment":
            order.fulfilling = True
            order.authorized_at = order.authorized_at or at
        elif to == "invoiced":
            order.invoiced_at = at

    def _authorize(self, order: Order, *, at: datetime) -> None:
        if order.authorized_at is None or (
            order.status == "invoice"
            and self._mishaps.strikes("KI-authorized-date", order)
        ):
            order.authorized_at = at

    def _replace(self, order: Order, *, at: datetime) -> None:
        made = replacement(order, number=self._state.count(order.account), at=at)
        self.place(made, Caller(account=order.account, name="shopper"), at=at)
        self.begin(made, at=at)

    def _enter(self, order: Order, state: str, *, at: datetime) -> None:
        last_state, order.status = order.status, state
        order.entered_at = order.changed_at = at
        self._mishaps.enter(order)
        self._schedule(order, at=at)
        self.record(
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
        for listener in self.listeners:
            listener(change)
        self.touch(order, at=at)
        self._echo(order, at=at)

    def _schedule(self, order: Order, *, at: datetime) -> None:
        stay = self._stay(order)
        self._state.schedule(order, "move", None if stay is None else at + stay)
        if "KI-792650" in order.flaws and order.status == flow.CANCEL:
            self._state.schedule(order, "reason", at + LATE_REASON)

    def _stay(self, order: Order) -> timedelta | None:
        twin = self._twin(order)
        if self._mishaps.is_stuck(order, twin):
            return None
        if self._mishaps.relapses(order):
            return timedelta(seconds=1)
        if order.status == flow.CHANGING_SELLER:
            return self._seller_window(order.account)
        # Drawn afresh for every move, so that no order's fate hangs on another's.
        rng = Random(f"{self._seed}/{order.account}/{order.order_id}/{order.moves}")
        return flow.dwell(order, twin, rng=rng, speed=self._speed)

    def _echo(self, order: Order, *, at: datetime) -> None:
        twin = self._twin(order)
        if twin is None or twin.status == NO_STATUS:
            return
        if (to := twins.answer(order, twin)) is not None:
            self._hear(order, to, twin, at=at)
        elif (to := twins.echo(order, twin)) is not None:
            self._hear(twin, to, order, at=at)

    def _hear(self, order: Order, to: str, twin: Order, *, at: datetime) -> None:
        if self._mishaps.keeps_from(order, to):
            return
        if to == flow.ASKED:
            asked = twin.requests[-1]
            cancelling.ask(order, asked.reason, by=asked.by, at=at)
        self.move(order, to, at=at)

    def _twin(self, order: Order) -> Order | None:
        return (order.twin and self._state.find(order.account, order.twin)) or None

    def touch(self, order: Order, *, at: datetime) -> None:
        """Tell that something in *order* has changed."""
        self._state.mark(order)
        for watcher in self.watchers:
            watcher(order, at)

    def record(
        self,
        caller: Caller,
        order_id: str,
        kind: str,
        detail: Mapping[str, object],
        *,
        at: datetime,
        outcome: str = "done",
    ) -> int:
        """Write down what happened, and return the number of the entry."""
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
