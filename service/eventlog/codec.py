"""Facts to stored payloads and back; the only place that knows both."""

import re
from collections.abc import Mapping

import orjson
from pydantic import ValidationError

from service.domain.facts import FACTS, OrderFact
from service.errors import InvalidEventError, UnreadableEventError
from service.eventlog.records import RecordedEvent

MAX_PAYLOAD = 1024 * 1024
"""Bytes of the largest payload that the log takes."""

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def public_name(fact: str) -> str:
    """Return the name of *fact* outside: `OrderStatusReported`, order-status-reported."""
    return _WORD_START.sub("-", fact).lower()


def encode(fact: OrderFact) -> str:
    """Return the payload of *fact*: its fields as JSON, the type kept outside.

    Raises:
        InvalidEventError: The payload is larger than `MAX_PAYLOAD`.
    """
    data = fact.model_dump_json(exclude={"type"})
    # A character has four bytes at most, so most payloads need no second look.
    if len(data) * 4 > MAX_PAYLOAD and len(data.encode()) > MAX_PAYLOAD:
        raise InvalidEventError(
            f"The payload of {fact.type} has {len(data.encode())} bytes, "
            f"the log takes {MAX_PAYLOAD}; split it or leave the excess out."
        )
    return data


def decode(
    event: RecordedEvent, *, facts: Mapping[str, type[OrderFact]] = FACTS
) -> OrderFact:
    """Return the fact that *event* holds, brought up to its newest schema version.

    Raises:
        UnreadableEventError: This version does not know the type or its schema.
    """
    fact = facts.get(event.type)
    if fact is None or event.schema_version > fact.schema_version:
        raise UnreadableEventError(
            f"Event {event.id}, position {event.position} of partition "
            f"{event.partition}, is a {event.type} of schema {event.schema_version}, "
            "which this version does not know; install a newer version, run its "
            "`order-tracking migrate` and serve it."
        )
    is_earlier = event.schema_version < fact.schema_version
    payload = _upcast(event, fact) if is_earlier else event.data
    try:
        # What model_validate_json calls; readers read millions.
        read: OrderFact = fact.__pydantic_validator__.validate_json(payload)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise UnreadableEventError(
            f"Event {event.id}, position {event.position} of partition "
            f"{event.partition} ({event.type} of schema {event.schema_version}), does "
            f"not validate in: {fields}; its payload was changed outside the service. "
            "Compare it with the topic by `order-tracking audit`, or with a backup."
        ) from None
    return read


def _upcast(event: RecordedEvent, fact: type[OrderFact]) -> bytes:
    payload = orjson.loads(event.data)
    for version in range(event.schema_version, fact.schema_version):
        payload = fact.upcasters[version](payload)
    return orjson.dumps(payload)
