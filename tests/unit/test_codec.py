"""Facts to stored payloads and back."""

from pathlib import Path
from types import MappingProxyType

import orjson
import pytest

from events import append_of, stream
from memory_log import MemoryEventLog
from service.domain.facts import FACTS, HandlingRequested, OrderFact
from service.errors import InvalidEventError, UnreadableEventError
from service.eventlog.codec import MAX_PAYLOAD, decode, encode
from service.eventlog.records import RecordedEvent

GOLDEN = Path(__file__).parents[1] / "golden" / "events"


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
        event = (await recorded())._replace(type="OrderTeleported")

        with pytest.raises(UnreadableEventError, match="newer version"):
            decode(event)

    async def test_refuses_a_newer_schema(self) -> None:
        """A schema version above our own is not guessed at."""
        event = (await recorded())._replace(schema_version=2)

        with pytest.raises(UnreadableEventError, match="schema 2"):
            decode(event)

    async def test_names_the_fields_of_a_changed_payload_not_their_values(self) -> None:
        """A payload that does not validate is told by field; its content is not."""
        event = (await recorded())._replace(data='{"requested_by": {"name": "Ana"}}')

        with pytest.raises(UnreadableEventError, match="requested_by") as refused:
            decode(event)
        assert "Ana" not in str(refused.value)


class _Requested(HandlingRequested):
    """What `HandlingRequested` could look like after two changes."""

    schema_version = 3
    upcasters = MappingProxyType(
        {
            1: lambda payload: {"client": payload["requested_by"]},
            2: lambda payload: {"requested_by": payload["client"].upper(), "why": "?"},
        }
    )

    why: str


class TestUpcasting:
    @pytest.mark.parametrize(
        ("version", "stored"),
        [
            (1, '{"requested_by":"ana"}'),
            (2, '{"client":"ana"}'),
            (3, '{"requested_by":"ANA","why":"?"}'),
        ],
    )
    async def test_reads_every_earlier_schema(self, version: int, stored: str) -> None:
        """A payload goes through each step from its own version to the newest."""
        event = (await recorded())._replace(schema_version=version, data=stored)

        fact = decode(event, facts={"HandlingRequested": _Requested})

        assert fact == _Requested(requested_by="ANA", why="?")

    @pytest.mark.parametrize(
        ("name", "version"),
        [
            (n, v)
            for n, fact in FACTS.items()
            for v in range(1, fact.schema_version + 1)
        ],
    )
    async def test_reads_the_golden_payload(self, name: str, version: int) -> None:
        """There is a stored payload of each version of each fact, and it is read."""
        stored = orjson.loads((GOLDEN / f"{name}.v{version}.json").read_bytes())
        del stored["type"]
        event = (await recorded())._replace(
            type=name,
            schema_version=version,
            data=orjson.dumps(stored).decode(),
        )

        assert decode(event).type == name

    @pytest.mark.parametrize("fact", FACTS.values())
    def test_every_earlier_schema_has_its_step(self, fact: type[OrderFact]) -> None:
        """No version of a fact that ever was stored is left behind."""
        assert set(fact.upcasters) == set(range(1, fact.schema_version))


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
