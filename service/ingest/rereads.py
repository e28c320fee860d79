"""The orders that are to be read at VTEX again, and when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from service.db import Connection, Pool, connection, load_sql
from service.eventlog.records import StreamKey
from service.ingest.intervals import Due

LEASE: Final = timedelta(minutes=5)
"""After which an order whose reader fell silent is read by another."""

_WANT = load_sql("service.ingest", "want_rereads")
_LEASE = load_sql("service.ingest", "lease_rereads")
_CLAIM = load_sql("service.ingest", "claim_rereads")
_DROP = load_sql("service.ingest", "drop_reread")
_PUT_BACK = load_sql("service.ingest", "put_back_reread")
_MEASURE = load_sql("service.ingest", "measure_rereads")


class Wish(NamedTuple):
    """An order that somebody wants to be read."""

    stream: StreamKey
    due: Due


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedReread:
    """An order to be read now, by whoever holds *token*."""

    stream: StreamKey
    reason: str
    failures: int
    """Readings of it in a row that failed."""
    token: int


class Backlog(NamedTuple):
    """How many orders of an account are due, and since when the oldest is."""

    account: str
    due: int
    oldest: datetime | None


async def want_all(connection: Connection, wishes: Sequence[Wish]) -> None:
    """Make *wishes* in the connection's transaction; see `Rereads.want`."""
    # In order: two who wish for the same orders must not wait for each other.
    wishes = sorted(wishes)
    if wishes:
        await connection.execute(
            _WANT,
            [wish.stream.account for wish in wishes],
            [wish.stream.order_id for wish in wishes],
            [wish.due.at for wish in wishes],
            [wish.due.reason for wish in wishes],
        )


async def lease_all(
    connection: Connection, streams: Collection[StreamKey], *, now: datetime
) -> list[ClaimedReread]:
    """Note in the connection's transaction that the caller reads *streams* by now.

    Whoever read one of them before has lost it.
    """
    if not streams:
        return []
    streams = sorted(streams)  # as in `want_all`
    rows = await connection.fetch(
        _LEASE,
        [stream.account for stream in streams],
        [stream.order_id for stream in streams],
        now + LEASE,
    )
    return [_claimed(row) for row in rows]


class Rereads:
    """Takes wishes, hands them out when they are due, and takes back what came of it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def want(self, stream: StreamKey, *, at: datetime, reason: str) -> None:
        """Have an order read at a time, be it one that the log has never heard of.

        Of two wishes for an order the earlier one stands.

        Raises:
            DatabaseUnavailableError: It may not be noted; wish again.
        """
        await self.want_each([Wish(stream, Due(at, reason))])

    async def want_each(self, wishes: Sequence[Wish]) -> None:
        """Make all of *wishes*, or none; see `want`."""
        async with connection(self._pool) as lent:
            await want_all(lent, wishes)

    async def claim(
        self, accounts: Collection[str], *, of_each: int, now: datetime
    ) -> list[ClaimedReread]:
        """Lease up to so many orders *of_each* account that are due."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_CLAIM, list(accounts), of_each, now, now + LEASE)
        return [_claimed(row) for row in rows]

    async def settle(
        self, claimed: ClaimedReread, *, next_: Due | None, failures: int = 0
    ) -> None:
        """Give an order back; it is read again at *next_*, or earlier if so wished.

        Who has lost the lease meanwhile changes nothing.
        """
        key = (*claimed.stream, claimed.token)
        at, reason = next_ or (None, None)
        async with connection(self._pool) as lent:
            if next_ is None and await lent.execute(_DROP, *key) != "DELETE 0":
                return
            await lent.execute(_PUT_BACK, *key, at, reason, failures)

    async def backlog(self, now: datetime) -> list[Backlog]:
        """Count the orders that are due, by account."""
        async with connection(self._pool) as lent:
            return [Backlog(**dict(row)) for row in await lent.fetch(_MEASURE, now)]


def _claimed(row: asyncpg.Record) -> ClaimedReread:
    return ClaimedReread(
        stream=StreamKey(row["account"], row["order_id"]),
        reason=row["reason"],
        failures=row["attempts"],
        token=row["lease_token"],
    )
