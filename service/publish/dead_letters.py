"""Records of the events topic that nobody can decode, set aside with the reason."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer

from service.publish.contract import Header
from service.publish.decoding import Record
from service.publish.kafka import Topic, answering, end, ensure_topic
from service.telemetry import meter

_log = structlog.get_logger()
_letters = meter.create_counter(
    "publish.dead_letters",
    unit="{record}",
    description="Records of the events topic that could not be decoded.",
)


class DeadLetterTopic(Topic):
    """The topic of records that could not be decoded, in their own partitions."""

    suffix = "order.dlt"
    cleanup = "delete"
    configs: ClassVar[dict[str, str]] = {"retention.ms": "-1"}


class DeadLetter(NamedTuple):
    """A record, and why it could not be decoded."""

    record: Record
    error: Exception
    failed_at: datetime


class DeadLetters:
    """Where a consumer *group* sends what it cannot decode, before it goes on."""

    def __init__(self, topic: DeadLetterTopic, *, group: str) -> None:
        self._topic = topic
        self._group = group

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Write *letters* to the topic, durably; after a failure, some may be twice.

        Raises:
            InvalidSettingsError: The topic has another number of partitions.
            BrokerUnavailableError: The cluster does not take them in time.
        """
        await ensure_topic(self._topic)
        producer = AIOKafkaProducer(
            bootstrap_servers=self._topic.servers,
            request_timeout_ms=self._topic.within_ms,
            enable_idempotence=True,
            acks="all",
            max_request_size=2 * 1024 * 1024,
        )
        try:
            async with answering(self._topic, "take a dead letter for"):
                await producer.start()
                for letter in letters:
                    await self._send(producer, letter)
        finally:
            await end(producer.stop())

    async def _send(self, producer: AIOKafkaProducer, letter: DeadLetter) -> None:
        record = letter.record
        await producer.send_and_wait(
            self._topic.name,
            key=record.key,
            value=record.value,
            partition=record.partition,
            headers=[*record.headers, *self._reasons(letter)],
        )
        _letters.add(1, {"consumer": self._group})
        _log.error(
            "dead letter",
            consumer=self._group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=str(letter.error),
        )

    def _reasons(self, letter: DeadLetter) -> list[Header]:
        record = letter.record
        reasons = {
            "dlq.original.topic": record.topic,
            "dlq.original.partition": record.partition,
            "dlq.original.offset": record.offset,
            "dlq.original.timestamp": record.timestamp,
            "dlq.original.group": self._group,
            "dlq.error.type": type(letter.error).__name__,
            "dlq.error.message": letter.error,
            "dlq.error.stage": "decode",
            "dlq.attempts": 1,
            "dlq.first_failed_at": letter.failed_at.isoformat(),
        }
        return [(name, str(value).encode()) for name, value in reasons.items()]
