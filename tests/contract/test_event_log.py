"""What every event log promises; run on PostgreSQL and on the one in memory."""

import asyncio

import pytest

from builders import handling_requested, status_reported
from events import append_of, new_event, stream
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.errors import ConcurrencyError, InvalidEventError
from service.eventlog.ports import EventLog
from service.eventlog.records import Append


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def log(request: pytest.FixtureRequest) -> EventLog:
    if request.param == "memory":
        return MemoryEventLog()
    opened: EventLog = request.getfixturevalue("postgres_log")
    return opened


class TestAppend:
    async def test_starts_a_stream_at_version_one(self, log: EventLog) -> None:
        """The first append to a stream gives it version 1."""
        appended = await log.append(append_of("a"))

        assert (appended.version, appended.new) == (1, 1)

    async def test_writes_all_events_in_order(self, log: EventLog) -> None:
        """Events of one append stand in the stream in the order given."""
        await log.append(append_of("a", "b", "c"))

        events = await log.read_stream(stream())
        assert [event.version for event in events] == [1, 2, 3]
        assert [event.data for event in events] == [
            f'{{"requested_by":"{key}"}}' for key in "abc"
        ]

    async def test_a_repeated_key_returns_the_earlier_result(
        self, log: EventLog
    ) -> None:
        """The same key again writes nothing and returns where the event stands."""
        first = await log.append(append_of("a"))
        await log.append(append_of("b"))

        again = await log.append(append_of("a"))

        assert (again.position, again.version, again.new) == (
            first.position,
            first.version,
            0,
        )
        assert len(await log.read_stream(stream())) == 2

    async def test_only_new_keys_of_a_report_are_written(self, log: EventLog) -> None:
        """A writer that only reports gets just its new events written."""
        await log.append(append_of("a"))

        appended = await log.append(append_of("a", "b"))

        assert (appended.version, appended.new) == (2, 1)

    async def test_refuses_a_wrong_expected_version(self, log: EventLog) -> None:
        """A writer that decided on an older version is told so, and nothing is written."""
        await log.append(append_of("a"))

        with pytest.raises(ConcurrencyError):
            await log.append(append_of("b", expected=0))
        assert len(await log.read_stream(stream())) == 1

    async def test_a_repetition_is_no_conflict(self, log: EventLog) -> None:
        """Repeating a decided append returns its first result, whatever came after."""
        first = await log.append(append_of("a", expected=0))
        await log.append(append_of("b"))

        again = await log.append(append_of("a", expected=0))

        assert again.position == first.position

    async def test_one_of_two_deciders_wins(self, log: EventLog) -> None:
        """When two writers expect the same version, exactly one of them writes."""
        outcomes: list[str] = []

        async def decide(key: str) -> None:
            try:
                await log.append(append_of(key, expected=0))
                outcomes.append("won")
            except ConcurrencyError:
                outcomes.append("lost")

        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(decide(f"key-{number}"))
        assert sorted(outcomes) == ["lost"] * 9 + ["won"]

    async def test_refuses_keys_that_are_the_same(self, log: EventLog) -> None:
        """Two events of one append cannot share a key."""
        with pytest.raises(InvalidEventError):
            await log.append(
                Append(stream=stream(), events=[new_event("a"), new_event("a")])
            )

    async def test_refuses_nothing_at_all(self, log: EventLog) -> None:
        """An append without events is refused."""
        with pytest.raises(InvalidEventError):
            await log.append(Append(stream=stream(), events=[]))


class TestReadStream:
    async def test_of_an_unknown_order_is_empty(self, log: EventLog) -> None:
        """A stream that does not exist has no events."""
        assert list(await log.read_stream(stream("nobody"))) == []

    async def test_starts_after_a_version(self, log: EventLog) -> None:
        """Reading after a version leaves out what was already seen."""
        await log.append(append_of("a", "b", "c"))

        events = await log.read_stream(stream(), after=2)

        assert [event.version for event in events] == [3]

    async def test_streams_are_kept_apart(self, log: EventLog) -> None:
        """The same order id in two accounts is two streams."""
        await log.append(append_of("a", to=stream("1", "acme")))
        await log.append(append_of("b", to=stream("1", "other")))

        found = await log.read_streams(
            [stream("1", "acme"), stream("1", "other"), stream("2")]
        )

        assert [len(events) for events in found.values()] == [1, 1, 0]

    async def test_starts_with_the_last_of_a_type(self, log: EventLog) -> None:
        """Of each stream the last event of a type and all behind it; else all of it."""
        told, handled = status_reported("handling"), handling_requested()
        streams: dict[str, list[OrderFact]] = {
            "1": [told, told, handled, handled],
            "2": [handled, handled],
            "3": [handled, told],
        }
        for order_id, facts in streams.items():
            events = [new_event(str(n), fact) for n, fact in enumerate(facts)]
            await log.append(Append(stream=stream(order_id), events=events))

        found = await log.read_streams(
            [stream(order_id) for order_id in "1234"], since="OrderStatusReported"
        )

        versions = [[event.version for event in each] for each in found.values()]
        assert versions == [[2, 3, 4], [1, 2], [2], []]
