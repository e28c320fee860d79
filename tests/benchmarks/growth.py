"""Growth: what an append costs in a large log, against one in a small log.

The logs are filled by SQL, as quickly as PostgreSQL takes it, with events of 300 bytes;
what is measured are appends of the payload that all benchmarks share.
"""

from typing import NamedTuple

import asyncpg

from benchmarks.appending import group_append

SMALL = 100_000
LARGE = 10_000_000

_PARTITIONS = 16
_EVENTS_PER_ORDER = 10
_ORDERS_AT_ONCE = 50_000

# Orders $1 to $2, each with $3 events of its own partition, one of $4, whose positions
# go on without a hole; first seen over ten months, so the log has as many tables as such
# a log has.
_FILL = """
WITH orders AS MATERIALIZED (
    SELECT number, number % $4::bigint AS partition, number / $4::bigint AS nth,
           encode(overlay(uuid_send(gen_random_uuid()) PLACING substring(uuid_send(
               eventlog.first_uuid_of(now() - make_interval(days => (number % 300)::integer))
           ) FOR 6) FROM 1 FOR 6), 'hex')::uuid AS stream_id
    FROM generate_series($1::bigint, $2::bigint) AS number
),
streams AS (
    INSERT INTO eventlog.streams (stream_id, account, order_id, partition, version)
    SELECT stream_id, 'filling', number::text, partition, $3::bigint FROM orders
)
INSERT INTO eventlog.events (
    stream_id, version, partition, position, type, schema_version, event_key, data, metadata,
    occurred_at
)
SELECT o.stream_id, version, o.partition, o.nth * $3::bigint + version,
       'HandlingRequested', 1, 'key-' || version,
       json_build_object('requested_by', repeat('x', 150)),
       json_build_object('correlation_id', repeat('c', 36), 'source', 'feed'), now()
FROM orders AS o CROSS JOIN generate_series(1, $3::bigint) AS version
ORDER BY o.partition, o.nth, version
"""

_MOVE_HEADS = """
UPDATE eventlog.partitions AS p SET head = r.head
FROM (SELECT partition, max(position) AS head FROM eventlog.events GROUP BY partition) AS r
WHERE r.partition = p.partition
"""


class Growth(NamedTuple):
    """Events a second into a small log and into a large one, round by round."""

    small: list[float]
    large: list[float]


async def growth(
    small: str, large: str, *, rounds: int = 5, events: int = 20_000
) -> Growth:
    """Return how quickly the log at *small* and that at *large* take *events*.

    They are measured in turn, so that what else the machine does strikes both.
    """
    found = Growth([], [])
    for number in range(rounds + 1):
        for dsn, rates in ((small, found.small), (large, found.large)):
            rate = await group_append(dsn, callers=1000, events=events)
            if number:  # the first round only warms up
                rates.append(rate)
    return found


async def fill(dsn: str, events: int) -> None:
    """Fill the empty log at *dsn* with *events*, and leave it settled."""
    orders = events // _EVENTS_PER_ORDER
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "SELECT eventlog.make_months(now() - interval '11 months')"
        )
        for first in range(0, orders, _ORDERS_AT_ONCE):
            last = min(first + _ORDERS_AT_ONCE, orders) - 1
            await connection.execute(_FILL, first, last, _EVENTS_PER_ORDER, _PARTITIONS)
        await connection.execute(_MOVE_HEADS)
        await connection.execute("VACUUM ANALYZE eventlog.events")
        await connection.execute("VACUUM ANALYZE eventlog.streams")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
