"""Group append: appends of many callers, coalesced into one call of the database."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from service.errors import UnavailableError
from service.eventlog.records import Appended, StreamKey
from service.telemetry import SECONDS, meter

LARGEST = 128
"""Events of one call; more make it slower, not faster."""

_batch_size = meter.create_histogram(
    "eventlog.append.batch.size",
    unit="{event}",
    description="Events of one append call.",
    explicit_bucket_boundaries_advisory=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
_duration = meter.create_histogram(
    "eventlog.append.duration",
    unit="s",
    description="Duration of one append call.",
    explicit_bucket_boundaries_advisory=SECONDS,
)


class EncodedEvent(NamedTuple):
    """An event as the database takes it."""

    type: str
    schema_version: int
    key: str
    data: str
    metadata: str
    occurred_at: datetime


@dataclass(slots=True, eq=False)
class Pending:
    """An append that waits for its verdict."""

    stream: StreamKey
    partition: int
    expected: int | None
    events: Sequence[EncodedEvent]
    verdict: "asyncio.Future[Appended]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Lane:
    """Writes the appends of its own partitions, one call at a time, in their order.

    Nothing is delayed to fill a call: while one is under way, the next one gathers.
    """

    def __init__(self, write: Callable[[Sequence[Pending]], Awaitable[None]]) -> None:
        self._write = write
        self._queue: deque[Pending] = deque()
        self._filled = asyncio.Event()

    def put(self, pending: Pending) -> None:
        """Queue *pending*; its verdict is set once it is durable."""
        self._queue.append(pending)
        self._filled.set()

    async def run(self) -> None:
        """Write until cancelled; then nobody is left waiting."""
        group: list[Pending] = []
        try:
            while True:
                await self._filled.wait()
                group = self._next_group()
                if not self._queue:
                    self._filled.clear()
                if group:
                    await self._write_all(group)
        finally:
            for pending in (*group, *self._queue):
                pending.verdict.cancel()

    def _next_group(self) -> list[Pending]:
        # The database takes a stream once a call; its second append has to wait.
        group: list[Pending] = []
        streams: set[StreamKey] = set()
        later: list[Pending] = []
        events = 0
        while self._queue and events < LARGEST and len(later) < LARGEST:
            pending = self._queue.popleft()
            if pending.verdict.done():  # its caller gave up
                continue
            if pending.stream in streams:
                later.append(pending)
                continue
            streams.add(pending.stream)
            group.append(pending)
            events += len(pending.events)
        self._queue.extendleft(reversed(later))
        return group

    async def _write_all(self, group: Sequence[Pending]) -> None:
        started = time.perf_counter()
        try:
            await self._write(group)
        except UnavailableError as error:
            _fail(group, error)
        except Exception as error:  # noqa: BLE001 - told to the caller at fault
            if len(group) == 1:
                _fail(group, error)
                return
            for pending in group:
                await self._write_all([pending])
        _duration.record(time.perf_counter() - started)
        _batch_size.record(sum(len(pending.events) for pending in group))


def _fail(group: Sequence[Pending], error: Exception) -> None:
    for pending in group:
        if not pending.verdict.done():
            pending.verdict.set_exception(error)
