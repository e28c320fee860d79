"""The tables of the read model: those that are live, or those being filled anew."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal
from uuid import UUID

from service.db import Connection, load_sql
from service.domain.tracking import Tracking
from service.errors import ConflictError
from service.eventlog.records import RecordedEvent
from service.project.projection import Projected
from service.project.rows import order_row, timeline_entries, tracking_of

Schema = Literal["read", "rebuilt"]

MOST_REMEMBERED: Final = 10_000
"""Orders that are kept in memory."""


class Tables:
    """Reads and writes the read model in *schema*.

    The orders that moved last are remembered, so that they need not be read back; they
    are used only where the stored version is still the same.
    """

    def __init__(self, schema: Schema = "read") -> None:
        self._load = in_schema("load_trackings", schema)
        self._upsert = in_schema("upsert_orders", schema)
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
                tracking = tracking_of(row["tracking"], row["details"])
                known[row["stream_id"]] = tracking
        return known

    async def save(self, connection: Connection, projected: Projected) -> None:
        """Write orders and timelines; what is stored already changes nothing.

        Raises:
            ConflictError: An order was moved on meanwhile, but not as far; fold again.
        """
        if not projected.last:
            return
        columns = zip(*_rows(projected), strict=True)
        if await connection.fetchval(self._upsert, *columns):
            raise ConflictError("Another process moved an order on; fold it again.")
        self._remember(projected.trackings)

    def _remember(self, trackings: Mapping[UUID, Tracking]) -> None:
        for stream_id, tracking in trackings.items():
            self._remembered[stream_id] = tracking
            self._remembered.move_to_end(stream_id)
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)


def _rows(projected: Projected) -> Iterator[tuple[object, ...]]:
    for stream_id, event in projected.last.items():
        tracking = projected.trackings[stream_id]
        triggers = " ".join(tracking.triggers) or None
        yield (
            *order_row(event, tracking, triggers=triggers),
            projected.bases[stream_id],
            timeline_entries(projected.entries[stream_id]),
        )


def in_schema(name: str, schema: Schema) -> str:
    """Return the statement *name*, for the live tables or for those being filled."""
    # The names of the tables are the only place where `read.` stands.
    return load_sql("service.project", name).replace("read.", f"{schema}.")
