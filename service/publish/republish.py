"""Publishing again by command: part of the log, one order, or the states of all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID

from service.db import Pool, connection, load_sql, transaction
from service.errors import OrderNotFoundError, RejectedError
from service.eventlog.partitions import partition_of
from service.eventlog.records import RecordedEvent, StreamKey
from service.eventlog.store import PostgresEventLog
from service.publish.content import States
from service.publish.contract import (
    REPLAY,
    TAIL_OFFSET,
    TAIL_SEQUENCE,
    Contract,
    Header,
    Message,
)
from service.publish.kafka import Tail, Topic, tails
from service.publish.producers import Producers

MOST_AT_ONCE = 1_000
"""Events or orders of one transaction."""

_ROUNDS = 3
"""After how many an order that moves all the time has to wait for us."""

_HOLD = load_sql("service.publish", "hold_partitions")
_COUNT = load_sql("service.publish", "count_streams")
_LIST = load_sql("service.publish", "list_streams")

Progress = Callable[[int, int], None]
"""Is told how many are done, and of how many."""


class Republisher:
    """Writes to *topic* anew, at most *rate* events or orders a second.

    What it writes says that it is a replay, and tells a relay nothing. It has
    *producers* of its own, so it fences no relay, and may run beside one.
    """

    def __init__(
        self,
        topic: Topic,
        *,
        log: PostgresEventLog,
        pool: Pool,
        contract: Contract,
        producers: Producers,
        rate: float,
        progress: Progress,
    ) -> None:
        self._topic = topic
        self._log = log
        self._pool = pool
        self._contract = contract
        self._producers = producers
        self._at_once = max(1, min(MOST_AT_ONCE, int(rate / 4)))
        self._pace = _Pace(rate)
        self._progress = progress

    async def events(self, partition: int, *, first: int, last: int | None) -> int:
        """Publish positions *first* to *last* of *partition* again; return how many.

        What was never published is left to the relay.

        Raises:
            RejectedError: Nothing of that has been published yet.
        """
        tail = (await tails(self._topic, [partition]))[partition]
        ends = [end for end in (last, tail.position) if end is not None]
        last = min(ends or [(await self._log.heads()).get(partition, 0)])
        if first > last:
            raise RejectedError(
                f"Partition {partition} of {self._topic.name} ends with position "
                f"{tail.position}; start at one that was published."
            )
        for after in range(first - 1, last, self._at_once):
            each = min(self._at_once, last - after)
            found = await self._log.read_partitions({partition: after}, each=each)
            # Where positions were archived, some of them come from further on.
            part = [event for event in found if event.position <= after + each]
            await self._write([self._contract.message(event) for event in part])
            self._progress(after + each - first + 1, last - first + 1)
            await self._pace.keep(each)
        return last - first + 1

    async def events_of(self, stream: StreamKey) -> int:
        """Publish again what was published of one order; return how many events.

        Raises:
            OrderNotFoundError: The log has no such order.
        """
        events = await self._log.read_stream(stream)
        if not events:
            raise _unknown(stream)
        tail = (await tails(self._topic, [events[0].partition]))[events[0].partition]
        end = events[-1].position if tail.position is None else tail.position
        messages = [self._contract.message(e) for e in events if e.position <= end]
        for start in range(0, len(messages), self._at_once):
            part = messages[start : start + self._at_once]
            await self._write(part)
            self._progress(start + len(part), len(messages))
            await self._pace.keep(len(part))
        return len(messages)

    async def state_of(self, stream: StreamKey) -> int:
        """Publish the state of one order again.

        Raises:
            OrderNotFoundError: The log has no such order.
        """
        if not await self._states([stream]):
            raise _unknown(stream)
        self._progress(1, 1)
        return 1

    async def states(self) -> int:
        """Publish the state of every order again; return how many there are."""
        async with connection(self._pool) as lent:
            total: int = await lent.fetchval(_COUNT)
        done = 0
        async for streams in self._all_streams():
            await self._states(streams)
            done += len(streams)
            self._progress(done, max(total, done))
            await self._pace.keep(len(streams))
        return done

    async def _all_streams(self) -> AsyncIterator[list[StreamKey]]:
        last = UUID(int=0)
        while True:
            async with connection(self._pool) as lent:
                rows = await lent.fetch(_LIST, last, self._at_once)
            if not rows:
                return
            last = rows[-1]["stream_id"]
            yield [StreamKey(row["account"], row["order_id"]) for row in rows]

    async def _states(self, streams: Sequence[StreamKey]) -> int:
        """Write the states of *streams* until the log has nothing newer.

        The relay may have written a newer state before ours. Then the log had it
        before, so looking there *after* our commit finds every such order, and what
        the relay writes later is newer than ours anyway: the last record of a key is
        the newest as soon as the relay has come that far.

        Orders that move more quickly than we write would keep us for ever, so in the
        end they are made to wait.
        """
        written: dict[StreamKey, int] = {}
        moving = list(streams)
        for _ in range(_ROUNDS):
            moved = await self._moved(moving, written)
            if not moved:
                return len(written)
            await self._write_states(moved, written)
            moving = list({event.stream for event in moved})
        async with transaction(self._pool) as lent:
            await lent.execute(_HOLD, self._partitions_of(moving))
            await self._write_states(await self._moved(moving, written), written)
        return len(written)

    def _partitions_of(self, streams: Sequence[StreamKey]) -> list[int]:
        return [partition_of(stream, self._topic.partitions) for stream in streams]

    async def _write_states(
        self, events: Sequence[RecordedEvent], written: dict[StreamKey, int]
    ) -> None:
        # Afresh each time: it takes whole streams, and keeps none.
        content = States(self._contract, log=self._log, most_known=0)
        await self._write(list(await content.messages(events)))
        written |= {event.stream: event.version for event in events}

    async def _moved(
        self, streams: Sequence[StreamKey], written: dict[StreamKey, int]
    ) -> list[RecordedEvent]:
        found = await self._log.read_streams(streams)
        return [
            event
            for stream, events in found.items()
            if events and events[-1].version != written.get(stream)
            for event in events
        ]

    async def _write(self, messages: Sequence[Message]) -> None:
        if not messages:
            return
        partitions = sorted({message.partition for message in messages})
        ends = await tails(self._topic, partitions)
        marks = {number: _marks(end) for number, end in ends.items()}
        await self._producers.publish(
            [
                message._replace(headers=[*message.headers, *marks[message.partition]])
                for message in messages
            ]
        )


class _Pace:
    """Keeps to a rate over all that was done since the first time."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._due: float | None = None

    async def keep(self, done: int) -> None:
        """Wait until *done* more are due."""
        now = asyncio.get_running_loop().time()
        self._due = (now if self._due is None else self._due) + done / self._rate
        await asyncio.sleep(max(0.0, self._due - now))


def _marks(tail: Tail) -> list[Header]:
    if tail.position is None:
        return [(REPLAY, b"true")]
    return [
        (REPLAY, b"true"),
        (TAIL_SEQUENCE, b"%020d" % tail.position),
        (TAIL_OFFSET, b"%d" % tail.offset),
    ]


def _unknown(stream: StreamKey) -> OrderNotFoundError:
    return OrderNotFoundError(
        f"The log has no order {stream}; write it as account/orderId."
    )
