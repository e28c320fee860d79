"""A small world in which all holds, for faults to be planted in."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from chaos.checker import Logged, Violation
from chaos.history import Operation, Result, digest
from events import AT
from service.eventlog.partitions import partition_of
from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.contract import Contract

PARTITIONS = 2
ORDERS = [StreamKey("chaos", name) for name in ("a", "b", "c")]


class Record(NamedTuple):
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Sound(NamedTuple):
    """A log of three orders, two appends of two events each, and all made of it."""

    log: list[Logged]
    operations: list[Operation]
    topic: list[Record]

    @property
    def events(self) -> list[RecordedEvent]:
        return [event for event, _ in self.log]


def sound_world() -> Sound:
    log: list[Logged] = []
    operations: list[Operation] = []
    heads = dict.fromkeys(range(PARTITIONS), 0)
    for number, expected in enumerate((0, 2)):
        for order in ORDERS:
            keys = (f"{order.order_id}{number}-1", f"{order.order_id}{number}-2")
            partition = partition_of(order, PARTITIONS)
            events = []
            for nth, key in enumerate(keys, start=1):
                heads[partition] += 1
                at = heads[partition]
                events.append(recorded(order, version=expected + nth, position=at))
                log.append(Logged(events[-1], key))
            operations.append(
                Operation(
                    id=f"{order.order_id}{number}",
                    stream=order,
                    keys=keys,
                    digests=tuple(digest(e.type, e.data) for e in events),
                    expected=expected,
                    invoked=10.0 * len(operations),
                    ended=10.0 * len(operations) + 5,
                    outcome="ok",
                    result=Result(partition, heads[partition], expected + 2, 2),
                )
            )
    log.sort(key=lambda logged: (logged.event.partition, logged.event.position))
    return Sound(log, operations, [published(event) for event, _ in log])


def recorded(order: StreamKey, *, version: int, position: int) -> RecordedEvent:
    return RecordedEvent(
        partition=partition_of(order, PARTITIONS),
        position=position,
        stream_id=UUID(int=ORDERS.index(order)),
        stream=order,
        version=version,
        type="HandlingRequested",
        schema_version=1,
        data=f'{{"requested_by":"{order.order_id}{version}"}}',
        metadata='{"correlation_id":"chain"}',
        occurred_at=AT,
        recorded_at=AT,
    )


def published(event: RecordedEvent) -> Record:
    message = Contract("https://orders.example").message(event)
    assert message.value is not None
    return Record(message.partition, message.key, message.value, tuple(message.headers))


def with_header(record: Record, name: str, value: bytes) -> Record:
    others = tuple(each for each in record.headers if each[0] != name)
    return record._replace(headers=(*others, (name, value)))


def named(violations: Iterable[Violation]) -> set[tuple[str, str]]:
    """Return the kinds that were found, and where."""
    return {(violation.kind, violation.where) for violation in violations}
