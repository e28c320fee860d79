"""A member of the consumer group of the events topic, until something goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from typing_extensions import override

from service.errors import BrokerUnavailableError, InvalidSettingsError
from service.publish.decoding import Record
from service.publish.kafka import EventsTopic, answering
from service.publish.reader import leave

MOST_RECORDS = 2000
"""Records handed over at a time."""

_LOOK_MS = 500
_JOIN_WITHIN = 40.0


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # it has no types
    """See `joined`. Its partitions are those of one *generation*, until it changes."""

    def __init__(self, topic: EventsTopic, *, group: str) -> None:
        self.generation = 0
        self.settled = False
        self.handling = asyncio.Lock()
        """Held while records are handled: partitions are given up only between."""
        self._topic = topic
        self._patient = replace(topic, within=max(topic.within, _JOIN_WITHIN))
        self._stuck_at = 0
        self._stuck_since = 0.0
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=topic.servers,
            group_id=group,
            client_id=group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            # A request to join is answered when members that died have expired; one that
            # is given up and sent again would be one more member to wait for.
            request_timeout_ms=self._patient.within_ms,
        )

    @override
    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.settled = False
        self.generation += 1
        async with self.handling:
            pass

    @override
    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.generation += 1
        self.settled = True

    async def start(self) -> None:
        async with answering(self._topic, "open"):
            await self._consumer.start()
            self._consumer.subscribe([self._topic.name], listener=self)

    async def stop(self) -> None:
        await leave(self._consumer)

    @property
    def partitions(self) -> list[int]:
        return sorted(at.partition for at in self._consumer.assignment())

    def check_partitions(self) -> None:
        """See whether the topic's partitions are as many as the settings say.

        Raises:
            InvalidSettingsError: They are not.
        """
        found = len(self._consumer.partitions_for_topic(self._topic.name) or ())
        if found not in {0, self._topic.partitions}:
            raise InvalidSettingsError(
                f"Topic {self._topic.name} has {found} partitions; "
                f"set ORDER_TRACKING_PARTITIONS={found}."
            )

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read each partition on from its offset."""
        for number, offset in offsets.items():
            self._consumer.seek(TopicPartition(self._topic.name, number), offset)

    async def begins(self, partitions: Iterable[int]) -> dict[int, int]:
        """Return the first offset that each of *partitions* still has."""
        wanted = [TopicPartition(self._topic.name, number) for number in partitions]
        async with answering(self._topic, "tell the begin of"):
            begins = await self._consumer.beginning_offsets(wanted)
        return {at.partition: begins[at] for at in wanted}

    async def records(self) -> dict[int, list[Record]]:
        """Return what came next in each partition, or nothing after a moment."""
        # It waits for the end of a rebalance, too; leaving then would start another.
        async with answering(self._patient, "hand over"):
            found = await self._consumer.getmany(
                timeout_ms=_LOOK_MS, max_records=MOST_RECORDS
            )
        return {at.partition: records for at, records in found.items() if records}

    async def behind(self) -> int:
        """Return how many offsets are still to be read, as the cluster tells it now.

        Raises:
            BrokerUnavailableError: It stays the same for as long as a step may take:
                the consumer hangs, and says so to nobody.
        """
        assigned = list(self._consumer.assignment())
        if not assigned:
            return 0
        async with answering(self._topic, "tell the ends of"):
            ends = await self._consumer.end_offsets(assigned)
            left = [ends[at] - await self._consumer.position(at) for at in assigned]
        behind = int(sum(left))
        self._watch(behind)
        return behind

    def _watch(self, behind: int) -> None:
        now = asyncio.get_running_loop().time()
        if behind <= 0 or behind != self._stuck_at:
            self._stuck_at, self._stuck_since = behind, now
        elif now > self._stuck_since + self._topic.within:
            raise BrokerUnavailableError(
                f"Nothing comes from {self._topic.name} though there is something to "
                "read; this consumer is made anew."
            )

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Tell the group's offsets to whoever watches its lag; nothing rests on them."""
        places = {
            TopicPartition(self._topic.name, number): offset
            for number, offset in offsets.items()
        }
        async with answering(self._topic, "note the offsets of"):
            # During a rebalance it is refused; the next one will do.
            with suppress(KafkaError):
                await self._consumer.commit(places)


@asynccontextmanager
async def joined(topic: EventsTopic, *, group: str) -> AsyncIterator[Member]:
    """Be a member of *group* for as long as the block runs.

    Raises:
        BrokerUnavailableError: The cluster does not answer in time.
    """
    member = Member(topic, group=group)
    try:
        await member.start()
        yield member
    finally:
        await member.stop()
