"""What the tests of outgoing calls share: a desk, and ways to die at it."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Literal
from uuid import UUID

from typing_extensions import override

from builders import NOON
from conftest import PARTITIONS, ManualClock
from fake_oms import ORDER, FakeOms
from service.db import Pool
from service.domain.facts import CallKind, OrderFact
from service.errors import DatabaseUnavailableError
from service.eventlog.codec import decode
from service.eventlog.ports import EventLog
from service.eventlog.records import (
    Append,
    Appended,
    Batch,
    Metadata,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.eventlog.store import PostgresEventLog
from service.handler import CommandHandler
from service.react.caller import Caller
from service.react.calls import (
    Attempt,
    CallOutcome,
    CallRecord,
    CallRequest,
    ClaimedCall,
)
from service.react.history import calls_of
from service.react.ports import OrdersApi
from service.react.queue import CallQueue, Share
from service.react.reactor import Reactor
from service.react.verdicts import Verdict

When = Literal["before", "after"]

CLAIMED = ClaimedCall(
    call_id=UUID(int=1),
    stream=ORDER,
    stream_id=UUID(int=2),
    cause_version=3,
    kind="start-handling",
    request=CallRequest(method="POST"),
    attempts=1,
    deadline=NOON + timedelta(hours=1),
    replays=0,
    correlation_id="chain-1",
    traceparent=None,
    outcome=None,
    outcome_unknown=True,
    waits_for_invoice=False,
    lease_token=1,
    lease_until=NOON + timedelta(minutes=2),
)


class Killed(BaseException):
    """The process died here: nothing after this line ran."""


class DyingQueue(CallQueue):
    """See `CallQueue`; dies around one of its writes."""

    def __init__(
        self, pool: Pool, *, at: Literal["record", "settle"], when: When
    ) -> None:
        super().__init__(pool, owner="dying")
        self._at = at
        self._when = when

    @override
    async def record(
        self, call: ClaimedCall, verdict: Verdict, attempt: Attempt
    ) -> None:
        if (self._at, self._when) != ("record", "before"):
            await super().record(call, verdict, attempt)
        if self._at == "record":
            raise Killed

    @override
    async def settle(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        if self._when == "after":
            await super().settle(call, outcome, now=now)
        raise Killed


class FailingQueue(CallQueue):
    """See `CallQueue`; the database fails at first, before or after a write is durable."""

    def __init__(self, pool: Pool, *, failures: int, when: When = "before") -> None:
        super().__init__(pool, owner="failing")
        self.failures = failures
        self._when = when

    @override
    async def record(
        self, call: ClaimedCall, verdict: Verdict, attempt: Attempt
    ) -> None:
        if not self.failures or self._when == "after":
            await super().record(call, verdict, attempt)
        self._fail()

    @override
    async def settle(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        self._fail()
        await super().settle(call, outcome, now=now)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise DatabaseUnavailableError


class AwayLog:
    """See `EventLog`; cannot be appended to, the first *times* at least."""

    def __init__(self, log: EventLog, *, times: float = math.inf) -> None:
        self._log = log
        self._times = times
        self.asked = 0

    async def append(self, append: Append) -> Appended:
        self.asked += 1
        if self.asked > self._times:
            return await self._log.append(append)
        raise DatabaseUnavailableError

    async def read_stream(
        self, stream: StreamKey, *, after: int = 0
    ) -> Sequence[RecordedEvent]:
        return await self._log.read_stream(stream, after=after)

    async def read_streams(
        self, streams: Sequence[StreamKey], *, since: str | None = None
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        return await self._log.read_streams(streams, since=since)


class Desk:
    """A log, a reactor, a queue and a caller before a scripted OMS."""

    def __init__(self, pool: Pool, log: PostgresEventLog, clock: ManualClock) -> None:
        self.pool = pool
        self.log = log
        self.clock = clock
        self.oms = FakeOms(clock)
        self.apis: dict[str, OrdersApi] = {"acme": self.oms}
        self.wake = asyncio.Event()
        self.queue = CallQueue(pool, owner="desk")
        self.caller = self.caller_of(self.queue, log)
        self.reactor = Reactor(
            pool,
            log=log,
            handler=CommandHandler(log),
            clock=clock,
            start_handling=["acme"],
            wake=self.wake,
        )
        self._positions = dict.fromkeys(range(PARTITIONS), 0)

    def caller_of(
        self, queue: CallQueue, log: EventLog, *, longest_step: float = 5
    ) -> Caller:
        return Caller(
            queue=queue,
            apis=self.apis,
            log=log,
            clock=self.clock,
            rng=Random(7),
            longest_step=longest_step,
            sleep=self._sleep,
        )

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(seconds=seconds)

    async def happen(self, *facts: OrderFact, stream: StreamKey = ORDER) -> None:
        """Append *facts* and let the reactor follow."""
        await self.append(*facts, stream=stream)
        await self.react()

    async def append(self, *facts: OrderFact, stream: StreamKey = ORDER) -> None:
        version = len(await self.log.read_stream(stream))
        for number, fact in enumerate(facts):
            event = NewEvent(
                fact=fact,
                key=f"test:{version + number}",
                occurred_at=self.clock.now(),
                metadata=Metadata(correlation_id="chain-1", source="test"),
            )
            await self.log.append(Append(stream=stream, events=[event]))

    async def react(self) -> None:
        """Let the reactor handle what is new."""
        batch = await self.batch()
        await self.reactor.handle(batch)
        self._positions.update(batch.positions)

    async def batch(self) -> Batch:
        """Return what the reactor has not been handed yet."""
        events = await self.log.read_partitions(self._positions, each=1000)
        positions = {event.partition: event.position for event in events}
        return Batch(consumer="reactor", events=events, positions=positions)

    async def claim(
        self, queue: CallQueue | None = None, *, at_most: int = 100
    ) -> list[ClaimedCall]:
        shares = [
            Share(account=account, in_flight=0, room=at_most) for account in self.apis
        ]
        claiming = queue or self.queue
        return await claiming.claim(shares, at_most=at_most, now=self.clock.now())

    async def work(self) -> int:
        """Make all calls that are due, and return how many claims that took."""
        made = 0
        while claimed := await self.claim():
            for call in claimed:
                await self.caller.make(call)
            made += len(claimed)
        return made

    async def calls(self, stream: StreamKey = ORDER) -> list[CallRecord]:
        return await calls_of(self.pool, *stream)

    async def call(self, kind: CallKind, stream: StreamKey = ORDER) -> CallRecord:
        return next(c for c in await self.calls(stream) if c.kind == kind)

    async def told(self, stream: StreamKey = ORDER) -> list[OrderFact]:
        """Return what the log was told about calls."""
        events: list[RecordedEvent] = list(await self.log.read_stream(stream))
        return [decode(event) for event in events if event.type.startswith("Call")]
