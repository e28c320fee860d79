"""Following the events topic instead of the log: for read sides on other machines."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from opentelemetry.trace import SpanKind

from service.errors import (
    ConflictError,
    RejectedError,
    TopicGapError,
    UnavailableError,
    UnreadableError,
)
from service.eventlog.places import Place
from service.eventlog.ports import Clock
from service.eventlog.progress import LONGEST_PAUSE, Progress
from service.eventlog.records import RecordedEvent, traceparents
from service.publish.dead_letters import DeadLetter, DeadLetters
from service.publish.decoding import Record, UndecodableError, event_of, sequence_of
from service.publish.group import Member, joined
from service.publish.kafka import EventsTopic
from service.publish.reader import reading
from service.publish.sifting import Gap, Sifted, sift
from service.telemetry import links_to, tracer

MOST_SOUGHT = 10_000
"""Events missing in a row that are looked for in the rest of the partition."""

_log = structlog.get_logger()


class TopicConsumer(Protocol):
    """What follows the events topic; it keeps its own positions and offsets."""

    name: str

    async def places(self, partitions: Sequence[int]) -> Mapping[int, Place]:
        """Return the last position handled in each of *partitions*, and its offset."""
        ...

    async def handle(
        self,
        events: Sequence[RecordedEvent],
        *,
        before: Mapping[int, int],
        places: Mapping[int, Place],
    ) -> None:
        """Handle *events* and move from positions *before* to *places*, all or nothing.

        Raises:
            FencedError: The consumer is not at *before*: another process moved it.
            ConflictError: Others were quicker; the batch is handed out again.
        """
        ...


class TopicFollower:
    """Follows the topic for one consumer, as one of the members of *group*.

    Kafka shares the partitions out; where each is read on is the consumer's own word,
    never the group's. Each event is handed over once, in order.
    """

    def __init__(
        self,
        consumer: TopicConsumer,
        topic: EventsTopic,
        *,
        group: str,
        dead_letters: DeadLetters,
        clock: Clock,
    ) -> None:
        self.consumer = consumer
        self.progress = Progress(consumer.name)
        self._topic = topic
        self._group = group
        self._dead_letters = dead_letters
        self._clock = clock
        self._places: dict[int, Place] = {}
        self._labels = {"consumer": consumer.name}

    @property
    def partitions(self) -> list[int]:
        """Which partitions it reads now."""
        return sorted(self._places)

    async def run(self) -> None:
        """Follow the topic until cancelled, or until there is something unreadable."""
        self.progress.starts()
        pause = 0.1
        while True:
            try:
                async with joined(self._topic, group=self._group) as member:
                    await self._follow(member)
            except (ConflictError, UnavailableError) as error:
                pause = 0.1 if self.progress.state == "running" else pause
                self.progress.waits_for(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except (UnreadableError, RejectedError) as error:
                self.progress.stops_at(error)
                return

    async def _follow(self, member: Member) -> None:
        generation = None
        while True:
            if generation != member.generation:
                generation = member.generation
                await self._take_up(member, generation)
            found = await member.records()
            async with member.handling:
                if not member.settled or generation != member.generation:
                    continue
                if found:
                    await self._handle(member, found)
            await self._measure(member, found)
            self.progress.runs()

    async def _take_up(self, member: Member, generation: int) -> None:
        """Go to where the consumer is, in each partition that is this member's now."""
        self._places = {}
        partitions = member.partitions
        member.check_partitions()
        if not partitions:
            return
        places = await self.consumer.places(partitions)
        begins = await member.begins(partitions)
        if generation != member.generation:
            return
        member.seek(
            {
                number: begins[number] if place.offset is None else place.offset
                for number, place in places.items()
            }
        )
        self._places = dict(places)
        _log.info("partitions adopted", partitions=partitions, **self._labels)

    async def _handle(
        self, member: Member, found: Mapping[int, Sequence[Record]]
    ) -> None:
        sifted = {
            partition: sift(records, position=self._places[partition].position)
            for partition, records in found.items()
            if partition in self._places
        }
        await self._set_aside(sifted.values())
        await self._hand_over(
            [event for part in sifted.values() for event in part.events],
            {n: Place(part.position, part.next_offset) for n, part in sifted.items()},
        )
        for part in sifted.values():
            if part.gap is not None:
                await self._mend(part.gap)
                member.seek({part.gap.partition: part.gap.offset})
        await member.commit({n: part.next_offset for n, part in sifted.items()})

    async def _set_aside(self, sifted: Iterable[Sifted]) -> None:
        now = self._clock.now()
        letters = [
            DeadLetter(record, error, now)
            for part in sifted
            for record, error in part.undecodable
        ]
        if letters:
            await self._dead_letters.send(letters)

    async def _hand_over(
        self, events: Sequence[RecordedEvent], places: Mapping[int, Place]
    ) -> None:
        with tracer.start_as_current_span(
            "follow events",
            kind=SpanKind.CONSUMER,
            links=links_to(traceparents(events)),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": self._topic.name,
                "messaging.consumer.group.name": self._group,
                "messaging.batch.message_count": len(events),
            },
        ):
            try:
                await self.consumer.handle(
                    events,
                    before={n: self._places[n].position for n in places},
                    places=places,
                )
            except (ConflictError, UnavailableError, UnreadableError):
                raise
            except Exception as error:
                _log.warning("batch failed", exc_info=error, **self._labels)
                raise UnavailableError(
                    f"{self.consumer.name} failed: {type(error).__name__}"
                ) from error
        self._places.update(places)
        if events:
            oldest = min(event.recorded_at for event in events)
            self.progress.handles(oldest=oldest, now=self._clock.now())

    async def _mend(self, gap: Gap) -> None:
        """Handle the events of *gap* from where they were published again.

        Raises:
            TopicGapError: They were not.
        """
        events = await self._published_elsewhere(gap)
        if len(events) < gap.next - gap.after - 1:
            raise TopicGapError(
                f"Partition {gap.partition} of {self._topic.name} goes from position "
                f"{gap.after} to {gap.next}: run `order-tracking audit --repair` where "
                "the log is, then start this again; where retention took the events, "
                "docs/howto/run-several-machines.md says how to fill a read side anew."
            )
        _log.warning("gap mended", **gap._asdict(), **self._labels)
        await self._hand_over(
            [events[position] for position in sorted(events)],
            {gap.partition: Place(gap.next - 1, gap.offset)},
        )

    async def _published_elsewhere(self, gap: Gap) -> dict[int, RecordedEvent]:
        found: dict[int, RecordedEvent] = {}
        if gap.next - gap.after > MOST_SOUGHT:
            return found
        async with reading(self._topic) as reader:
            async for chunk in reader.read(await reader.bounds([gap.partition])):
                for record in chunk.records:
                    if gap.after < (sequence_of(record) or 0) < gap.next:
                        found.update(_decoded(record))
        return found

    async def _measure(
        self, member: Member, found: Mapping[int, Sequence[Record]]
    ) -> None:
        if not found:
            self.progress.is_behind(await member.behind())
            self.progress.handles(oldest=None, now=self._clock.now())


def _decoded(record: Record) -> dict[int, RecordedEvent]:
    try:
        event = event_of(record)
    except UndecodableError:
        return {}
    return {event.position: event}
