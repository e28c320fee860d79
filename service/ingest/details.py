"""Follows the log, and reads at VTEX each order to which something happened."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from service.db import Pool, connection, transaction
from service.domain.facts import CallKind, CallSucceeded, OrderStatusReported
from service.errors import (
    OrdersApiUnavailableError,
    ThrottledError,
    UnavailableError,
    UnreadableError,
)
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.codec import decode
from service.eventlog.ports import Clock
from service.eventlog.records import Batch, RecordedEvent, StreamKey
from service.failpoints import reached
from service.ingest.document import SOURCE
from service.ingest.intervals import (
    AFTER_FAILURE,
    AFTER_HANDLING,
    AFTER_INVOICE,
    RETRIES,
    Due,
    next_reading,
)
from service.ingest.reading import OrderReader, Outcome
from service.ingest.rereads import Wish, want_all
from service.telemetry import context_of, links_to, meter, order_attributes, tracer

IN_FLIGHT: Final = 64
"""Orders read side by side."""

_FOLLOWED: Final = frozenset({OrderStatusReported.__name__, CallSucceeded.__name__})

_details = meter.create_counter(
    "ingest.details", unit="{order}", description="Orders read at VTEX, by result."
)


class _Followed(NamedTuple):
    outcome: Outcome | None
    wishes: Sequence[Wish]


class DetailsFetcher:
    """Reads an order once for all that a batch says of it, through its account's gate.

    What VTEX does not give of one order, or of an account that it holds, is no reason to
    keep the others waiting: it is read again later. When to read an order again is noted
    together with the position in the log, so that none is forgotten.
    """

    name = SOURCE
    parks_streams = True

    def __init__(
        self,
        reader: OrderReader,
        *,
        pool: Pool,
        clock: Clock,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._reader = reader
        self._pool = pool
        self._clock = clock
        self._room = asyncio.Semaphore(in_flight)

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Consumer.resume`."""
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`."""
        causes: defaultdict[StreamKey, list[RecordedEvent]] = defaultdict(list)
        for event in batch.events:
            known = event.stream.account in self._reader.accounts
            if known and event.type in _FOLLOWED:
                causes[event.stream].append(event)
        try:
            async with asyncio.TaskGroup() as group:
                fetching = [
                    group.create_task(self._follow_up(stream, events))
                    for stream, events in causes.items()
                ]
        except ExceptionGroup as failures:
            raise _most_telling(failures) from None
        reached("details.fetched-all")
        followed = [task.result() for task in fetching]
        _check_any_answered([each.outcome for each in followed if each.outcome])
        wishes = [wish for each in followed for wish in each.wishes]
        async with transaction(self._pool, "details") as lent:
            await want_all(lent, wishes)
            await save_positions(lent, batch)

    async def _follow_up(
        self, stream: StreamKey, events: Sequence[RecordedEvent]
    ) -> _Followed:
        calls = {call for call in map(call_of, events) if call is not None}
        causes = [event for event in events if changes_document(event)]
        outcome = await self._fetch(causes) if causes else None
        wishes = list(_wishes(stream, calls, outcome, clock=self._clock))
        return _Followed(outcome, wishes)

    async def _fetch(self, causes: Sequence[RecordedEvent]) -> Outcome:
        *earlier, cause = causes
        async with self._room:
            with tracer.start_as_current_span(
                "fetch details",
                context=context_of(cause.traceparent),
                links=links_to(event.traceparent for event in earlier),
                attributes=order_attributes(*cause.stream),
            ) as span:
                outcome = await self._read(cause)
                span.set_attribute("order_tracking.result", outcome.result)
        _details.add(1, {"account": cause.stream.account, "result": outcome.result})
        return outcome

    async def _read(self, cause: RecordedEvent) -> Outcome:
        try:
            return await self._reader.read(cause.stream, cause=cause)
        except (ThrottledError, OrdersApiUnavailableError) as error:
            return Outcome(result="unavailable", error=error)


def call_of(event: RecordedEvent) -> CallKind | None:
    """Return what VTEX was called for, where *event* tells of its success."""
    if event.type != CallSucceeded.__name__:
        return None
    fact = decode(event)
    return fact.kind if isinstance(fact, CallSucceeded) else None


def changes_document(event: RecordedEvent) -> bool:
    """Say whether VTEX's document of the order may be another after *event*."""
    if event.type == OrderStatusReported.__name__:
        return True
    # The start of handling shows as a status, and VTEX reports that.
    return call_of(event) not in {None, "start-handling"}


def _wishes(
    stream: StreamKey,
    calls: Iterable[CallKind],
    outcome: Outcome | None,
    *,
    clock: Clock,
) -> Iterator[Wish]:
    """Say when to read the order again, and the other order of its purchase."""
    now = clock.now()
    document = outcome.document if outcome else None
    if "start-handling" in calls:
        yield Wish(stream, Due(now + AFTER_HANDLING, "handling started"))
    if document is not None and "invoice" in calls:
        for order_id in {stream.order_id, document.marketplace_order_id} - {None}:
            twin = StreamKey(stream.account, str(order_id))
            yield Wish(twin, Due(now + AFTER_INVOICE, "invoiced"))
    if document is not None and (due := next_reading(document, now=now)):
        yield Wish(stream, due)
    if outcome is not None and outcome.result == "unavailable":
        held = outcome.error if isinstance(outcome.error, ThrottledError) else None
        wait = timedelta(seconds=held.retry_after) if held else AFTER_FAILURE
        yield Wish(stream, Due(now + wait, "unavailable"))
    if outcome is not None and outcome.result in {"set-aside", "locked-out"}:
        yield Wish(stream, Due(now + RETRIES[0], outcome.result.replace("-", " ")))


def _check_any_answered(outcomes: Sequence[Outcome]) -> None:
    """Have the loop wait where VTEX fails for whatever it is asked."""
    failures = [each.error for each in outcomes if each.result == "unavailable"]
    if failures and len(failures) == len(outcomes):
        for failure in failures:
            if isinstance(failure, OrdersApiUnavailableError):
                raise failure


def _most_telling(failures: ExceptionGroup[Exception]) -> Exception:
    """Pick what the loop should act on: first what concerns more than one event."""
    for kind in (UnavailableError, UnreadableError, Exception):
        for failure in failures.exceptions:
            if isinstance(failure, kind):
                return failure
    raise AssertionError  # pragma: no cover - a group is never empty
