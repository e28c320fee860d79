"""What is new to a follower among the records of a partition, and where a hole is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from service.eventlog.records import RecordedEvent
from service.publish.decoding import (
    Record,
    UndecodableError,
    event_of,
    is_replay,
    sequence_of,
)


class Gap(NamedTuple):
    """Positions that do not come: those above *after*, up to the next one there is."""

    partition: int
    after: int
    next: int
    offset: int


class Undecodable(NamedTuple):
    """A record that is none of our messages, and why."""

    record: Record
    error: UndecodableError


@dataclass(slots=True)
class Sifted:
    """What became of records: *events* in order, up to *position* and *next_offset*."""

    position: int
    next_offset: int
    events: list[RecordedEvent] = field(default_factory=list)
    undecodable: list[Undecodable] = field(default_factory=list)
    gap: Gap | None = None


def sift(records: Sequence[Record], *, position: int) -> Sifted:
    """Sort the *records* of a partition out for whoever is at *position*.

    What is at or below it is there twice and left out. What was published again is
    left out, too, unless it is next: it is looked for where a hole shows.
    """
    sifted = Sifted(position, next_offset=records[0].offset)
    for record in records:
        _take(record, sifted)
        if sifted.gap is not None:
            break
        sifted.next_offset = record.offset + 1
    return sifted


def _take(record: Record, sifted: Sifted) -> None:
    sequence = sequence_of(record)
    if sequence is not None and not _is_new(record, sequence, sifted.position):
        return
    try:
        event = event_of(record)
    except UndecodableError as error:
        sifted.undecodable.append(Undecodable(record, error))
        if sequence == sifted.position + 1:
            sifted.position = sequence
        return
    if event.position > sifted.position + 1:
        sifted.gap = Gap(
            record.partition, sifted.position, event.position, record.offset
        )
        return
    sifted.events.append(event)
    sifted.position = event.position


def _is_new(record: Record, sequence: int, position: int) -> bool:
    return sequence == position + 1 or (sequence > position and not is_replay(record))
