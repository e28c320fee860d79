"""What other services see of an event: CloudEvents 1.0 in Kafka's binary mode."""

from typing import NamedTuple

import orjson

from service.eventlog.codec import public_name
from service.eventlog.records import RecordedEvent

Header = tuple[str, bytes]

SEQUENCE = "ce_sequence"
"""Header with the event's position in its partition, in twenty digits."""

RECORDED = "ce_recordedtime"
"""Header with the moment at which the log recorded the event, in microseconds."""

REPLAY = "ce_replay"
"""Header of what was published again by command: it tells nothing of progress."""

TAIL_SEQUENCE = "tail-sequence"
"""Header of what was published again: how far its partition was before ..."""

TAIL_OFFSET = "tail-offset"
"""... and where it ended then."""

STATE = ("order-state", 1)
"""Public name and schema version of the values of the state topic."""

_SPEC_VERSION: Header = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Header = ("content-type", b"application/json")


class Message(NamedTuple):
    """What goes to Kafka for one event; no *value* is a tombstone."""

    partition: int
    key: bytes
    value: bytes | None
    headers: list[Header]
    timestamp_ms: int
    traceparent: str | None


class Contract:
    """Turns recorded events into messages, without decoding their facts."""

    def __init__(self, service_url: str) -> None:
        self._url = service_url.rstrip("/")
        self._source: Header = ("ce_source", f"{self._url}/v1/orders".encode())
        self._named: dict[tuple[str, int], tuple[Header, Header]] = {}

    def message(self, event: RecordedEvent) -> Message:
        """Return the public message of *event*."""
        metadata = orjson.loads(event.metadata)
        return self._about(
            event,
            id=event.id,
            kind=self._kind(event.type, event.schema_version),
            correlation_id=metadata["correlation_id"],
            causation_id=metadata.get("causation_id"),
            traceparent=metadata.get("traceparent"),
            value=event.data.encode(),
        )

    def state(self, event: RecordedEvent, value: bytes | None) -> Message:
        """Return the message that the order's state is *value* since *event*."""
        metadata = orjson.loads(event.metadata)
        return self._about(
            event,
            id=f"{event.id}-state",
            kind=self._kind(*STATE),
            correlation_id=metadata["correlation_id"],
            causation_id=event.id,
            traceparent=metadata.get("traceparent"),
            value=value,
        )

    def _about(
        self,
        event: RecordedEvent,
        *,
        id: str,  # noqa: A002 - CloudEvents' word
        kind: tuple[Header, Header],
        correlation_id: str,
        causation_id: str | None,
        traceparent: str | None,
        value: bytes | None,
    ) -> Message:
        account, order_id = event.stream
        subject = f"{account}/{order_id}".encode()
        occurred, recorded = _moments(event)
        headers = [
            _SPEC_VERSION,
            ("ce_id", id.encode()),
            self._source,
            *kind,
            ("ce_time", occurred),
            (RECORDED, recorded),
            ("ce_subject", subject),
            ("ce_partitionkey", subject),
            (SEQUENCE, b"%020d" % event.position),
            ("ce_correlationid", correlation_id.encode()),
            ("orderversion", b"%d" % event.version),
            _CONTENT_TYPE,
        ]
        if causation_id is not None:
            headers.append(("ce_causationid", causation_id.encode()))
        if traceparent is not None:
            headers.append(("traceparent", traceparent.encode()))
        # Not occurred_at: brokers refuse times to come and drop old ones early.
        timestamp_ms = int(event.recorded_at.timestamp() * 1000)
        return Message(
            event.partition, subject, value, headers, timestamp_ms, traceparent
        )

    def _kind(self, name: str, version: int) -> tuple[Header, Header]:
        known = self._named.get((name, version))
        if known is None:
            known = self._named[name, version] = kind_headers(self._url, name, version)
        return known


def _moments(event: RecordedEvent) -> list[bytes]:
    # Both at once: this is called for every event.
    moments = (event.occurred_at, event.recorded_at)
    return orjson.dumps(moments, option=orjson.OPT_UTC_Z)[2:-2].split(b'","')


def kind_headers(url: str, name: str, version: int) -> tuple[Header, Header]:
    """Return which kind of message it is, and where its schema is served."""
    public = public_name(name)
    return (
        ("ce_type", f"order-tracking.{public}.v{version}".encode()),
        ("ce_dataschema", f"{url}/v1/schemas/{public}/{version}".encode()),
    )
