"""Takes in what is asked about changes of orders, of both versions."""

from datetime import datetime

from service.sandbox.bodies import read_body
from service.sandbox.calls import Call
from service.sandbox.change_bodies import (
    ChangeCancelRequest,
    ChangeRegistration,
    ChangeWish,
)
from service.sandbox.change_quotes import quote_registration
from service.sandbox.change_records import ChangeRequest, RegisteredChange
from service.sandbox.change_rules import (
    require_changeable,
    require_first_version,
    require_value,
)
from service.sandbox.change_settings import ChangeSettings
from service.sandbox.change_steps import (
    ChangeSteps,
    find_stopped,
    give_up,
    log,
    new_id,
    new_request,
    put_into_effect,
    told,
)
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.rules import Effect


class Changes:
    """Changes the orders of *oms*; what it knows of a change is inside the order."""

    def __init__(
        self, oms: Oms, settings: ChangeSettings, *, speed: float = 1.0
    ) -> None:
        self._oms = oms
        self._settings = settings
        self._steps = ChangeSteps(oms, speed=speed)

    def register(self, caller: Caller, order_id: str, body: object) -> RegisteredChange:
        """Change an order at once; an id that was used before changes nothing.

        Raises:
            RefusedError: Nothing was changed.
        """
        found: list[RegisteredChange] = []

        def apply(order: Order, at: datetime) -> Effect:
            wanted = read_body(ChangeRegistration, body)
            known = _registered(order, wanted.request_id)
            to = None if known else self._register(order, wanted, at=at)
            found.append(known or order.registered_changes[-1])
            return Effect(
                to=to,
                outcome="repeated" if known else "done",
                detail={
                    "requestId": wanted.request_id,
                    "version": 1,
                    "value": order.value,
                },
            )

        self._oms.carry_out(caller, order_id, Call("change", apply))
        return found[0]

    def request(self, caller: Caller, order_id: str, body: object) -> ChangeRequest:
        """Let an order be changed, step by step from now on.

        Raises:
            RefusedError: It cannot be.
        """
        found: list[ChangeRequest] = []

        def apply(order: Order, at: datetime) -> Effect:
            wish = read_body(ChangeWish, body)
            settings = self._settings.modifications(order.account)
            request = new_request(order, wish, settings, at=at)
            order.change_requests.append(request)
            self._steps.go_on(order, request, at=at)
            found.append(request)
            return told(order, request, at=at)

        self._oms.carry_out(caller, order_id, Call("change-request", apply))
        return found[0]

    def preview(self, account: str, order_id: str, body: object) -> ChangeRequest:
        """Work out what a change would do, and do nothing.

        Raises:
            RefusedError: It could not be done.
        """
        wish = read_body(ChangeWish, body)
        order = self._oms.order(account, order_id)
        settings = self._settings.modifications(account)
        return new_request(order, wish, settings, at=self._oms.clock.now())

    def retry(
        self, caller: Caller, order_id: str, request_id: str, body: object
    ) -> None:
        """Let a change that stopped on an error go on, as it was asked for at first.

        Raises:
            RefusedError: It did not stop.
        """

        def apply(order: Order, at: datetime) -> Effect:
            wish = read_body(ChangeWish, body)
            request = find_stopped(order, request_id)
            request.has_failed = False
            log(request, f"Tried again: {wish.reason}", at=at)
            self._steps.go_on(order, request, at=at)
            return told(order, request, at=at)

        self._oms.carry_out(caller, order_id, Call("change-retry", apply))

    def cancel(
        self, caller: Caller, order_id: str, request_id: str, body: object
    ) -> None:
        """Give a change up that stopped on an error.

        Raises:
            RefusedError: It did not stop.
        """

        def apply(order: Order, at: datetime) -> Effect:
            reason = read_body(ChangeCancelRequest, body).reason
            request = find_stopped(order, request_id)
            give_up(request, reason, by_user=True, at=at)
            return told(order, request, at=at)

        self._oms.carry_out(caller, order_id, Call("change-cancel", apply))

    def _register(
        self, order: Order, wanted: ChangeRegistration, *, at: datetime
    ) -> str | None:
        require_first_version(order)
        require_changeable(order)
        revision = quote_registration(order, wanted)
        require_value(order, revision.effect)
        change = RegisteredChange(
            request_id=wanted.request_id,
            reason=wanted.reason,
            discount=wanted.discount_value,
            increment=wanted.increment_value,
            effect=revision.effect,
            at=at,
            receipt=new_id("receipt", order, len(order.registered_changes)),
        )
        order.registered_changes.append(change)
        order.changed_at = at
        return put_into_effect(order, revision, self._oms.mishaps)


def _registered(order: Order, request_id: str) -> RegisteredChange | None:
    known = (c for c in order.registered_changes if c.request_id == request_id)
    return next(known, None)
