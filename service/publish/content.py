"""What the topics are made of: events, and the states of orders that they lead to."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol, TypeVar

from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.codec import decode
from service.eventlog.ports import EventLog
from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.contract import Contract, Message
from service.publish.state import order_state

MOST_KNOWN: Final = 10_000
"""Orders whose state is kept in memory; others are read from the log again."""

_ERASED: Final = "PersonalDataErased"
_AT_ONCE: Final = 500

T = TypeVar("T")


class Content(Protocol):
    """Turns the events of a batch into the messages of a topic."""

    name: str
    """First part of the name that the topic's relay follows the log under."""

    async def messages(self, events: Sequence[RecordedEvent]) -> Iterable[Message]:
        """Return the messages for *events*, partition by partition, each in order.

        The last message of a partition is about its last event, so that the end of
        the topic tells how far it is.
        """
        ...

    def forget(self) -> None:
        """Throw away what is held in memory: the last messages may be lost."""
        ...


class Events:
    """See `Content`: a message for each event."""

    name = "relay"

    def __init__(self, contract: Contract) -> None:
        self._contract = contract

    async def messages(self, events: Sequence[RecordedEvent]) -> Iterable[Message]:
        """See `Content.messages`."""
        # As they are sent: 5,000 at once would be a feast for the garbage collector.
        return map(self._contract.message, events)

    def forget(self) -> None:
        """See `Content.forget`; there is nothing."""


class States:
    """See `Content`: each order's state after its last event of the batch.

    An order whose personal data was erased has none any more, for good.
    """

    name = "state"

    def __init__(
        self, contract: Contract, *, log: EventLog, most_known: int = MOST_KNOWN
    ) -> None:
        self._contract = contract
        self._log = log
        self._most_known = most_known
        self._known: OrderedDict[StreamKey, _Folded] = OrderedDict()

    async def messages(self, events: Sequence[RecordedEvent]) -> Iterable[Message]:
        """See `Content.messages`."""
        await self._load(events)
        last: dict[StreamKey, RecordedEvent] = {}
        for part in _parts(events):
            for event in part:
                self._known.setdefault(event.stream, _Folded()).add(event)
                last[event.stream] = event
            await asyncio.sleep(0)  # a full batch takes a quarter of a second
        messages = [
            self._contract.state(event, self._known[event.stream].value(event.stream))
            for event in sorted(last.values(), key=_place)
        ]
        self._spare(last)
        return messages

    def forget(self) -> None:
        """See `Content.forget`."""
        self._known.clear()

    async def _load(self, events: Sequence[RecordedEvent]) -> None:
        first: dict[StreamKey, int] = {}
        for event in events:
            first.setdefault(event.stream, event.version)
        unknown = (
            stream for stream, version in first.items() if self._lacks(stream, version)
        )
        for streams in _parts(unknown):
            for stream, earlier in (await self._log.read_streams(streams)).items():
                folded = self._known[stream] = _Folded()
                for event in earlier:
                    if event.version < first[stream]:
                        folded.add(event)

    def _lacks(self, stream: StreamKey, version: int) -> bool:
        known = self._known.get(stream)
        return (known.version if known else 0) != version - 1

    def _spare(self, touched: Iterable[StreamKey]) -> None:
        for stream in touched:
            self._known.move_to_end(stream)
        while len(self._known) > self._most_known:
            self._known.popitem(last=False)


class _Folded:
    """An order's facts up to a version, folded."""

    __slots__ = ("erased", "tracking", "version")

    def __init__(self) -> None:
        self.version = 0
        self.erased = False
        self.tracking: Tracking | None = None

    def add(self, event: RecordedEvent) -> None:
        self.version = event.version
        # By its name: nothing of an erased order has to be understood any more.
        self.erased = self.erased or event.type == _ERASED
        if not self.erased:
            self.tracking = evolve_tracking(
                self.tracking,
                decode(event),
                version=event.version,
                at=event.recorded_at,
            )

    def value(self, stream: StreamKey) -> bytes | None:
        """Return the order's public state as JSON."""
        if self.erased or self.tracking is None:
            return None
        return order_state(stream, self.tracking).model_dump_json().encode()


def _place(event: RecordedEvent) -> tuple[int, int]:
    return event.partition, event.position


def _parts(whole: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(whole)
    while part := list(islice(rest, _AT_ONCE)):
        yield part
