"""Messages of the events topic turned back into the events that they were made of."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import orjson

from service.eventlog.records import RecordedEvent, StreamKey
from service.publish.contract import RECORDED, REPLAY, SEQUENCE

_TYPE = re.compile(r"order-tracking\.([a-z]+(?:-[a-z]+)*)\.v([0-9]{1,4})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Record(Protocol):
    """A record of a topic, as aiokafka hands it over."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class UndecodableError(Exception):
    """A record is none of our messages; says what is wrong, and never quotes it."""


def sequence_of(record: Record) -> int | None:
    """Return the position that *record* carries, if it carries one."""
    for name, value in record.headers:
        if name == SEQUENCE and value is not None and value.isdigit():
            return int(value)
    return None


def is_replay(record: Record) -> bool:
    """Whether *record* was published again by command, out of its turn."""
    return any(name == REPLAY for name, _ in record.headers)


def event_of(record: Record) -> RecordedEvent:
    """Return the event that *record* was made of; its fact is left as it is.

    Raises:
        UndecodableError: A header, the key or the value is missing or broken.
    """
    try:
        headers = {name: _text(value) for name, value in record.headers}
        stream_id, _, version = headers["ce_id"].rpartition("-")
        kind = _TYPE.fullmatch(headers["ce_type"])
        if kind is None:
            raise UndecodableError("ce_type is none of ours")
        account, _, order_id = _text(record.key).partition("/")
        value = _text(record.value)
        if not isinstance(orjson.loads(value), dict):
            raise UndecodableError("the value is no JSON object")
        return RecordedEvent(
            partition=record.partition,
            position=int(headers[SEQUENCE]),
            stream_id=UUID(stream_id),
            stream=StreamKey(account, order_id),
            version=int(version),
            type="".join(map(str.capitalize, kind[1].split("-"))),
            schema_version=int(kind[2]),
            data=value,
            metadata=_metadata(headers),
            occurred_at=_moment(headers["ce_time"]),
            recorded_at=_recorded_at(headers, record.timestamp),
        )
    except KeyError as error:
        raise UndecodableError(f"header {error.args[0]} is missing") from None
    except orjson.JSONDecodeError:
        raise UndecodableError("the value is no JSON") from None
    except (AttributeError, TypeError, ValueError) as error:
        # The message of the error would quote what was found.
        kind_of_error = type(error).__name__
        raise UndecodableError(
            f"a header or the key is broken ({kind_of_error})"
        ) from None


def _metadata(headers: dict[str, str]) -> str:
    fields: dict[str, Any] = {
        "correlation_id": headers["ce_correlationid"],
        "causation_id": headers.get("ce_causationid"),
        "traceparent": headers.get("traceparent"),
    }
    return orjson.dumps({k: v for k, v in fields.items() if v is not None}).decode()


def _recorded_at(headers: dict[str, str], timestamp_ms: int) -> datetime:
    # The first release sent Kafka's timestamp only, which has milliseconds.
    if (recorded := headers.get(RECORDED)) is None:
        return _EPOCH + timedelta(milliseconds=timestamp_ms)
    return _moment(recorded)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(encoded: bytes | None) -> str:
    if encoded is None or b"\x00" in encoded:
        raise UndecodableError(
            "a header, the key or the value is empty, or holds a NUL"
        )
    return encoded.decode()
