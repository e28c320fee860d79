"""JSON Schemas of the headers on our topics; their values are UTF-8 text."""

from typing import Any, Final


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": description, **more}


CLOUD_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "CloudEvents 1.0 in Kafka's binary mode.",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": _text("Unique for each message of the source."),
        "ce_source": _text("Where it comes from.", format="uri-reference"),
        "ce_type": _text("What happened, and the version of its schema."),
        "ce_time": _text("When it happened.", format="date-time"),
        "ce_recordedtime": _text("When the log recorded it.", format="date-time"),
        "ce_subject": _text("The order."),
        "ce_dataschema": _text("Address of the value's schema.", format="uri"),
        "ce_partitionkey": _text("The key."),
        "ce_sequence": _text(
            "Position in the partition of the log.", pattern="^[0-9]{20}$"
        ),
        "ce_correlationid": _text("Start of the chain that led here."),
        "ce_causationid": _text("Event that led directly here."),
        "orderversion": _text("Version of the order.", pattern="^[1-9][0-9]*$"),
        "traceparent": _text("Trace of the request that wrote the event."),
        "content-type": {"const": "application/json"},
        "ce_replay": _text("Published again by command.", const="true"),
    },
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_time",
        "ce_recordedtime",
        "ce_subject",
        "ce_dataschema",
        "ce_partitionkey",
        "ce_sequence",
        "ce_correlationid",
        "orderversion",
        "content-type",
    ],
}

DEAD_LETTER: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What the record came with, and why it was set aside.",
    "properties": {
        "dlq.original.topic": _text("Where it was."),
        "dlq.original.partition": _text("Its partition there."),
        "dlq.original.offset": _text("Its offset there."),
        "dlq.original.timestamp": _text("Its timestamp, in milliseconds."),
        "dlq.original.group": _text("The consumer that could not decode it."),
        "dlq.error.type": _text("Class of the error."),
        "dlq.error.message": _text("What is wrong with it."),
        "dlq.error.stage": _text("What was tried."),
        "dlq.attempts": _text("How often."),
        "dlq.first_failed_at": _text("Since when.", format="date-time"),
    },
}
