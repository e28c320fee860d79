"""What the rooms know of the log: protocols that state their guarantees."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from service.eventlog.records import (
    Append,
    Appended,
    Batch,
    RecordedEvent,
    StreamKey,
)


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class EventLog(Protocol):
    """The append-only log of all orders."""

    async def append(self, append: Append) -> Appended:
        """Append all events or none, durably, and return where the last one stands.

        Positions of a partition become visible in order and without holes. When two
        writers expect the same version, exactly one wins. Events whose keys the
        stream already holds are not written again; when that is all of them, the
        earlier result is returned, whatever version was expected.

        Raises:
            ConcurrencyError: The stream is not at the expected version; reload.
            InvalidEventError: The event cannot be stored as it is; do not retry.
            DatabaseUnavailableError: Nothing is known of the outcome; the same
                append may be repeated safely.
        """
        ...

    async def read_stream(
        self, stream: StreamKey, *, after: int = 0
    ) -> Sequence[RecordedEvent]:
        """Return the stream's events above version *after*, in order."""
        ...

    async def read_streams(
        self, streams: Sequence[StreamKey], *, since: str | None = None
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        """Return the events of each of *streams*; unknown ones map to nothing.

        Where *since* is the type of one of its events, they begin with the last such.
        """
        ...


class Consumer(Protocol):
    """What follows the log; its one rule is stated at `handle`."""

    name: str
    parks_streams: bool
    """Whether an event that keeps failing sets its stream aside for this consumer."""

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Return the last position handled in each of *partitions* (0: none).

        Called whenever ownership changed and after every failure, so this is also
        where a consumer throws away what it holds in memory.
        """
        ...

    async def handle(self, batch: Batch) -> None:
        """Handle *batch*; the batch and its positions are durable on return.

        Raises:
            FencedError: Another process owns these partitions now.
            ConflictError: Others were quicker; the batch is handed out again.
            UnavailableError: Something needed is away; the batch is handed out again.
            UnreadableError: The consumer stops and pages.
            Exception: Any other is the fault of an event: it is found, tried again,
                and its stream set aside if it keeps failing.
        """
        ...
