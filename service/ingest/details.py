"""Follows the log, and reads at VTEX each order to which something happened."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import structlog

from service.db import Pool, connection, transaction
from service.domain.facts import CallKind, CallSucceeded, OrderStatusReported
from service.errors import (
    ConcurrencyError,
    OrdersApiUnavailableError,
    ThrottledError,
    UnavailableError,
    most_telling,
)
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.codec import decode
from service.eventlog.ports import Clock
from service.eventlog.records import Batch, RecordedEvent, StreamKey
from service.failpoints import reached
from service.ingest.document import SOURCE
from service.ingest.follow_ups import follow_ups
from service.ingest.reading import OrderReader, Outcome
from service.ingest.rereads import ClaimedReread, Rereads, Wish, lease_all, want_all
from service.telemetry import context_of, links_to, meter, order_attributes, tracer

IN_FLIGHT: Final = 256
"""Orders read side by side; most of them may wait for the turn of their account."""

PATIENCE: Final = 0.5
"""Seconds that a batch waits for its last answers, once all its orders are asked for."""

LOOKED_UP_AT_ONCE: Final = 100
"""Orders that are read from the log in one go, shortly before VTEX is asked."""

_log = structlog.get_logger()
_details = meter.create_counter(
    "ingest.details", unit="{order}", description="Orders read at VTEX, by result."
)


@dataclass(slots=True, eq=False)
class _Reading:
    """What a batch says of one order, and what came of reading it."""

    stream: StreamKey
    events: list[RecordedEvent] = field(default_factory=list)
    calls: set[CallKind] = field(default_factory=set)
    """What VTEX did for us."""
    causes: list[RecordedEvent] = field(default_factory=list)
    """Events after which VTEX's document may be another."""
    task: asyncio.Task[None] | None = None
    outcome: Outcome | None = None
    failure: Exception | None = None

    @property
    def is_slow(self) -> bool:
        return self.task is not None and not self.task.done()

    @property
    def begins_the_stream(self) -> bool:
        """Whether the batch has all that the log held of the order."""
        return self.events[0].version == 1

    def add(self, event: RecordedEvent) -> None:
        self.events.append(event)
        if event.type == OrderStatusReported.__name__:
            self.causes.append(event)
        elif event.type == CallSucceeded.__name__:
            fact = decode(event)
            if isinstance(fact, CallSucceeded):
                self.calls.add(fact.kind)
                # The start of handling shows as a status, and VTEX reports that.
                if fact.kind != "start-handling":
                    self.causes.append(event)

    def wishes(self, now: datetime) -> Iterator[Wish]:
        return follow_ups(self.stream, self.calls, self.outcome, now=now)


