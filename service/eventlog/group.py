"""Group append: appends of many callers, coalesced into one call of the database."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
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


class Lanes:
    """Writes appends in calls side by side, those of a partition one after another.

    Nothing is delayed to fill a call: while one is under way, those of its partitions
    gather for the next. In two calls at once a partition would win nothing: the
    database lets the second wait until the first is durable.
    """

    def __init__(
        self, write: Callable[[Sequence[Pending]], Awaitable[None]], *, count: int
    ) -> None:
        self._write = write
        self._count = count
        self._queues: defaultdict[int, deque[Pending]] = defaultdict(deque)
        self._under_way: set[int] = set()
        self._ready: deque[int] = deque()
        self._is_any_ready = asyncio.Event()

    def put(self, pending: Pending) -> None:
        """Queue *pending*; its verdict is set once it is durable."""
        queue = self._queues[pending.partition]
        queue.append(pending)
        if len(queue) == 1 and pending.partition not in self._under_way:
            self._is_ready(pending.partition)

    async def run(self) -> None:
        """Write until cancelled; then nobody is left waiting."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(self._count):
                    tasks.create_task(self._serve())
        finally:
            _give_up(chain.from_iterable(self._queues.values()))

    async def _serve(self) -> None:
        while True:
            await self._is_any_ready.wait()
            partitions, group = self._next_group()
            if not self._ready:
                self._is_any_ready.clear()
            self._under_way.update(partitions)
            try:
                if group:
                    await self._write_all(group)
            finally:
                _give_up(group)
                self._release(partitions)

    def _next_group(self) -> tuple[list[int], list[Pending]]:
        # Few partitions, each with all that waits: the more are left for other calls.
        partitions: list[int] = []
        group: list[Pending] = []
        room = LARGEST
        while self._ready and room > 0:
            partitions.append(self._ready.popleft())
            for pending in _taken(self._queues[partitions[-1]], room):
                group.append(pending)
                room -= len(pending.events)
        return partitions, group

    def _release(self, partitions: Sequence[int]) -> None:
        self._under_way.difference_update(partitions)
        for partition in partitions:
            if self._queues[partition]:
                self._is_ready(partition)

    def _is_ready(self, partition: int) -> None:
        self._ready.append(partition)
        self._is_any_ready.set()

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


def _taken(queue: deque[Pending], room: int) -> list[Pending]:
    """Take what makes *room* events of *queue*, in its order."""
    # The database takes a stream once a call; its second append has to wait.
    taken: list[Pending] = []
    streams: set[StreamKey] = set()
    later: list[Pending] = []
    while queue and room > 0 and len(later) < LARGEST:
        pending = queue.popleft()
        if pending.verdict.done():  # its caller gave up
            continue
        if pending.stream in streams:
            later.append(pending)
            continue
        streams.add(pending.stream)
        taken.append(pending)
        room -= len(pending.events)
    queue.extendleft(reversed(later))
    return taken


def _give_up(group: Iterable[Pending]) -> None:
    for pending in group:
        pending.verdict.cancel()
