"""A window of positions as the topic has it, to be compared with the log's."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import xor

from service.publish.decoding import Record, is_replay, sequence_of


@dataclass(slots=True, kw_only=True)
class Window:
    """Events of a partition above position *after*, by position, with their digests."""

    partition: int
    after: int
    last: int
    digests: dict[int, int] = field(default_factory=dict)
    duplicate: int = 0
    reordered: int = 0
    foreign: int = 0

    def sum(self, upto: int, *, leaving: Collection[int] = ()) -> tuple[int, int]:
        """Return the count and the digest of what is there up to a position."""
        found = [
            digest
            for position, digest in self.digests.items()
            if position <= upto and position not in leaving
        ]
        return len(found), reduce(xor, found, 0)

    def beyond(self, head: int) -> int:
        """Return how many events have a position that was never handed out."""
        return sum(position > head for position in self.digests)

    def faults(self, *, head: int, same: bool) -> Iterator[str]:
        """Name what is wrong with it, if the log's sum is the *same* or not."""
        if not same:
            yield "events missing, or others than in the log"
        for name, count in (
            ("again", self.duplicate),
            ("out of order", self.reordered),
            ("not of the log", self.foreign + self.beyond(head)),
        ):
            if count:
                yield f"{count} {name}"


def window_of(partition: int, records: Iterable[Record], *, after: int) -> Window:
    """Return the window that *records* make up; replays do not count."""
    window = Window(partition=partition, after=after, last=after)
    for record in records:
        if not is_replay(record):
            _add(record, window)
    return window


def _add(record: Record, window: Window) -> None:
    position, event_id = sequence_of(record), id_of(record)
    if position is None or event_id is None:
        window.foreign += 1
        return
    if position in window.digests:
        window.duplicate += 1
        return
    if position <= window.last:
        window.reordered += 1
    if position > window.after:
        window.digests[position] = digest_of(position, event_id)
    window.last = max(window.last, position)


def digest_of(position: int, *parts: bytes) -> int:
    """Return 60 bits that say which event is at *position*; as audit_*.sql do."""
    text = b"/".join((b"%d" % position, *parts))
    return int(hashlib.md5(text, usedforsecurity=False).hexdigest()[:15], 16)


def id_of(record: Record) -> bytes | None:
    """Return the id that *record* carries, if it carries one."""
    return next((value for name, value in record.headers if name == "ce_id"), None)
