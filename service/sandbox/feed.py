"""The order feed: a queue of status changes for each appKey, as unreliable as VTEX's."""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from random import Random
from typing import Final

from service.sandbox.clock import Clock
from service.sandbox.feed_config import FeedConfig
from service.sandbox.oms import StatusChange
from service.sandbox.refusals import FeedUnknownError

_WINDOW: Final = 3
"""How many lots of the oldest messages a read picks from: the order is not promised."""


@dataclass(slots=True, kw_only=True)
class _Message:
    number: int
    change: StatusChange
    reads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedItem:
    """A change as one read received it; *handle* serves to commit it."""

    event_id: str
    handle: str
    change: StatusChange


class FeedQueue:
    """At least once, in no promised order: an SQS standard queue.

    A message that was read stays away for the visibility timeout; if nobody commits
    it by the handle of that read, it comes back and gets another handle.
    """

    def __init__(
        self, name: str, config: FeedConfig, *, seed: int, now: datetime
    ) -> None:
        self.config = config
        self._name = f"{seed}/{name}"
        self._rng = Random(self._name)
        self._put = 0
        self._idle_since = now
        self._ready: deque[_Message] = deque()
        self._in_flight: dict[str, _Message] = {}
        self._timeouts: list[tuple[datetime, str]] = []

    def configure(self, config: FeedConfig, *, now: datetime) -> None:
        """Take another configuration; the messages stay."""
        self.config = config
        self._idle_since = now

    def abandoned(self, now: datetime) -> bool:
        """Say whether nothing has come in for so long that VTEX removes the feed."""
        return now - self._idle_since >= self.config.retention

    def put(self, change: StatusChange) -> None:
        """Queue *change* as of the time it happened."""
        self._put += 1
        self._idle_since = change.at
        self._ready.append(_Message(number=self._put, change=change))

    def read(self, lot: int, *, now: datetime) -> list[FeedItem]:
        """Hand out up to *lot* messages and hide them for the visibility timeout."""
        self._settle(now)
        oldest = [
            self._ready.popleft() for _ in range(min(len(self._ready), _WINDOW * lot))
        ]
        self._rng.shuffle(oldest)
        chosen, left = oldest[:lot], oldest[lot:]
        self._ready.extendleft(sorted(left, key=lambda m: m.number, reverse=True))
        return [self._receive(message, now=now) for message in chosen]

    def _receive(self, message: _Message, *, now: datetime) -> FeedItem:
        message.reads += 1
        handle = self._token("handle", message.number, message.reads)
        self._in_flight[handle] = message
        heappush(self._timeouts, (now + self.config.visibility_timeout, handle))
        return FeedItem(
            event_id=self._token("event", message.number)[:32].upper(),
            handle=handle,
            change=message.change,
        )

    def _token(self, *parts: object) -> str:
        return hashlib.sha256(repr((self._name, *parts)).encode()).hexdigest()

    def commit(self, handles: Iterable[str], *, now: datetime) -> None:
        """Remove what was read under *handles*; unknown and expired ones do nothing."""
        self._settle(now)
        for handle in handles:
            self._in_flight.pop(handle, None)

    def waiting(self, *, now: datetime) -> list[datetime]:
        """Say since when each message that nobody committed has waited."""
        self._settle(now)
        messages = (*self._ready, *self._in_flight.values())
        return [message.change.at for message in messages]

    def _settle(self, now: datetime) -> None:
        while self._timeouts and self._timeouts[0][0] <= now:
            message = self._in_flight.pop(heappop(self._timeouts)[1], None)
            if message is not None:
                self._ready.append(message)
        while self._ready and now - self._ready[0].change.at >= self.config.retention:
            self._ready.popleft()


class Feeds:
    """The feed of each appKey; it holds what happened since it was configured."""

    def __init__(
        self, account_of: Mapping[str, str], *, clock: Clock, seed: int
    ) -> None:
        self._account_of = account_of
        self._clock = clock
        self._seed = seed
        self._queues: dict[str, FeedQueue] = {}

    def hear(self, change: StatusChange) -> None:
        """Queue *change* in every feed that asks for it."""
        for app_key in list(self._queues):
            queue = self._alive(app_key, change.at)
            if (
                queue is not None
                and self._account_of[app_key] == change.account
                and queue.config.wants(change.state)
            ):
                queue.put(change)

    def configure(self, app_key: str, config: FeedConfig) -> None:
        """Create the feed of *app_key*; one that exists keeps its messages."""
        now = self._clock.now()
        queue = self._alive(app_key, now)
        if queue is None:
            queue = FeedQueue(app_key, config, seed=self._seed, now=now)
            self._queues[app_key] = queue
        queue.configure(config, now=now)

    def drop(self, app_key: str) -> None:
        """Remove the feed and all that it holds.

        Raises:
            FeedUnknownError: This appKey has no feed.
        """
        self.queue(app_key)
        del self._queues[app_key]

    def queue(self, app_key: str) -> FeedQueue:
        """Return the feed of *app_key*.

        Raises:
            FeedUnknownError: None was configured, or it was idle for its retention.
        """
        queue = self._alive(app_key, self._clock.now())
        if queue is None:
            raise FeedUnknownError
        return queue

    def _alive(self, app_key: str, now: datetime) -> FeedQueue | None:
        queue = self._queues.get(app_key)
        if queue is not None and queue.abandoned(now):
            del self._queues[app_key]
            return None
        return queue
