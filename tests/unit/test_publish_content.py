"""What the topics are made of: a message for each event, a state for each order."""

from collections.abc import Sequence

import orjson
import pytest

from builders import personal_data_erased, status_reported
from events import AT, stream
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.eventlog.records import (
    Append,
    Metadata,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.publish.content import States
from service.publish.contract import Contract, Message

WAY = ("order-created", "payment-pending", "payment-approved", "handling", "invoiced")
CONTRACT = Contract("https://orders.example")


@pytest.fixture
def log() -> MemoryEventLog:
    return MemoryEventLog(partitions=2)


async def report(log: MemoryEventLog, *facts: OrderFact, order: str = "1") -> None:
    to = stream(order)
    for fact in facts:
        number = len(await log.read_stream(to))
        event = NewEvent(
            fact=fact,
            key=f"key-{number}",
            occurred_at=AT,
            metadata=Metadata(correlation_id="chain-1", source="test"),
        )
        await log.append(Append(stream=to, events=[event]))


async def states(content: States, events: Sequence[RecordedEvent]) -> list[Message]:
    return list(await content.messages(events))


def header(message: Message, name: str) -> str:
    return dict(message.headers)[name].decode()


def versions(messages: Sequence[Message]) -> dict[bytes, int]:
    return {m.key: orjson.loads(m.value or b"{}")["version"] for m in messages}


class TestStates:
    async def test_tell_each_order_once(self, log: MemoryEventLog) -> None:
        """Of a batch, each order's state after its last event goes out."""
        for order in "12":
            await report(log, *map(status_reported, WAY), order=order)

        messages = await states(States(CONTRACT, log=log), log.events)

        assert versions(messages) == {b"acme/1": 5, b"acme/2": 5}

    async def test_end_where_the_batch_ends(self, log: MemoryEventLog) -> None:
        """The last message of a partition has the position of its last event."""
        orders = [str(number) for number in range(6)]
        for state in WAY:
            for order in orders:
                await report(log, status_reported(state), order=order)

        messages = await states(States(CONTRACT, log=log), log.events)

        for partition in (0, 1):
            sent = [
                int(header(message, "ce_sequence"))
                for message in messages
                if message.partition == partition
            ]
            last = max(e.position for e in log.events if e.partition == partition)
            assert sent == sorted(sent)
            assert sent[-1] == last

    async def test_carry_the_headers_of_a_cloud_event(
        self, log: MemoryEventLog
    ) -> None:
        """A state has a type, a schema and an id of its own, and its order's version."""
        await report(log, status_reported("handling"))

        [message] = await states(States(CONTRACT, log=log), log.events)

        assert header(message, "ce_type") == "order-tracking.order-state.v1"
        assert header(message, "ce_dataschema").endswith("/v1/schemas/order-state/1")
        assert header(message, "ce_id") == f"{log.events[0].id}-state"
        assert header(message, "ce_causationid") == log.events[0].id
        assert header(message, "orderversion") == "1"

    @pytest.mark.parametrize("most_known", [0, 1, 100])
    async def test_are_the_same_however_events_come(
        self, log: MemoryEventLog, most_known: int
    ) -> None:
        """One by one or at once, from memory or from the log: the last state is equal."""
        for state in WAY:
            for order in "123":
                await report(log, status_reported(state), order=order)
        together = await states(States(CONTRACT, log=log), log.events)
        content = States(CONTRACT, log=log, most_known=most_known)

        last = {}
        for event in log.events:
            for message in await states(content, [event]):
                last[message.key] = message.value

        assert last == {message.key: message.value for message in together}

    async def test_go_no_further_than_the_batch(self, log: MemoryEventLog) -> None:
        """An order that is read from the log is folded up to the batch, not beyond."""
        await report(log, *map(status_reported, WAY))

        messages = await states(States(CONTRACT, log=log), log.events[2:3])

        assert versions(messages) == {b"acme/1": 3}

    async def test_start_anew_when_memory_is_not_to_be_trusted(
        self, log: MemoryEventLog
    ) -> None:
        """After a failure the same events lead to the same states."""
        await report(log, *map(status_reported, WAY))
        content = States(CONTRACT, log=log)
        before = await states(content, log.events)
        content.forget()

        assert await states(content, log.events) == before

    async def test_bury_an_erased_order_for_good(self, log: MemoryEventLog) -> None:
        """The erasure of an order's data and all later events are tombstones."""
        await report(log, status_reported("handling"), personal_data_erased())
        content = States(CONTRACT, log=log)
        [erased] = await states(content, log.events)
        await report(log, status_reported("invoiced"))
        [later] = await states(content, log.events[2:])
        [reread] = await states(States(CONTRACT, log=log), log.events[2:])

        assert [erased.value, later.value, reread.value] == [None, None, None]
        assert later.key == str(StreamKey("acme", "1")).encode()
        assert header(later, "orderversion") == "3"