class DetailsFetcher:
    """Reads an order once for all that a batch says of it, through its account's gate.

    No order waits for another. What VTEX does not give is read again later. What it is
    slow to give, a batch ends without: the reading goes on beside the next batches, and
    is noted like one that a `Rereader` has begun, so that another takes it up should
    this process not end it. All of that is noted together with the position in the log.

    Readings last as long as the block of `async with` at most.
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
        patience: float = PATIENCE,
    ) -> None:
        self._reader = reader
        self._pool = pool
        self._rereads = Rereads(pool)
        self._clock = clock
        self._patience = patience
        self._room = asyncio.Semaphore(in_flight)
        self._tasks = asyncio.TaskGroup()
        self._away: OrdersApiUnavailableError | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(kind, error, traceback)

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Consumer.resume`."""
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`."""
        readings = self._readings(batch)
        await self._begin([reading for reading in readings if reading.causes])
        begun = [reading.task for reading in readings if reading.task]
        if begun:
            await asyncio.wait(begun, timeout=self._patience)
        slow = {reading.stream: reading for reading in readings if reading.is_slow}
        ended = [reading for reading in readings if reading.stream not in slow]
        self._check(ended, some_are_slow=bool(slow))
        reached("details.fetched-all")
        now = self._clock.now()
        async with transaction(self._pool, "details") as lent:
            await want_all(lent, [wish for each in ended for wish in each.wishes(now)])
            leased = await lease_all(lent, slow, now=now)
            await save_positions(lent, batch)
        for lease in leased:
            self._tasks.create_task(self._end(slow[lease.stream], lease))

    def _readings(self, batch: Batch) -> Sequence[_Reading]:
        readings: dict[StreamKey, _Reading] = {}
        for event in batch.events:
            if event.stream.account in self._reader.accounts:
                readings.setdefault(event.stream, _Reading(event.stream)).add(event)
        return list(readings.values())

    async def _begin(self, readings: Sequence[_Reading]) -> None:
        """Begin to read all orders, as many at a time as there is room for."""
        for first in range(0, len(readings), LOOKED_UP_AT_ONCE):
            part = readings[first : first + LOOKED_UP_AT_ONCE]
            older = [each.stream for each in part if not each.begins_the_stream]
            recorded = await self._reader.recorded(older) if older else {}
            for reading in part:
                await self._room.acquire()
                reading.task = self._tasks.create_task(
                    self._fetch(reading, recorded.get(reading.stream, reading.events))
                )

    async def _fetch(
        self, reading: _Reading, recorded: Sequence[RecordedEvent]
    ) -> None:
        *earlier, cause = reading.causes
        try:
            with tracer.start_as_current_span(
                "fetch details",
                context=context_of(cause.traceparent),
                links=links_to(event.traceparent for event in earlier),
                attributes=order_attributes(*reading.stream),
            ) as span:
                outcome = await self._read(cause, recorded)
                span.set_attribute("order_tracking.result", outcome.result)
        except Exception as error:  # noqa: BLE001 - told to the batch, if it still waits
            reading.failure = error
            return
        finally:
            self._room.release()
        reading.outcome = outcome
        labels = {"account": reading.stream.account, "result": outcome.result}
        _details.add(1, labels)

    async def _read(
        self, cause: RecordedEvent, recorded: Sequence[RecordedEvent]
    ) -> Outcome:
        try:
            outcome = await self._reader.read(
                cause.stream, cause=cause, recorded=recorded
            )
        except (
            ConcurrencyError,
            OrdersApiUnavailableError,
            ThrottledError,
        ) as error:
            outcome = Outcome(result="unavailable", error=error)
        away = outcome.error
        self._away = away if isinstance(away, OrdersApiUnavailableError) else None
        return outcome

    def _check(self, ended: Sequence[_Reading], *, some_are_slow: bool) -> None:
        """Have the loop act on what broke, and wait where VTEX fails for all it is asked."""
        failures = [each.failure for each in ended if each.failure]
        if failures:
            raise most_telling(failures)
        for each in ended:
            if each.task is not None:
                each.task.result()  # one that was cancelled has read nothing
        outcomes = [each.outcome for each in ended if each.outcome]
        if any(outcome.result != "unavailable" for outcome in outcomes):
            return
        if self._away is not None and (outcomes or some_are_slow):
            raise OrdersApiUnavailableError(str(self._away)) from self._away

    async def _end(self, reading: _Reading, lease: ClaimedReread) -> None:
        """Wait for a reading that its batch did not wait for."""
        if reading.task is not None:
            await reading.task
        try:
            await self._settle(reading, lease)
        except UnavailableError as error:
            # The lease ends, and a rereader reads the order.
            _log.warning("slow order left", stream=str(lease.stream), error=str(error))
        except Exception:  # noqa: BLE001 - one order must not stop the others
            _log.exception("slow order broke", stream=str(lease.stream))

    async def _settle(self, reading: _Reading, lease: ClaimedReread) -> None:
        if reading.failure is not None:
            raise reading.failure
        await self._rereads.want_each(list(reading.wishes(self._clock.now())))
        await self._rereads.settle(lease, next_=None)
