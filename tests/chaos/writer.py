"""One of many writers of the log, which keeps a history: `python -m chaos.writer ORDERS`.

It writes until SIGTERM, then ends once everything that it began has an answer. When it
is started again after a kill, it first repeats what it has no answer to.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import uvloop
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from chaos.history import Operation, Recorder, read_histories
from chaos.load import ACCOUNT, Orders, append_of
from service.db import open_pool
from service.errors import ConflictError, RejectedError
from service.eventlog.records import Append, Appended, StreamKey
from service.eventlog.store import PostgresEventLog, open_log
from service.eventlog.wake import Wake

LONGEST_PAUSE = 1.0


class Writer:
    """Appends with a history; what nothing is known of is repeated until it is."""

    def __init__(self, orders: Orders, log: PostgresEventLog) -> None:
        path = Path(orders.history)
        known = read_histories([path])
        self.unanswered = [each for each in known if each.outcome == "info"]
        self._orders = orders
        self._log = log
        self._recorder = Recorder(path)
        self._numbers = count(len(known) + 1)
        self._rng = Random(f"{orders.seed} {orders.number} {len(known)}")
        self._versions: dict[StreamKey, int] = {}
        self._done: deque[tuple[StreamKey, tuple[str, ...]]] = deque(maxlen=500)

    async def repeat(self, operation: Operation) -> None:
        """Settle what an earlier process of this writer began."""
        append = append_of(
            operation.stream, operation.keys, expected=operation.expected
        )
        await self._settle(operation.id, append)

    async def next(self) -> None:
        """Append something of one kind or another."""
        stream = self._stream()
        kinds: list[Callable[[StreamKey], Awaitable[None]]] = [
            *(self._report, self._report_much, self._decide, self._say_again)
        ]
        [kind] = self._rng.choices(kinds, weights=(55, 15, 20, 10))
        await kind(stream)

    async def _report(self, stream: StreamKey) -> None:
        await self._new(stream, events=1, expected=None)

    async def _report_much(self, stream: StreamKey) -> None:
        await self._new(stream, events=self._rng.randint(2, 5), expected=None)

    async def _decide(self, stream: StreamKey) -> None:
        version = self._versions.get(stream)
        if version is None:
            version = len(await self._read(stream))
        if await self._new(stream, events=1, expected=version) is None:
            # Others were quicker: look at what they did, next time.
            self._versions.pop(stream, None)

    async def _say_again(self, stream: StreamKey) -> None:
        if self._done:
            stream, keys = self._rng.choice(self._done)
            append = append_of(stream, keys, expected=None)
            await self._settle(self._id(), append)

    async def _new(
        self, stream: StreamKey, *, events: int, expected: int | None
    ) -> Appended | None:
        id_ = self._id()
        keys = tuple(f"{id_}-{nth}" for nth in range(events))
        append = append_of(stream, keys, expected=expected)
        appended = await self._settle(id_, append)
        if appended is not None:
            self._versions[stream] = appended.version
            self._done.append((stream, keys))
        return appended

    async def _settle(self, id_: str, append: Append) -> Appended | None:
        async for _ in _with_pauses():
            self._recorder.invoke(id_, append)
            try:
                appended = await self._log.append(append)
            except (ConflictError, RejectedError) as error:
                self._recorder.fail(id_, error)
                return None
            except Exception as error:  # noqa: BLE001 - the history tells what it was
                self._recorder.info(id_, error)
            else:
                self._recorder.ok(id_, appended)
                return appended
        raise AssertionError

    async def _read(self, stream: StreamKey) -> list[object]:
        async for _ in _with_pauses():
            try:
                return list(await self._log.read_stream(stream))
            except Exception as error:  # noqa: BLE001 - as above
                print(f"could not read: {error!r}", flush=True)  # noqa: T201
        raise AssertionError

    def _id(self) -> str:
        return f"{self._orders.number}-{next(self._numbers)}"

    def _stream(self) -> StreamKey:
        # A few orders are much busier than the others, so that writers meet there.
        streams = self._orders.streams
        busy = self._rng.random() < 0.2
        number = self._rng.randrange(max(1, streams // 50) if busy else streams)
        return StreamKey(ACCOUNT, f"{number:06d}-01")


async def _with_pauses() -> AsyncIterator[None]:
    pause = 0.1
    while True:
        yield
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


async def run(orders: Orders) -> None:
    """Write at the wanted pace until SIGTERM."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    wake = Wake(orders.dsn)
    async with (
        open_pool(orders.dsn, size=4) as pool,
        open_log(pool, partitions=orders.partitions, lanes=2, wake=wake) as log,
        asyncio.TaskGroup() as background,
    ):
        notifying = background.create_task(wake.run())
        writer = Writer(orders, log)
        slots = _slots(orders.per_second)
        async with asyncio.TaskGroup() as tasks:
            for operation in writer.unanswered:
                tasks.create_task(writer.repeat(operation))
            for _ in range(orders.at_once):
                tasks.create_task(_work(writer, slots, told))
        notifying.cancel()


async def _work(writer: Writer, slots: Iterator[float], told: asyncio.Event) -> None:
    while not told.is_set():
        wait = next(slots) - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)
        await writer.next()


def _slots(per_second: float) -> Iterator[float]:
    """Return the moments at which to begin; who is late begins at once."""
    start = asyncio.get_running_loop().time()
    return (start + number / per_second for number in count())


if __name__ == "__main__":
    trace.set_tracer_provider(TracerProvider())
    uvloop.run(run(Orders.model_validate_json(sys.argv[1])))
