"""Takes a change of the second version through its steps, until it is done or given up."""

import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from service.sandbox.calls import Call
from service.sandbox.change_bodies import ChangeWish
from service.sandbox.change_quotes import quote_wish
from service.sandbox.change_records import ChangeCancellation, ChangeLog, ChangeRequest
from service.sandbox.change_refusals import ChangeRefusedError, ChangeUnknownError
from service.sandbox.change_rules import (
    Revision,
    lose_added,
    require_changeable,
    require_second_version,
    require_value,
    revise,
)
from service.sandbox.change_settings import ModificationSettings, merged
from service.sandbox.mishaps import Mishaps
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.rules import Effect

_STEP: Final = (0.5, 1.0)
"""Seconds that each step takes at speed 1."""


class ChangeSteps:
    """Waits for acknowledgement, then for confirmation; an error stops it anywhere."""

    def __init__(self, oms: Oms, *, speed: float) -> None:
        self._oms = oms
        self._speed = speed
        oms.on_alarm("change", Call("change-step", self._step))

    def go_on(self, order: Order, request: ChangeRequest, *, at: datetime) -> None:
        """Let the next step of *request* be due in a moment."""
        rng = Random(f"{request.request_id}/{len(request.logs)}")
        pause = timedelta(seconds=rng.uniform(*_STEP) / self._speed)
        self._oms.set_alarm(order, "change", at + pause)

    def _step(self, order: Order, at: datetime) -> Effect:
        request = next(r for r in order.change_requests if r.is_in_progress)
        mishaps = self._oms.mishaps
        to = None
        if mishaps.strikes("change-fails", order):
            request.has_failed = True
            log(request, "An error stopped it; retry it or cancel it", at=at)
        elif request.status == "waiting-confirmation":
            to = self._confirm(order, request, at=at)
        elif mishaps.strikes("KI-1275957", order):
            request.status = "canceled"
        else:
            request.status = "waiting-confirmation"
            log(request, "Whoever takes part in the order knows of it", at=at)
            self.go_on(order, request, at=at)
        return told(order, request, at=at, to=to)

    def _confirm(
        self, order: Order, request: ChangeRequest, *, at: datetime
    ) -> str | None:
        try:
            # An invoice may have come in the meantime.
            revision = _quoted_again(order, request)
            self._require_still_possible(order, revision)
        except ChangeRefusedError as refusal:
            give_up(request, str(refusal), by_user=False, at=at)
            return None
        request.status = "done"
        log(request, "The order is changed", at=at)
        return put_into_effect(order, revision, self._oms.mishaps)

    def _require_still_possible(self, order: Order, revision: Revision) -> None:
        try:
            require_changeable(order, is_under_way=True)
            require_value(order, revision.effect)
        except ChangeRefusedError:
            if not self._oms.mishaps.strikes("KI-1348894", order):
                raise


def new_request(
    order: Order, wish: ChangeWish, settings: ModificationSettings, *, at: datetime
) -> ChangeRequest:
    """Return the change that *wish* asks for, which has done nothing yet.

    Raises:
        ChangeRefusedError: It cannot be done.
    """
    settings = merged(settings, wish.settings) if wish.settings else settings
    if not settings.rollout_configuration.enable_api:
        raise ChangeRefusedError(
            "The account's settings do not enable changes by API", code="CHK0124"
        )
    require_second_version(order)
    require_changeable(order)
    number = len(order.change_requests)
    request_id = new_id("request", order, number)
    revision = _quoted(order, wish, request_id, settings)
    require_value(order, revision.effect)
    return ChangeRequest(
        request_id=request_id,
        workflow_id=new_id("workflow", order, number),
        at=at,
        reason=wish.reason,
        wanted=wish.model_dump(mode="json", by_alias=True, exclude_unset=True),
        settings=settings.document(),
        discount=wish.discount,
        increment=wish.increment,
        effect=revision.effect,
    )


def put_into_effect(order: Order, revision: Revision, mishaps: Mishaps) -> str | None:
    """Change *order*, and say where it goes from there, if anywhere."""
    to = revise(order, revision)
    operations = revision.effect.operations
    if any(op.removed for op in operations) and mishaps.strikes("KI-784171", order):
        order.flaws.add("KI-784171")
    if any(op.added for op in operations) and mishaps.strikes("KI-412526", order):
        lose_added(order, revision.effect)
    return to


def find_change(order: Order, request_id: str) -> ChangeRequest:
    """Return one change of the second version.

    Raises:
        ChangeUnknownError: The order has no such change.
    """
    for request in order.change_requests:
        if request.request_id == request_id:
            return request
    raise ChangeUnknownError(f"The order has no change {request_id}", code="CHK0289")


def find_stopped(order: Order, request_id: str) -> ChangeRequest:
    """Return one change of the second version that stopped on an error.

    Raises:
        ChangeUnknownError: The order has no such change.
        ChangeRefusedError: It did not stop.
    """
    request = find_change(order, request_id)
    if not request.has_failed:
        raise ChangeRefusedError("The change did not stop on an error", code="CHK0124")
    return request


def log(request: ChangeRequest, message: str, *, at: datetime) -> None:
    """Note what happened to *request*."""
    entry = ChangeLog(at=at, status=request.status, message=message)
    request.logs = (*request.logs, entry)


def give_up(
    request: ChangeRequest, reason: str, *, by_user: bool, at: datetime
) -> None:
    """Cancel *request*; the order stays as it is."""
    request.status, request.has_failed = "canceled", False
    request.cancellation = ChangeCancellation(by_user=by_user, reason=reason, at=at)
    log(request, reason, at=at)


def told(
    order: Order, request: ChangeRequest, *, at: datetime, to: str | None = None
) -> Effect:
    """Tell the ledger how far *request* is."""
    order.changed_at = at
    detail = {
        "requestId": request.request_id,
        "version": 2,
        "status": request.status,
        "failed": request.has_failed,
        "value": order.value,
    }
    return Effect(to=to, detail=detail)


def new_id(kind: str, order: Order, number: int) -> str:
    """Return an id that the same seed gives again."""
    name = f"{kind}/{order.account}/{order.order_id}/{number}"
    return str(UUID(hex=hashlib.sha256(name.encode()).hexdigest()[:32], version=4))


def _quoted_again(order: Order, request: ChangeRequest) -> Revision:
    wish = ChangeWish.model_validate(request.wanted)
    settings = ModificationSettings.model_validate(request.settings)
    return _quoted(order, wish, request.request_id, settings)


def _quoted(
    order: Order, wish: ChangeWish, request_id: str, settings: ModificationSettings
) -> Revision:
    keeps_freight = settings.pipeline_configuration.compensate_shipping_changes
    return quote_wish(order, wish, request_id, keeps_freight=keeps_freight)
