"""Events as other services see them: CloudEvents 1.0 in Kafka's binary mode."""

from typing import NamedTuple

import orjson

from service.eventlog.codec import public_name
from service.eventlog.records import RecordedEvent

Header = tuple[str, bytes]

SEQUENCE = "ce_sequence"
"""Header with the event's position in its partition, in twenty digits."""

_SPEC_VERSION: Header = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Header = ("content-type", b"application/json")


class Message(NamedTuple):
    """What goes to Kafka for one event."""

    partition: int
    key: bytes
    value: bytes
    headers: list[Header]
    timestamp_ms: int
    traceparent: str | None


class Contract:
    """Turns recorded events into messages, without decoding their facts."""

    def __init__(self, service_url: str) -> None:
        self._url = service_url.rstrip("/")
        self._source: Header = ("ce_source", f"{self._url}/v1/orders".encode())
        self._of_type: dict[tuple[str, int], tuple[Header, Header]] = {}

    def message(self, event: RecordedEvent) -> Message:
        """Return the public message of *event*."""
        metadata = orjson.loads(event.metadata)
        subject = str(event.stream).encode()
        headers = [
            _SPEC_VERSION,
            ("ce_id", event.id.encode()),
            self._source,
            *self._type_and_schema(event),
            ("ce_time", orjson.dumps(event.occurred_at, option=orjson.OPT_UTC_Z)[1:-1]),
            ("ce_subject", subject),
            ("ce_partitionkey", subject),
            (SEQUENCE, b"%020d" % event.position),
            ("ce_correlationid", metadata["correlation_id"].encode()),
            ("orderversion", b"%d" % event.version),
            _CONTENT_TYPE,
        ]
        if (causation_id := metadata.get("causation_id")) is not None:
            headers.append(("ce_causationid", causation_id.encode()))
        if (traceparent := metadata.get("traceparent")) is not None:
            headers.append(("traceparent", traceparent.encode()))
        return Message(
            partition=event.partition,
            key=subject,
            value=event.data.encode(),
            headers=headers,
            # Not occurred_at: brokers refuse times to come and drop old ones early.
            timestamp_ms=int(event.recorded_at.timestamp() * 1000),
            traceparent=traceparent,
        )

    def _type_and_schema(self, event: RecordedEvent) -> tuple[Header, Header]:
        known = self._of_type.get((event.type, event.schema_version))
        if known is not None:
            return known
        name, version = public_name(event.type), event.schema_version
        schema = f"{self._url}/v1/schemas/{name}/{version}"
        fresh: tuple[Header, Header] = (
            ("ce_type", f"order-tracking.{name}.v{version}".encode()),
            ("ce_dataschema", schema.encode()),
        )
        self._of_type[event.type, event.schema_version] = fresh
        return fresh
