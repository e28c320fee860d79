"""The rows of the read model, as they are written."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final

import orjson
from pydantic import BaseModel

from service.domain.tracking import TRACKING, Tracking
from service.eventlog.records import RecordedEvent
from service.project.projection import Told

DETAILS: Final = (
    "status_at",
    "reached_at",
    "origin",
    "marketplace_order_id",
    "value",
    "currency",
    "totals",
    "parcels",
)
"""What the detail view shows beside the columns."""

_REST: Final = tuple(f.name for f in fields(Tracking) if f.name not in DETAILS)


def order_row(
    event: RecordedEvent, tracking: Tracking, *, triggers: object
) -> tuple[object, ...]:
    """Return the row of an order whose last event is *event*.

    An array of arrays has to be even, so each way of writing has its form of *triggers*.
    """
    known = vars(tracking)
    return (
        event.stream_id,
        event.partition,
        tracking.version,
        event.stream.account,
        event.stream.order_id,
        tracking.order_group,
        tracking.status,
        tracking.stage and tracking.stage.number,
        triggers,
        tracking.ripens_at,
        tracking.overlay,
        tracking.courier_state,
        tracking.channel,
        _json({name: known[name] for name in _REST}),
        _json({name: known[name] for name in DETAILS}),
        tracking.created_at,
        event.recorded_at,
    )


def tracking_of(tracking: str, details: str) -> Tracking:
    """Read back what `order_row` wrote: two JSON objects that make one."""
    return TRACKING.validate_json(f"{tracking[:-1]},{details[1:]}")


def timeline_entries(told: Sequence[Told]) -> str | None:
    """Return the entries that one batch adds to an order's timeline, as JSON."""
    if not told:
        return None
    return _json(
        [
            {
                "version": one.event.version,
                "type": one.event.type,
                "title": one.entry.title,
                "summary": one.entry.summary,
                "details": orjson.Fragment(one.details),
                "occurred_at": one.event.occurred_at,
                "recorded_at": one.event.recorded_at,
            }
            for one in told
        ]
    )


def _json(content: object) -> str:
    encoded = orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)
    return encoded.decode()


def _plain(model: object) -> object:
    if isinstance(model, BaseModel):
        return dict(model)
    raise TypeError(type(model).__name__)
