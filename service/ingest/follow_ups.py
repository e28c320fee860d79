"""Which orders are read again after a reading, and when."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from service.domain.facts import CallKind
from service.errors import ThrottledError
from service.eventlog.records import StreamKey
from service.ingest.intervals import (
    AFTER_FAILURE,
    AFTER_HANDLING,
    AFTER_INVOICE,
    RETRIES,
    Due,
    next_reading,
)
from service.ingest.reading import Outcome
from service.ingest.rereads import Wish


def follow_ups(
    stream: StreamKey,
    calls: Collection[CallKind],
    outcome: Outcome | None,
    *,
    now: datetime,
) -> Iterator[Wish]:
    """Say when to read the order again, and the other order of its purchase.

    *calls* are what VTEX just did for us, *outcome* what came of reading the order.
    """
    if "start-handling" in calls:
        yield Wish(stream, Due(now + AFTER_HANDLING, "handling started"))
    if outcome is None:
        return
    document = outcome.document
    if document is not None and "invoice" in calls:
        for order_id in {stream.order_id, document.marketplace_order_id} - {None}:
            twin = StreamKey(stream.account, str(order_id))
            yield Wish(twin, Due(now + AFTER_INVOICE, "invoiced"))
    if document is not None and (due := next_reading(document, now=now)):
        yield Wish(stream, due)
    if wait := _wait_after(outcome):
        yield Wish(stream, Due(now + wait, outcome.result.replace("-", " ")))


def _wait_after(outcome: Outcome) -> timedelta | None:
    """Say how long to wait where the order could not be read."""
    match outcome.result:
        case "unavailable":
            held = outcome.error if isinstance(outcome.error, ThrottledError) else None
            return timedelta(seconds=held.retry_after) if held else AFTER_FAILURE
        case "set-aside" | "locked-out":
            return RETRIES[0]
        case _:
            return None
