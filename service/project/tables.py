"""The tables of the read model: those that are live, or those being filled anew."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Final, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel

from service.db import Connection, load_sql
from service.domain.tracking import TRACKING, Tracking
from service.eventlog.records import RecordedEvent
from service.project.projection import Projected
from service.project.timeline import Entry

Schema = Literal["read", "rebuilt"]

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

MOST_REMEMBERED: Final = 10_000
"""Orders that are kept in memory."""


class Tables:
    """Reads and writes the read model in *schema*.

    The orders that moved last are remembered, so that they need not be read back; they
    are used only where the stored version is still the same.
    """

    def __init__(self, schema: Schema = "read") -> None:
        self._load = _statement("load_trackings", schema)
        self._upsert = _statement("upsert_orders", schema)
        self._insert = _statement("insert_timeline", schema)
        self._remembered: OrderedDict[UUID, Tracking] = OrderedDict()

    async def load(
        self, connection: Connection, events: Iterable[RecordedEvent]
    ) -> dict[UUID, Tracking]:
        """Return what is stored of the orders of *events*."""
        stream_ids = list({event.stream_id for event in events})
        known = {
            stream_id: self._remembered[stream_id]
            for stream_id in stream_ids
            if stream_id in self._remembered
        }
        versions = [known[id_].version if id_ in known else 0 for id_ in stream_ids]
        for row in await connection.fetch(self._load, stream_ids, versions):
            known.pop(row["stream_id"], None)
            if row["tracking"] is not None:
                known[row["stream_id"]] = TRACKING.validate_json(row["tracking"])
        return known

    async def save(self, connection: Connection, projected: Projected) -> None:
        """Write orders and timelines; what is stored already changes nothing."""
        if not projected.last:
            return
        rows = [
            _order(event, projected.trackings[stream_id])
            for stream_id, event in projected.last.items()
        ]
        await connection.execute(self._upsert, *zip(*rows, strict=True))
        if projected.entries:
            entries = [_entry(event, entry) for event, entry in projected.entries]
            await connection.execute(self._insert, *zip(*entries, strict=True))
        self._remember(projected.trackings)

    def _remember(self, trackings: Mapping[UUID, Tracking]) -> None:
        for stream_id, tracking in trackings.items():
            self._remembered[stream_id] = tracking
            self._remembered.move_to_end(stream_id)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def _statement(name: str, schema: Schema) -> str:
    # The names of the tables are the only place where `read.` stands.
    return load_sql("service.project", name).replace("read.", f"{schema}.")


def _order(event: RecordedEvent, tracking: Tracking) -> tuple[object, ...]:
    details = _json({name: getattr(tracking, name) for name in DETAILS})
    rest = _json({name: getattr(tracking, name) for name in _REST})
    return (
        event.stream_id,
        event.partition,
        tracking.version,
        event.stream.account,
        event.stream.order_id,
        tracking.order_group,
        tracking.status,
        tracking.stage and tracking.stage.number,
        " ".join(tracking.triggers) or None,
        tracking.ripens_at,
        tracking.overlay,
        tracking.courier_state,
        tracking.channel,
        # Put together, so that the larger part is written as JSON only once.
        f"{rest[:-1]},{details[1:]}",
        details,
        tracking.created_at,
        event.recorded_at,
    )


def _entry(event: RecordedEvent, entry: Entry) -> tuple[object, ...]:
    return (
        event.stream_id,
        event.version,
        event.type,
        entry.title,
        entry.summary,
        entry.details,
        event.occurred_at,
        event.recorded_at,
    )


def _json(content: object) -> str:
    encoded = orjson.dumps(content, default=_plain, option=orjson.OPT_UTC_Z)
    return encoded.decode()


def _plain(model: object) -> object:
    if isinstance(model, BaseModel):
        return dict(model)
    raise TypeError(type(model).__name__)
