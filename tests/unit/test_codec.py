"""Facts to stored payloads and back."""

from dataclasses import replace

import pytest

from events import append_of, stream
from memory_log import MemoryEventLog
from service.domain.facts import HandlingRequested
from service.errors import InvalidEventError, UnreadableEventError
from service.eventlog.codec import MAX_PAYLOAD, decode, encode
from service.eventlog.records import RecordedEvent


async def recorded() -> RecordedEvent:
    log = MemoryEventLog()
    await log.append(append_of("a"))
    (event,) = await log.read_stream(stream())
    return event


class TestDecode:
    async def test_gives_back_the_fact(self) -> None:
        """What was stored comes back as the fact it was."""
        assert decode(await recorded()) == HandlingRequested(requested_by="a")

    async def test_refuses_an_unknown_type(self) -> None:
        """A type of a newer version stops the reader and says what to run."""
        event = replace(await recorded(), type="OrderTeleported")

        with pytest.raises(UnreadableEventError, match="newer version"):
            decode(event)

    async def test_refuses_a_newer_schema(self) -> None:
        """A schema version above our own is not guessed at."""
        event = replace(await recorded(), schema_version=2)

        with pytest.raises(UnreadableEventError, match="schema 2"):
            decode(event)

    async def test_names_the_fields_of_a_changed_payload_not_their_values(self) -> None:
        """A payload that does not validate is told by field; its content is not."""
        event = replace(await recorded(), data='{"requested_by": {"name": "Ana"}}')

        with pytest.raises(UnreadableEventError, match="requested_by") as refused:
            decode(event)
        assert "Ana" not in str(refused.value)


class TestEncode:
    def test_keeps_the_type_outside(self) -> None:
        """The payload holds the fact's fields only."""
        assert encode(HandlingRequested(requested_by="a")) == '{"requested_by":"a"}'

    @pytest.mark.parametrize("letter", ["x", "é"])
    def test_takes_no_more_than_the_largest_payload(self, letter: str) -> None:
        """The limit counts bytes: it lets the largest through and one more not."""
        around = len(encode(HandlingRequested(requested_by="")))
        room = (MAX_PAYLOAD - around) // len(letter.encode())

        assert encode(HandlingRequested(requested_by=letter * room))
        with pytest.raises(InvalidEventError, match=str(MAX_PAYLOAD)):
            encode(HandlingRequested(requested_by=letter * (room + 1)))
