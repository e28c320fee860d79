"""Whether an order, as VTEX shows it, already is what a call would make it; pure."""

from collections.abc import Iterator, Mapping
from typing import Final

from service.domain.raw import entries, mapping, text
from service.domain.statuses import (
    CANCELLATION_REQUESTED,
    INVOICED,
    START_HANDLING,
    overlay_of,
)
from service.react.calls import ClaimedCall

_HANDLED: Final = frozenset(
    {
        START_HANDLING,
        "handling",
        "ready-for-invoicing",
        "invoice-after-cancellation-deny",
        "invoice",
        INVOICED,
    }
)
"""What comes after ready-for-handling only if the handling was started."""


def is_done(call: ClaimedCall, order: Mapping[str, object]) -> bool:
    """Say whether sending *call* would change nothing about *order*."""
    match call.kind:
        case "start-handling":
            return order.get("status") in _HANDLED
        case "cancel":
            return _is_canceling(call, text(order.get("status")))
        case "invoice":
            return any(_packages(call, order))
        case "tracking-number":
            return any(_has_number(call, package) for package in _packages(call, order))
        case "tracking":
            return any(_is_tracked(call, package) for package in _packages(call, order))


def _is_canceling(call: ClaimedCall, status: str | None) -> bool:
    # A second request would confirm what the first only asks for.
    if status is None or (
        call.request.confirms_cancellation and status == CANCELLATION_REQUESTED
    ):
        return False
    return overlay_of(status) in {"canceling", "canceled"}


def _packages(
    call: ClaimedCall, order: Mapping[str, object]
) -> Iterator[Mapping[str, object]]:
    attachment = mapping(order.get("packageAttachment"))
    for package in map(mapping, entries(attachment.get("packages"))):
        if text(package.get("invoiceNumber")) == call.request.invoice_number:
            yield package


def _has_number(call: ClaimedCall, package: Mapping[str, object]) -> bool:
    body = call.request.body or {}
    return all(
        text(package.get(name)) == text(body.get(name))
        for name in ("trackingNumber", "trackingUrl", "courier")
    )


def _is_tracked(call: ClaimedCall, package: Mapping[str, object]) -> bool:
    body = call.request.body or {}
    status = mapping(package.get("courierStatus"))
    shown = {_words(event) for event in entries(status.get("data"))}
    wanted = {_words(event) for event in entries(body.get("events"))}
    return bool(status.get("finished")) == body["isDelivered"] and wanted <= shown


def _words(event: object) -> tuple[str | None, ...]:
    # Not the date: VTEX shows its own beside, or instead of, the one that was sent.
    shown = mapping(event)
    return tuple(text(shown.get(name)) for name in ("city", "state", "description"))
