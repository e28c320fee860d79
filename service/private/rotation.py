"""Rotation: the keys of all orders, wrapped anew by the current master key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import asyncpg

from service.db import Connection, Pool, connection, load_sql, transaction
from service.errors import UnreadableCustomerDataError
from service.eventlog.records import StreamKey
from service.private.keys import KeyRing

BATCH: Final = 500
"""Orders of one transaction."""

_FIND = load_sql("service.private", "find_wrapped")
_REWRAP = load_sql("service.private", "rewrap_keys")
_COUNT = load_sql("service.private", "count_keys")


@dataclass(slots=True)
class Rotated:
    """What a rotation did, and which master key how many orders need now."""

    rewrapped: int = 0
    unreadable: list[StreamKey] = field(default_factory=list)
    needed: Mapping[str, int] = field(default_factory=dict)


async def rotate(
    pool: Pool, keys: KeyRing, *, progress: Callable[[int], None] = lambda _: None
) -> Rotated:
    """Wrap every key that *keys* can unwrap by the current master key.

    Each batch is durable by itself: broken off and started again, it goes on.
    *progress* is told how many are done.

    Raises:
        InvalidSettingsError: There is no master key.
    """
    rotated, last = Rotated(), StreamKey("", "")
    older = [known for known in keys.ids if known != keys.current]
    while True:
        async with transaction(pool) as lent:
            rows = await lent.fetch(_FIND, older, *last, BATCH)
            await _rewrap(lent, rows, keys, rotated)
        if not rows:
            break
        last = _stream(rows[-1])
        progress(rotated.rewrapped)
    async with connection(pool) as lent:
        counted = await lent.fetch(_COUNT)
    rotated.needed = {row["master_key"]: row["orders"] for row in counted}
    return rotated


async def _rewrap(
    lent: Connection, rows: list[asyncpg.Record], keys: KeyRing, rotated: Rotated
) -> None:
    wrapped: dict[StreamKey, bytes] = {}
    for row in rows:
        stream = _stream(row)
        try:
            wrapped[stream] = keys.rewrap(
                row["master_key"], row["wrapped_key"], stream=stream
            )
        except UnreadableCustomerDataError:
            rotated.unreadable.append(stream)
    await lent.execute(
        _REWRAP,
        [stream.account for stream in wrapped],
        [stream.order_id for stream in wrapped],
        list(wrapped.values()),
        keys.current,
    )
    rotated.rewrapped += len(wrapped)


def _stream(row: asyncpg.Record) -> StreamKey:
    return StreamKey(row["account"], row["order_id"])
