"""How far a package is, as its carrier tells through VTEX or to us."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from service.domain.courier_words import CourierState, state_of_words
from service.domain.document import CourierStatus, PartialCheckpoint
from service.domain.facts import CourierUpdateReceived

_ATTENTION: Final[Sequence[CourierState]] = (
    "exception",
    "returned",
    "failed_attempt",
    "expired",
)
_LEAST_ADVANCED: Final[Sequence[CourierState]] = (
    "pending",
    "unknown",
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "delivered",
)
_RANKED: Final = (*_ATTENTION, *_LEAST_ADVANCED)
_UNDATED: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierProgress:
    """How far one package is."""

    state: CourierState = "pending"
    text: str | None = None
    """The carrier's newest words, as they came."""
    last_checkpoint: PartialCheckpoint | None = None
    delivered_at: datetime | None = None


NOT_SEEN: Final = CourierProgress()
"""Of a package that no carrier has told anything about."""


def progress_of(status: CourierStatus | None) -> CourierProgress:
    """Normalise VTEX's courierStatus.

    The newest checkpoint whose words we understand gives the state. VTEX's word that
    the package is finished, or delivered on a date, beats them all, unless the
    newest words tell of a return and there is no date of delivery.
    """
    if status is None:
        return NOT_SEEN
    return _progress(
        status.data,
        words=status.status,
        finished=status.finished,
        delivered_at=status.delivered_date,
    )


def progress_of_update(update: CourierUpdateReceived) -> CourierProgress:
    """Normalise what a carrier told us, as if VTEX had told it."""
    return _progress(
        update.checkpoints,
        words=None,
        finished=update.is_delivered,
        delivered_at=update.delivered_at,
    )


def later_progress(known: CourierProgress, told: CourierProgress) -> CourierProgress:
    """Return which of two is to be shown: news does not go back in time.

    Delivered stays delivered, unless the package comes back.
    """
    if told.state == "pending" and told.last_checkpoint is None:
        return known
    if known.state == "delivered" and told.state not in {"delivered", "returned"}:
        return known
    if told.state != "delivered" and _is_older(told, known):
        return known
    if told.delivered_at is not None or known.delivered_at is None:
        return told
    return replace(told, delivered_at=known.delivered_at)


def order_courier_state(states: Iterable[CourierState]) -> CourierState:
    """Sum the packages up in one state.

    What needs somebody's attention comes first, worst first; else the package that
    is least advanced speaks for the order. No package at all is pending.
    """
    present = set(states)
    if len(present) == 1:
        return present.pop()
    return next((state for state in _RANKED if state in present), "pending")


def _progress(
    seen: Sequence[PartialCheckpoint],
    *,
    words: str | None,
    finished: bool,
    delivered_at: datetime | None,
) -> CourierProgress:
    way = sorted(seen, key=_when)
    last = way[-1] if way else None
    told = _told(words, way)
    delivered = delivered_at is not None or (finished and told != "returned")
    return CourierProgress(
        state="delivered" if delivered else told,
        text=words if last is None else last.description,
        last_checkpoint=None if last is None else _partial(last),
        delivered_at=delivered_at,
    )


def _partial(checkpoint: PartialCheckpoint) -> PartialCheckpoint:
    """Return what VTEX would tell: a model equals only one of its own class."""
    if type(checkpoint) is PartialCheckpoint:
        return checkpoint
    return PartialCheckpoint(**vars(checkpoint))


def _told(words: str | None, way: Sequence[PartialCheckpoint]) -> CourierState:
    if not way:
        # VTEX's own words here are "ok" and null; some integrations write more.
        said = state_of_words(words)
        return "pending" if said == "unknown" else said
    for checkpoint in reversed(way):
        state = state_of_words(checkpoint.description)
        if state != "unknown":
            return state
    return "unknown"


def _is_older(told: CourierProgress, known: CourierProgress) -> bool:
    if told.last_checkpoint is None or known.last_checkpoint is None:
        return told.last_checkpoint is None and known.last_checkpoint is not None
    return _when(told.last_checkpoint) < _when(known.last_checkpoint)


def _when(checkpoint: PartialCheckpoint) -> datetime:
    return checkpoint.at or _UNDATED
