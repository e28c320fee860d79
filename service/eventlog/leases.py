"""Who follows which share of the log for a consumer, over all processes."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from service.db import Pool, connection, load_sql
from service.errors import UnavailableError

LIFETIME = timedelta(seconds=5)
"""How long a heartbeat holds; a killed process is replaced after this."""

HEARTBEAT = 0.5
"""Seconds between two heartbeats."""

_LEAVE_WITHIN = 1.0

_log = structlog.get_logger()
_HOLD = load_sql("service.eventlog", "hold_leases")
_RELEASE = load_sql("service.eventlog", "release_leases")
_LEAVE = load_sql("service.eventlog", "leave")


@dataclass(frozen=True, slots=True)
class Holding:
    """The slots that a member holds, each with its token, and how many are its share."""

    tokens: dict[int, int]
    fair_share: int


class Leases:
    """One member's share of a consumer's slots; a slot is a set of partitions."""

    def __init__(self, pool: Pool, *, consumer: str, member: UUID, slots: int) -> None:
        self.member = member
        self._pool = pool
        self._consumer = consumer
        self._slots = slots

    async def hold(self) -> Holding:
        """Renew the heartbeat, take free slots up to the fair share, say what is held."""
        async with connection(self._pool, "lease.take") as lent:
            rows = await lent.fetch(
                _HOLD, self._consumer, self.member, self._slots, LIFETIME
            )
        return Holding(
            tokens={row["slot"]: row["token"] for row in rows},
            fair_share=rows[0]["fair_share"] if rows else 0,
        )

    async def release(self, slots: Iterable[int]) -> None:
        """Give *slots* back, so that another member takes them."""
        async with connection(self._pool, "lease.release") as lent:
            await lent.execute(_RELEASE, self._consumer, self.member, list(slots))

    async def leave(self) -> None:
        """Give everything back and be gone; what cannot be given back soon expires."""
        try:
            async with (
                asyncio.timeout(_LEAVE_WITHIN),
                connection(self._pool, "lease.leave") as lent,
            ):
                await lent.execute(_LEAVE, self._consumer, self.member)
        except (UnavailableError, TimeoutError):
            _log.info("leases left to expire", consumer=self._consumer)
