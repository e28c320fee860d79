"""The auditor: compares the events topic with the log, window by window, as they grow."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db import Pool
from service.errors import RejectedError, UnavailableError
from service.eventlog.leases import HEARTBEAT, Leases
from service.eventlog.places import Place
from service.eventlog.ports import Clock
from service.eventlog.progress import LONGEST_PAUSE
from service.publish.audit_findings import CONSUMER, Difference, Findings
from service.publish.audit_window import window_of
from service.publish.decoding import Record, is_replay, sequence_of
from service.publish.kafka import EventsTopic
from service.publish.reader import Bounds, Chunk, TopicReader, reading
from service.telemetry import meter

TAIL_GRACE = timedelta(minutes=1)
"""How long the end of a partition may lack what a relay says it has published."""

_log = structlog.get_logger()
_position = meter.create_gauge(
    "publish.audit.position",
    unit="{event}",
    description="Position up to which topic and log were compared.",
)
_lag = meter.create_gauge(
    "publish.audit.lag",
    unit="{event}",
    description="Events published and not yet compared.",
)
_differences = meter.create_gauge(
    "publish.audit.differences",
    unit="{window}",
    description="Windows in which topic and log differ: page somebody.",
)


class Auditor:
    """Follows the topic and compares each window that it reads with the log.

    A lease lets one of all processes work. That no finding is lost rests on positions
    that move only from where they were, together with what was found.
    """

    def __init__(
        self,
        topic: EventsTopic,
        *,
        pool: Pool,
        clock: Clock,
        member: UUID,
        tail_grace: timedelta = TAIL_GRACE,
    ) -> None:
        self.missing: str | None = None
        self._topic = topic
        self._findings = Findings(pool, topic=topic.name)
        self._clock = clock
        self._tail_grace = tail_grace
        self._leases = Leases(pool, consumer=CONSUMER, member=member, slots=1)
        self._holding = False
        self._renew_at = 0.0
        self._saved: dict[int, int] = {}
        self._places: dict[int, Place] = {}
        self._unproved: set[int] = set()
        self._short: dict[int, tuple[int, datetime]] = {}

    async def run(self) -> None:
        """Compare until cancelled, through outages of brokers and database."""
        pause = 0.1
        try:
            while True:
                try:
                    await self._audit()
                except (RejectedError, UnavailableError) as error:
                    pause = 0.1 if self.missing is None else pause
                    self._wait_for(error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            await self._leases.leave()

    def _wait_for(self, error: Exception) -> None:
        if self.missing is None:
            _log.warning("waiting", error=str(error), consumer=CONSUMER)
        self.missing = str(error)

    async def _audit(self) -> None:
        if not await self._holds():
            await asyncio.sleep(HEARTBEAT)
            return
        async with reading(self._topic) as reader:
            self._places = await self._findings.places(range(self._topic.partitions))
            self._saved = {n: place.position for n, place in self._places.items()}
            self._unproved = set(self._places)
            self._short.clear()
            while await self._holds():
                await self._step(reader)
                self.missing = None
                await asyncio.sleep(HEARTBEAT)

    async def _holds(self) -> bool:
        """Renew the lease where that is due, and say whether this auditor has it."""
        now = asyncio.get_running_loop().time()
        if now >= self._renew_at:
            self._holding = bool((await self._leases.hold()).tokens)
            self._renew_at = now + HEARTBEAT / 2
        return self._holding

    async def _step(self, reader: TopicReader) -> None:
        """Compare what came since the step before."""
        published = await self._findings.published()
        bounds = await reader.bounds(self._places)
        stretches = {n: await self._stretch(n, bounds[n]) for n in bounds}
        async for chunk in reader.read(stretches):
            if self._places[chunk.partition].offset is not None:
                await self._take(chunk, trimmed=bounds[chunk.partition].begin > 0)
            if not await self._holds():
                return
        await self._judge_ends(published)
        await self._measure(published)

    async def _stretch(self, partition: int, found: Bounds) -> Bounds:
        """Return what is to be read: all, where the topic is not the one we knew."""
        offset = self._places[partition].offset
        if offset is not None and not found.begin <= offset <= found.end:
            await self._begin_anew(partition)
        if self._places[partition].offset is None:
            self._unproved.discard(partition)
            self._places[partition] = Place(0, found.begin)
        return Bounds(self._places[partition].offset or found.begin, found.end)

    async def _begin_anew(self, partition: int) -> None:
        """Compare a partition from its begin: it was trimmed, or made anew."""
        _log.warning("audit begins anew", topic=self._topic.name, partition=partition)
        await self._findings.clear([partition])
        self._places[partition] = Place(0)

    async def _take(self, chunk: Chunk, *, trimmed: bool) -> None:
        """Compare the window that *chunk* makes up."""
        number, after = chunk.partition, self._places[chunk.partition].position
        first = _first_sequence(chunk.records)
        if first is not None:
            if after == 0 and trimmed:
                after = first - 1
            elif number in self._unproved and first != after + 1:
                await self._begin_anew(number)
                return
            self._unproved.discard(number)
        window = window_of(number, chunk.records, after=after)
        difference = await self._findings.compare(window)
        await self._save(number, Place(window.last, chunk.next_offset), difference)

    async def _save(
        self, number: int, place: Place, difference: Difference | None
    ) -> None:
        await self._findings.save(
            {number: self._saved[number]},
            {number: place},
            difference,
            now=self._clock.now(),
        )
        self._places[number], self._saved[number] = place, place.position

    async def _judge_ends(self, published: dict[int, int]) -> None:
        """Note where the end of a partition lacks what was published for too long."""
        now = self._clock.now()
        for number, position in published.items():
            place = self._places[number]
            if place.offset is None or place.position >= position:
                self._short.pop(number, None)
                continue
            at, since = self._short.setdefault(number, (place.position, now))
            if at != place.position:
                self._short[number] = place.position, now
            elif now - since >= self._tail_grace:
                reason = "the end of the topic is missing"
                missing = Difference(number, place.position, position, reason)
                await self._save(number, place, missing)

    async def _measure(self, published: dict[int, int]) -> None:
        behind = 0
        for number, place in self._places.items():
            _position.set(place.position, {"partition": number})
            behind += max(0, published.get(number, 0) - place.position)
        _lag.set(behind)
        _differences.set(await self._findings.count())


def _first_sequence(records: Sequence[Record]) -> int | None:
    return next(
        (
            sequence
            for record in records
            if not is_replay(record) and (sequence := sequence_of(record)) is not None
        ),
        None,
    )
