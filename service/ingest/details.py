"""Follows the log, and reads at VTEX each order to which something happened."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import structlog

from service.db import Pool, connection, transaction
from service.domain.facts import CallSucceeded, OrderStatusReported
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    InvalidEventError,
    ResourceNotFoundError,
    ServiceError,
    UnavailableError,
    UnreadableAnswerError,
    UnreadableCustomerDataError,
    UnreadableError,
    UnreadableOrderError,
)
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.codec import decode
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import Batch, RecordedEvent, StreamKey
from service.failpoints import reached
from service.ingest.document import SOURCE, DocumentRecorder
from service.ingest.quarantine import Quarantine, Unreadable
from service.orders_api.client import OrdersApi
from service.private.store import CustomerStore
from service.telemetry import context_of, links_to, meter, order_attributes, tracer

IN_FLIGHT: Final = 16
"""Orders read side by side."""

_Result = Literal["new", "unchanged", "missing", "set-aside"]

_log = structlog.get_logger()
_details = meter.create_counter(
    "ingest.details", unit="{order}", description="Orders read at VTEX, by result."
)


class DetailsFetcher:
    """Reads an order once for all that a batch says of it, through its account's gate.

    What VTEX does not give of one order is no reason to keep the others waiting: it is
    set aside in quarantine, and read again when more happens to that order.
    """

    name = SOURCE
    parks_streams = True

    def __init__(
        self,
        apis: Mapping[str, OrdersApi],
        *,
        log: EventLog,
        pool: Pool,
        quarantine: Quarantine,
        customers: CustomerStore,
        clock: Clock,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._accounts = apis.keys()
        self._recorder = DocumentRecorder(
            apis, log=log, customers=customers, clock=clock
        )
        self._pool = pool
        self._quarantine = quarantine
        self._room = asyncio.Semaphore(in_flight)

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Consumer.resume`."""
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`."""
        causes: defaultdict[StreamKey, list[RecordedEvent]] = defaultdict(list)
        for event in batch.events:
            if event.stream.account in self._accounts and changes_document(event):
                causes[event.stream].append(event)
        try:
            async with asyncio.TaskGroup() as group:
                for events in causes.values():
                    group.create_task(self._fetch(events))
        except ExceptionGroup as failures:
            raise _most_telling(failures) from None
        reached("details.fetched-all")
        async with transaction(self._pool, "details") as lent:
            await save_positions(lent, batch)

    async def _fetch(self, causes: Sequence[RecordedEvent]) -> None:
        *earlier, cause = causes
        async with self._room:
            with tracer.start_as_current_span(
                "fetch details",
                context=context_of(cause.traceparent),
                links=links_to(event.traceparent for event in earlier),
                attributes=order_attributes(*cause.stream),
            ) as span:
                result = await self._result(cause)
                span.set_attribute("order_tracking.result", result)
        _details.add(1, {"account": cause.stream.account, "result": result})

    async def _result(self, cause: RecordedEvent) -> _Result:
        try:
            return "new" if await self._recorder.record(cause) else "unchanged"
        except ResourceNotFoundError:
            _log.warning("order unknown to VTEX", stream=str(cause.stream))
            return "missing"
        except (
            CallRefusedError,
            CredentialsRefusedError,
            InvalidEventError,
            UnreadableAnswerError,
            UnreadableCustomerDataError,
            UnreadableOrderError,
        ) as error:
            await self._set_aside(cause.stream, error)
            return "set-aside"

    async def _set_aside(self, stream: StreamKey, error: ServiceError) -> None:
        # Never the document itself: it holds personal data.
        size = error.size if isinstance(error, UnreadableAnswerError) else 0
        await self._quarantine.keep(
            Unreadable(
                account=stream.account,
                source=SOURCE,
                order_id=stream.order_id,
                reason=str(error),
                size=size,
            )
        )


def changes_document(event: RecordedEvent) -> bool:
    """Say whether VTEX's document of the order may be another after *event*."""
    if event.type == CallSucceeded.__name__:
        fact = decode(event)
        # The start of handling shows as a status, and VTEX reports that.
        return isinstance(fact, CallSucceeded) and fact.kind != "start-handling"
    return event.type == OrderStatusReported.__name__


def _most_telling(failures: ExceptionGroup[Exception]) -> Exception:
    """Pick what the loop should act on: first what concerns more than one event."""
    for kind in (UnavailableError, UnreadableError, Exception):
        for failure in failures.exceptions:
            if isinstance(failure, kind):
                return failure
    raise AssertionError  # pragma: no cover - a group is never empty
