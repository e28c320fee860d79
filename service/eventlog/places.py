"""How far a consumer of the events topic has come: a position, and an offset there."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from service.db import Connection, load_sql
from service.errors import FencedError

_LOAD = load_sql("service.eventlog", "load_places")
_MOVE = load_sql("service.eventlog", "move_places")


class Place(NamedTuple):
    """The last position handled in a partition, and the offset to read on at.

    There is no offset where nothing of the topic was read yet.
    """

    position: int
    offset: int | None = None


async def load_places(
    connection: Connection, consumer: str, *, topic: str, partitions: Sequence[int]
) -> dict[int, Place]:
    """Return where *consumer* stands in each of *partitions* of *topic*."""
    rows = await connection.fetch(_LOAD, consumer, topic, list(partitions))
    return {
        row["partition"]: Place(row["position"], row["next_offset"]) for row in rows
    }


async def move_places(
    connection: Connection,
    consumer: str,
    *,
    topic: str,
    before: Mapping[int, int],
    places: Mapping[int, Place],
) -> None:
    """Move *consumer* to *places* in the connection's transaction.

    Raises:
        FencedError: A partition is not at its position *before*, so another process
            moved it; the transaction must be rolled back.
    """
    moved = await connection.fetchval(
        _MOVE,
        consumer,
        topic,
        list(places),
        [before[partition] for partition in places],
        [place.position for place in places.values()],
        [place.offset for place in places.values()],
    )
    if moved != len(places):
        raise FencedError(
            f"Another process moved {consumer} on in {topic}; "
            "this one lets go of the partitions it lost."
        )
