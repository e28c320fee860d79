"""The timeline: each fact worth telling a person, in words without personal data."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple, assert_never

from service.domain.facts import (
    CallKind,
    CallParked,
    CallRefused,
    CallSucceeded,
    CancellationRequested,
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    OrderFact,
    OrderStatusReported,
    PersonalDataErased,
    TrackingNumberAssigned,
)
from service.domain.stage import TRIGGER_NAMES
from service.domain.tracking import Tracking

_SOURCES: Final[Mapping[str, str]] = {
    "feed": "Reported by the feed",
    "hook": "Reported by the hook",
    "reconciler": "Found by the reconciler",
}
_CALLS: Final[Mapping[CallKind, str]] = {
    "start-handling": "start of handling",
    "invoice": "invoice",
    "tracking-number": "tracking number",
    "tracking": "courier update",
    "cancel": "cancellation",
}


class Entry(NamedTuple):
    """What a person reads about a fact."""

    title: str
    summary: str | None


def entry_of(
    fact: OrderFact, *, before: Tracking | None, after: Tracking
) -> Entry | None:
    """Tell *fact* by what it says and by what it moved; None when it is not news."""
    moves = (
        [] if before is not None and _stays(before, after) else _moves(before, after)
    )
    if not moves and fact.type == "OrderDetailsFetched":
        return None
    title, said = _words(fact, after)
    if moves:
        said = "; ".join(moves if said is None else (said, *moves))
    return Entry(title, said)


def details_of(fact: OrderFact) -> str:
    """Return what the timeline tells in full of *fact*: JSON, without the document."""
    return fact.model_dump_json(exclude={"type", "document"})


def _stays(before: Tracking, after: Tracking) -> bool:
    return (
        before.stage is after.stage
        and before.overlay is after.overlay
        and before.courier_state is after.courier_state
    )


def _moves(before: Tracking | None, after: Tracking) -> list[str]:
    moves = []
    if after.stage is not None and (before is None or before.stage != after.stage):
        trigger = after.triggers[after.stage.number - 1]
        moves.append(f"stage {after.stage.number}: {TRIGGER_NAMES[trigger]}")
    if after.overlay != (before.overlay if before else None):
        moves.append(after.overlay or "back on its way")
    if after.courier_state != (before.courier_state if before else "pending"):
        moves.append(f"courier: {after.courier_state.replace('_', ' ')}")
    return moves


def _words(fact: OrderFact, after: Tracking) -> tuple[str, str | None]:
    match fact.type:
        case "OrderStatusReported":
            return _status(fact, after), _SOURCES[fact.source]
        case "OrderDetailsFetched":
            return "Order read at VTEX", None
        case "HandlingRequested" | "CancellationRequested" | "PersonalDataErased":
            return _request_words(fact)
        case "InvoiceIssued" | "TrackingNumberAssigned" | "CourierUpdateReceived":
            return _parcel_words(fact)
        case "CallSucceeded" | "CallRefused" | "CallParked":
            return _call_words(fact)
        case _:
            assert_never(fact)


def _request_words(
    fact: HandlingRequested | CancellationRequested | PersonalDataErased,
) -> tuple[str, str | None]:
    match fact.type:
        case "HandlingRequested":
            return "Handling requested", f"By {fact.requested_by}"
        case "CancellationRequested":
            who = "shopper" if fact.requested_by_user else "merchant"
            return "Cancellation requested", f"By the {who}: {fact.reason}"
        case "PersonalDataErased":
            return "Personal data erased", None


def _status(fact: OrderStatusReported, after: Tracking) -> str:
    told = f"status {fact.state}" if fact.state else "no workflow yet"
    # A notification that came late or twice did not change the status.
    return told.capitalize() if fact.state == after.status else f"Late notice: {told}"


def _parcel_words(
    fact: InvoiceIssued | TrackingNumberAssigned | CourierUpdateReceived,
) -> tuple[str, str | None]:
    number = fact.invoice_number
    match fact.type:
        case "InvoiceIssued":
            kind = "Invoice" if fact.invoice_type == "Output" else "Return invoice"
            return f"{kind} {number} issued", _carried(fact)
        case "TrackingNumberAssigned":
            return f"Tracking number for invoice {number}", _carried(fact)
        case "CourierUpdateReceived":
            told = "delivered" if fact.is_delivered else "on its way"
            return f"Package of invoice {number} {told}", _seen(fact)


def _carried(fact: InvoiceIssued | TrackingNumberAssigned) -> str | None:
    return " ".join(filter(None, (fact.courier, fact.tracking_number))) or None


def _seen(fact: CourierUpdateReceived) -> str | None:
    last = max(fact.checkpoints, key=_when, default=None)
    if last is None:
        return None
    place = ", ".join(filter(None, (last.city, last.state)))
    return f"{last.description} ({place})" if place else last.description


def _when(checkpoint: Checkpoint) -> datetime:
    return checkpoint.at


def _call_words(
    fact: CallSucceeded | CallRefused | CallParked,
) -> tuple[str, str | None]:
    what = _CALLS[fact.kind]
    match fact.type:
        case "CallSucceeded":
            times = f"After {fact.attempts} attempts" if fact.attempts > 1 else None
            return f"VTEX took the {what}", times
        case "CallRefused":
            code = f" ({fact.code})" if fact.code else ""
            return f"VTEX refused the {what}", f"{fact.reason}{code}"
        case "CallParked":
            return f"Set aside: {what}", fact.reason
