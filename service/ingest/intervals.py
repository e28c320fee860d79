"""When an order is read again though nothing was heard of it, by what it looks like."""

import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from service.domain.document import OrderDocument
from service.domain.expected import flow_of, longest
from service.domain.stage import Way
from service.domain.statuses import CANCELED, INVOICED, KNOWN_STATUSES

_Steps = Sequence[tuple[timedelta, timedelta]]

UNDELIVERED: Final[_Steps] = (
    (timedelta(days=1), timedelta(hours=4)),
    (timedelta(days=3), timedelta(hours=6)),
    (timedelta(days=10), timedelta(hours=12)),
    (timedelta(days=45), timedelta(days=1)),
)
"""Up to which age, and how often: deliveries change nothing that VTEX reports."""

UNEXPLAINED: Final[_Steps] = (
    (timedelta(minutes=1), timedelta(seconds=10)),
    (timedelta(minutes=10), timedelta(minutes=1)),
    (timedelta(hours=2), timedelta(minutes=30)),
)
"""Cancelled: the reason comes later than the status."""

ODD: Final[_Steps] = (
    (timedelta(minutes=10), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(hours=1)),
    (timedelta(days=30), timedelta(days=1)),
)
"""Without a status, or with one never heard of."""

OVERDUE_EVERY: Final = timedelta(hours=12)
OVERDUE_UNTIL: Final = timedelta(days=60)

AFTER_FAILURE: Final = timedelta(seconds=10)
"""VTEX failed for this order, and not for others."""

AFTER_HANDLING: Final = timedelta(minutes=1)
"""VTEX said that handling starts; some orders never get any further."""

AFTER_INVOICE: Final = timedelta(minutes=2)
"""Until then the invoice has reached the marketplace's order, too."""

RETRIES: Final[Sequence[timedelta]] = (
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    *[timedelta(days=1)] * 3,
)
"""Between two readings of an order that could not be read; then a person is needed."""

_SPREAD: Final = 0.2


class Due(NamedTuple):
    """When to read an order again, and why."""

    at: datetime
    reason: str


def next_reading(document: OrderDocument, *, now: datetime) -> Due | None:
    """Return when an order that looks like *document* at *now* is read again, if ever."""
    age = now - (document.last_change or now)
    if document.status == INVOICED:
        if Way.of(document).delivered:
            return None
        age = now - (document.invoiced_date or document.last_change or now)
        return _step(document, UNDELIVERED, "undelivered", age=age, now=now)
    if document.status == CANCELED:
        explained = document.cancellation and document.cancellation.reason
        steps = () if explained else UNEXPLAINED
        return _step(document, steps, "cancellation unexplained", age=age, now=now)
    if document.status not in KNOWN_STATUSES:
        return _step(document, ODD, "odd status", age=age, now=now)
    return _when_overdue(document, age=age, now=now)


def retry(failures: int) -> timedelta | None:
    """Return how long to wait after so many *failures* in a row; None: give up."""
    return RETRIES[failures - 1] if failures <= len(RETRIES) else None


def _step(
    document: OrderDocument,
    steps: _Steps,
    reason: str,
    *,
    age: timedelta,
    now: datetime,
) -> Due | None:
    for until, every in steps:
        if age < until:
            return Due(now + spread(every, document.order_id), reason)
    return None


def _when_overdue(
    document: OrderDocument, *, age: timedelta, now: datetime
) -> Due | None:
    sellers = frozenset(item.seller for item in document.items)
    allowed = longest(document.status, flow_of(document.origin, sellers))
    if allowed is None or age > OVERDUE_UNTIL:
        return None
    # At once, so that nobody is alarmed by a status that was left long ago.
    left = allowed - age
    wait = left if left > timedelta() else spread(OVERDUE_EVERY, document.order_id)
    return Due(now + wait, "overdue")


def spread(interval: timedelta, order_id: str) -> timedelta:
    """Lengthen *interval* by up to a fifth, so that orders do not come all at once."""
    share = zlib.crc32(order_id.encode()) / 2**32
    return interval * (1 + _SPREAD * share)
