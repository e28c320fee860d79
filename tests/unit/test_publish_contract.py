"""The public message of an event, read by an independent CloudEvents decoder."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from service.domain.facts import FACTS
from service.eventlog.codec import public_name
from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.contract import Contract, Message

STREAM_ID = UUID("01942f5e-8c00-7000-8000-000000000001")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def event(**changes: Any) -> RecordedEvent:
    recorded: dict[str, Any] = {
        "partition": 3,
        "position": 42,
        "stream_id": STREAM_ID,
        "stream": StreamKey("acme", "1001-01"),
        "version": 7,
        "type": "OrderStatusReported",
        "schema_version": 1,
        "data": '{"state": "invoiced",  "note": "não"}',
        "metadata": '{"correlation_id":"chain-1","source":"feed"}',
        "occurred_at": datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC),
        "recorded_at": datetime(2026, 3, 1, 12, 0, 1, 500_000, tzinfo=UTC),
    }
    return RecordedEvent(**recorded | changes)


def message(**changes: Any) -> Message:
    return Contract("https://orders.example").message(event(**changes))


def decoded(sent: Message) -> BaseCloudEvent:
    return from_kafka_event(
        KafkaMessage(headers=dict(sent.headers), key=sent.key, value=sent.value or b"")
    )


class TestMessage:
    def test_decodes_as_a_cloud_event(self) -> None:
        """An independent decoder finds every attribute of the event."""
        cloud_event = decoded(message())

        assert cloud_event.get_attributes() == {
            "specversion": "1.0",
            "id": f"{STREAM_ID}-7",
            "source": "https://orders.example/v1/orders",
            "type": "order-tracking.order-status-reported.v1",
            "time": datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC),
            "recordedtime": "2026-03-01T12:00:01.500000Z",
            "subject": "acme/1001-01",
            "dataschema": "https://orders.example/v1/schemas/order-status-reported/1",
            "partitionkey": "acme/1001-01",
            "sequence": "00000000000000000042",
            "correlationid": "chain-1",
            "datacontenttype": "application/json",
        }

    def test_carries_the_stored_text(self) -> None:
        """The value is the stored payload, byte for byte."""
        assert message().value == event().data.encode()

    def test_is_keyed_by_the_order(self) -> None:
        """The key names account and order, in UTF-8."""
        sent = message(stream=StreamKey("acme", "pedido-é"))

        assert sent.key == "acme/pedido-é".encode()
        assert decoded(sent).get_subject() == "acme/pedido-é"

    def test_tells_the_version_of_the_order(self) -> None:
        """A consumer finds gaps per order by the plain header orderversion."""
        assert ("orderversion", b"7") in message().headers

    def test_passes_the_stored_trace_on(self) -> None:
        """The traceparent is the one stored with the event, untouched."""
        metadata = {"correlation_id": "chain-1", "traceparent": TRACEPARENT}

        sent = message(metadata=orjson.dumps(metadata).decode())

        assert ("traceparent", TRACEPARENT.encode()) in sent.headers
        assert sent.traceparent == TRACEPARENT

    def test_names_the_direct_cause(self) -> None:
        """An event that another one led to names that one."""
        metadata = {"correlation_id": "chain-1", "causation_id": "cause-6"}

        sent = message(metadata=orjson.dumps(metadata).decode())

        assert decoded(sent).get_extension("causationid") == "cause-6"

    def test_leaves_out_what_is_not_known(self) -> None:
        """Without cause and trace there are no such headers."""
        names = {name for name, _ in message().headers}

        assert names.isdisjoint({"ce_causationid", "traceparent"})

    def test_keeps_source_and_actor_to_itself(self) -> None:
        """What the metadata says about who wrote the event stays inside."""
        metadata = {"correlation_id": "c", "source": "secret-feed", "actor": "key-9"}

        sent = message(metadata=orjson.dumps(metadata).decode())

        text = b" ".join(value for _, value in sent.headers) + (sent.value or b"")
        assert b"secret-feed" not in text
        assert b"key-9" not in text

    def test_has_the_time_of_the_record_on_kafka(self) -> None:
        """Kafka's own timestamp is when the log took the event, in milliseconds."""
        assert message().timestamp_ms == 1_772_366_401_500

    def test_writes_times_as_rfc_3339(self) -> None:
        """The time of the event is in UTC, with a Z."""
        sent = message(occurred_at=datetime(2026, 3, 1, 12, 0, tzinfo=UTC))

        assert ("ce_time", b"2026-03-01T12:00:00Z") in sent.headers

    def test_has_no_header_twice(self) -> None:
        """Decoders in other languages disagree on which of two headers counts."""
        names = [name for name, _ in message().headers]

        assert len(set(names)) == len(names)

    def test_orders_sequences_as_text(self) -> None:
        """Sequences sort as text in the order of the positions."""
        texts = [
            dict(message(position=position).headers)["ce_sequence"]
            for position in (9, 10, 2**62)
        ]

        assert texts == sorted(texts)

    def test_takes_an_address_with_a_slash(self) -> None:
        """A trailing slash of the service's address is not doubled."""
        sent = Contract("https://orders.example/").message(event())

        assert decoded(sent).get_source() == "https://orders.example/v1/orders"

    def test_tells_schema_versions_apart(self) -> None:
        """Two schema versions of a fact are two types with two schemas."""
        contract = Contract("https://orders.example")

        types = [
            decoded(contract.message(event(schema_version=version))).get_type()
            for version in (1, 2, 1)
        ]

        assert types == [
            f"order-tracking.order-status-reported.v{version}" for version in (1, 2, 1)
        ]


class TestPublicName:
    @pytest.mark.parametrize("fact", FACTS)
    def test_is_kebab_case(self, fact: str) -> None:
        """Every fact has a public name of lower-case words and dashes."""
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", public_name(fact))

    def test_is_distinct(self) -> None:
        """No two facts share a public name."""
        assert len({public_name(fact) for fact in FACTS}) == len(FACTS)
