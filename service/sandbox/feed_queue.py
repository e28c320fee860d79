"""A queue of changes, as unreliable as an SQS standard queue."""

import hashlib
from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Final

from pydantic import TypeAdapter

from service.sandbox.keeping import Document
from service.sandbox.marks import Marks
from service.sandbox.oms import StatusChange

_WINDOW: Final = 3
"""How many lots of the oldest messages a read picks from: the order is not promised."""
_MOST_READS: Final = 100
_HANDLE_BYTES: Final = 300


@dataclass(slots=True, kw_only=True)
class Message:
    """A change in a queue.

    Attributes:
        original: Number of the message that it is a copy of, or its own.
        visible_at: Until then it is hidden; None: it can be read.
    """

    number: int
    original: int
    change: StatusChange
    reads: int = 0
    visible_at: datetime | None = None


_MESSAGE: Final = TypeAdapter(Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedItem:
    """A change as one read received it; *handle* serves to commit it."""

    event_id: str
    handle: str
    change: StatusChange


class FeedQueue:
    """At least once, in no promised order.

    A message that was read stays away for the visibility timeout; if nobody commits
    it by the handle of that read, it comes back and gets another handle. It is gone
    for good after the retention, and once it was read a hundred times.
    """

    def __init__(self, name: str, *, seed: int, retention: timedelta) -> None:
        self.retention = retention
        self._name = f"{seed}/{name}"
        self._rng = Random(self._name)
        self._put = 0
        self._messages: dict[int, Message] = {}
        self._ready: deque[Message] = deque()
        self._in_flight: dict[str, Message] = {}
        self._hidden: list[tuple[datetime, int]] = []
        self._marks: Marks[int] = Marks()

    def put(self, change: StatusChange, *, copies: int = 1) -> None:
        """Queue *change*; of several *copies* each wants to be committed."""
        original = self._put + 1
        for _ in range(copies):
            self._add(Message(number=self._put + 1, original=original, change=change))

    def put_late(self, change: StatusChange, *, until: datetime) -> None:
        """Queue *change*, to be read from *until* on: later ones come before it."""
        number = self._put + 1
        self._add(
            Message(number=number, original=number, change=change, visible_at=until)
        )

    def _add(self, message: Message) -> None:
        self._put = max(self._put, message.number)
        self._messages[message.number] = message
        self._marks.note(message.number)
        if message.visible_at is None:
            self._ready.append(message)
            return
        heappush(self._hidden, (message.visible_at, message.number))
        if message.reads:
            self._in_flight[self._handle(message)] = message

    def read(self, lot: int, *, now: datetime, hidden_for: timedelta) -> list[FeedItem]:
        """Hand out up to *lot* messages and hide them for a while."""
        self._settle(now)
        oldest = self._oldest(_WINDOW * lot)
        self._rng.shuffle(oldest)
        chosen, left = oldest[:lot], oldest[lot:]
        self._ready.extendleft(sorted(left, key=lambda m: m.number, reverse=True))
        return [self._receive(message, until=now + hidden_for) for message in chosen]

    def commit(self, handles: Iterable[str], *, now: datetime) -> None:
        """Remove what was read under *handles*; unknown and expired ones do nothing."""
        self._settle(now)
        for handle in handles:
            message = self._in_flight.get(handle)
            if message is not None:
                self._remove(message)

    def waiting(self, *, now: datetime) -> tuple[int, datetime | None]:
        """Say how many messages nobody has committed, and since when the oldest waits.

        Those count that were read and may come back.
        """
        self._settle(now)
        oldest = next(iter(self._messages.values()), None)
        return len(self._messages), oldest.change.at if oldest else None

    def clear(self) -> None:
        """Forget every message."""
        for message in list(self._messages.values()):
            self._remove(message)

    def changes(self, prefix: str) -> dict[str, Document | None]:
        """Return the messages that changed, each under *prefix* and its number."""
        found: dict[str, Document | None] = {}
        for number in self._marks.take(self._messages):
            message = self._messages.get(number)
            found[f"{prefix}/{number}"] = (
                _MESSAGE.dump_python(message, mode="json") if message else None
            )
        return found

    def restore(self, messages: Iterable[Mapping[str, object]]) -> None:
        """Take back what `changes` returned."""
        read = (_MESSAGE.validate_python(message) for message in messages)
        for message in sorted(read, key=lambda message: message.number):
            self._add(message)
        self._marks.begin()

    def _oldest(self, most: int) -> list[Message]:
        found: list[Message] = []
        while self._ready and len(found) < most:
            message = self._ready.popleft()
            if message.number in self._messages:
                found.append(message)
        return found

    def _receive(self, message: Message, *, until: datetime) -> FeedItem:
        message.reads += 1
        message.visible_at = until
        handle = self._handle(message)
        self._marks.note(message.number)
        self._in_flight[handle] = message
        heappush(self._hidden, (until, message.number))
        event = hashlib.sha256(
            f"{self._name}/event/{message.original}/{_what(message)}".encode()
        )
        return FeedItem(
            event_id=event.hexdigest()[:32].upper(),
            handle=handle,
            change=message.change,
        )

    def _handle(self, message: Message) -> str:
        name = f"{self._name}/{message.number}/{_what(message)}/{message.reads}"
        receipt = hashlib.shake_256(name.encode()).digest(_HANDLE_BYTES)
        return f"AQEB{b64encode(receipt).decode()}"

    def _remove(self, message: Message) -> None:
        del self._messages[message.number]
        self._in_flight.pop(self._handle(message), None)
        self._marks.note(message.number)

    def _settle(self, now: datetime) -> None:
        while self._hidden and self._hidden[0][0] <= now:
            self._show(heappop(self._hidden)[1])
        while self._messages:
            oldest = next(iter(self._messages.values()))
            if now - oldest.change.at < self.retention:
                return
            self._remove(oldest)

    def _show(self, number: int) -> None:
        message = self._messages.get(number)
        if message is None:
            return
        self._in_flight.pop(self._handle(message), None)
        if message.reads >= _MOST_READS:
            self._remove(message)
            return
        message.visible_at = None
        self._marks.note(number)
        self._ready.append(message)


def _what(message: Message) -> str:
    """Name the change: after a restart, the number of a message that is gone comes again."""
    change = message.change
    return f"{change.order_id}/{change.state}/{change.at}"
