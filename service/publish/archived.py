"""Positions whose events left the log for the archive: the topic may still have them."""

from service.db import Connection, load_sql

_ARCHIVED = load_sql("service.publish", "archived_positions")


async def archived_positions(
    connection: Connection, partition: int, *, after: int, upto: int
) -> frozenset[int]:
    """Return which positions of a window are no longer in the log, and rightly so."""
    rows = await connection.fetch(_ARCHIVED, partition, after, upto)
    return frozenset(row["position"] for row in rows)
