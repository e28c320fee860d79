"""What other services see of an event: CloudEvents 1.0 in Kafka's binary mode."""

from datetime import UTC, datetime
from typing import NamedTuple, Self

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


class _Recorded(NamedTuple):
    """When the log recorded an event, as a message tells it."""

    at: datetime
    header: Header
    timestamp_ms: int

    @classmethod
    def of(cls, at: datetime) -> Self:
        # Not occurred_at: brokers refuse times to come and drop old ones early.
        return cls(at, (RECORDED, _moment(at)), int(at.timestamp() * 1000))


class Contract:
    """Turns recorded events into messages, without decoding their facts."""

    def __init__(self, service_url: str) -> None:
        self._url = service_url.rstrip("/")
        self._source: Header = ("ce_source", f"{self._url}/v1/orders".encode())
        self._named: dict[tuple[str, int], tuple[Header, Header]] = {}
        # Events that were appended together have it in common.
        self._recorded = _Recorded.of(datetime.fromtimestamp(0, tz=UTC))

    def message(self, event: RecordedEvent) -> Message:
        """Return the public message of *event*."""
        return self._about(
            event,
            event.data.encode(),
            id=event.id,
            kind=self._kind(event.type, event.schema_version),
        )

    def state(self, event: RecordedEvent, value: bytes | None) -> Message:
        """Return the message that the order's state is *value* since *event*."""
        return self._about(
            event,
            value,
            id=f"{event.id}-state",
            kind=self._kind(*STATE),
            cause=event.id,
        )

    def _about(
        self,
        event: RecordedEvent,
        value: bytes | None,
        *,
        id: str,  # noqa: A002 - CloudEvents' word
        kind: tuple[Header, Header],
        cause: str | None = None,
    ) -> Message:
        metadata = orjson.loads(event.metadata)
        account, order_id = event.stream
        subject = f"{account}/{order_id}".encode()
        if event.recorded_at != self._recorded.at:
            self._recorded = _Recorded.of(event.recorded_at)
        headers = [
            _SPEC_VERSION,
            ("ce_id", id.encode()),
            self._source,
            *kind,
            ("ce_time", _moment(event.occurred_at)),
            self._recorded.header,
            ("ce_subject", subject),
            ("ce_partitionkey", subject),
            (SEQUENCE, b"%020d" % event.position),
            ("ce_correlationid", metadata["correlation_id"].encode()),
            ("orderversion", b"%d" % event.version),
            _CONTENT_TYPE,
        ]
        if (causation_id := cause or metadata.get("causation_id")) is not None:
            headers.append(("ce_causationid", causation_id.encode()))
        if (traceparent := metadata.get("traceparent")) is not None:
            headers.append(("traceparent", traceparent.encode()))
        return Message(
            event.partition,
            subject,
            value,
            headers,
            self._recorded.timestamp_ms,
            traceparent,
        )

    def _kind(self, name: str, version: int) -> tuple[Header, Header]:
        known = self._named.get((name, version))
        if known is None:
            known = self._named[name, version] = kind_headers(self._url, name, version)
        return known


def _moment(at: datetime) -> bytes:
    return orjson.dumps(at, option=orjson.OPT_UTC_Z)[1:-1]


def kind_headers(url: str, name: str, version: int) -> tuple[Header, Header]:
    """Return which kind of message it is, and where its schema is served."""
    public = public_name(name)
    return (
        ("ce_type", f"order-tracking.{public}.v{version}".encode()),
        ("ce_dataschema", f"{url}/v1/schemas/{public}/{version}".encode()),
    )
