"""Messages turn back into the events that they were made of, or say why not."""

from dataclasses import replace

import orjson
import pytest

from builders import NOON
from events import append_of, stream
from memory_log import MemoryEventLog
from service.eventlog.records import RecordedEvent
from service.publish.decoding import UndecodableError, event_of, is_replay, sequence_of
from topics import CONTRACT, Sent, sent, with_header


async def recorded() -> RecordedEvent:
    log = MemoryEventLog()
    await log.append(append_of("key-1", to=stream("10/01")))
    return log.events[0]._replace(
        occurred_at=NOON.replace(microsecond=7),
        recorded_at=NOON.replace(microsecond=123456),
        type="OrderStatusReported",
        schema_version=3,
    )


@pytest.fixture
async def event() -> RecordedEvent:
    return await recorded()


@pytest.fixture
def record(event: RecordedEvent) -> Sent:
    return sent(CONTRACT.message(event))


class TestEventOf:
    def test_returns_the_event(self, event: RecordedEvent, record: Sent) -> None:
        """All that a projection needs comes back, to the microsecond."""
        found = event_of(record)

        assert found._replace(metadata="") == event._replace(metadata="")

    def test_keeps_the_chain(self, event: RecordedEvent, record: Sent) -> None:
        """Correlation and trace come back; the source is the log's own matter."""
        expected = orjson.loads(event.metadata)
        expected.pop("source")

        assert orjson.loads(event_of(record).metadata) == expected

    def test_takes_messages_of_the_first_release(
        self, event: RecordedEvent, record: Sent
    ) -> None:
        """Without a time of record, Kafka's timestamp stands for it."""
        found = event_of(with_header(record, "ce_recordedtime", None))

        assert found.recorded_at == event.recorded_at.replace(microsecond=123000)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ce_id", None),
            ("ce_id", b"nonsense-1"),
            ("ce_id", b"\xff"),
            ("ce_sequence", None),
            ("ce_sequence", b"first"),
            ("ce_type", b"order.placed"),
            ("ce_time", b"yesterday"),
            ("ce_correlationid", b"a\x00b"),
            ("ce_recordedtime", b""),
        ],
    )
    def test_refuses_broken_headers(
        self, record: Sent, name: str, value: bytes | None
    ) -> None:
        """A header that is missing or broken is named as such, and not quoted."""
        with pytest.raises(UndecodableError) as refusal:
            event_of(with_header(record, name, value))

        assert "nonsense" not in str(refusal.value)
        assert "yesterday" not in str(refusal.value)

    @pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"\xff", b'"secret"'])
    def test_refuses_broken_values(self, record: Sent, value: bytes | None) -> None:
        """A value that is no JSON object is refused, and not quoted."""
        with pytest.raises(UndecodableError) as refusal:
            event_of(replace(record, value=value))

        assert "secret" not in str(refusal.value)

    def test_refuses_no_key(self, record: Sent) -> None:
        """A record without a key belongs to no order."""
        with pytest.raises(UndecodableError):
            event_of(replace(record, key=None))


class TestHeaders:
    def test_sequence(self, event: RecordedEvent, record: Sent) -> None:
        """The sequence is the position, and none where there is no number."""
        assert sequence_of(record) == event.position
        assert sequence_of(with_header(record, "ce_sequence", b"-1")) is None
        assert sequence_of(Sent()) is None

    def test_replay(self, record: Sent) -> None:
        """What was published again says so."""
        assert not is_replay(record)
        assert is_replay(with_header(record, "ce_replay", b"true"))
