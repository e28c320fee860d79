"""Looks for orders that do not go on as they should, and keeps a list of them."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

import asyncpg
import structlog

from service.db import Connection, Pool, connection, load_sql, transaction
from service.domain.expected import LONGEST, SETTLED, UNHEARD_OF, flow_of
from service.domain.statuses import CANCELED, INVOICED, START_HANDLING
from service.domain.stuck import Standing, Stuck, stuck
from service.errors import UnavailableError
from service.eventlog.ports import Clock
from service.telemetry import meter

LOOK_EVERY: Final = 300.0
"""Seconds between two looks."""

_FAR_AHEAD: Final = [START_HANDLING, "handling", "invoice", INVOICED, CANCELED]

_LOCK = load_sql("service.project", "lock_watching")
_STATUSES = load_sql("service.project", "list_statuses")
_FIND = load_sql("service.project", "find_suspects")
_KEEP = load_sql("service.project", "keep_stuck")
_COUNT = load_sql("service.project", "count_stuck")

_log = structlog.get_logger()
_stuck = meter.create_gauge(
    "orders.stuck",
    unit="{order}",
    description="Orders that do not go on as they should, by reason.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckOrder:
    """An order that is stuck, and the other of its purchase where they contradict."""

    stream_id: UUID
    account: str
    order_id: str
    standing: Standing
    verdict: Stuck
    other_order_id: str | None
    other_status: str | None

    @classmethod
    def of(cls, row: asyncpg.Record, now: datetime) -> Self | None:
        """Judge the order of *row*; None when nothing is wrong with it."""
        standing, twin = _standing(row), _twin(row)
        verdict = stuck(standing, twin=twin, now=now)
        if verdict is None:
            return None
        contradicts = verdict.reason not in {"overdue", "workflow-in-error"}
        return cls(
            stream_id=row["stream_id"],
            account=row["account"],
            order_id=row["order_id"],
            standing=standing,
            verdict=verdict,
            other_order_id=row["twin_order_id"] if contradicts else None,
            other_status=row["twin_status"] if contradicts else None,
        )

    def columns(self) -> tuple[object, ...]:
        return (
            self.stream_id,
            self.account,
            self.order_id,
            self.verdict.reason,
            self.standing.status,
            self.standing.since,
            self.verdict.expected,
            self.other_order_id,
            self.other_status,
        )


class StuckDetector:
    """Keeps `read.stuck`; one process of many looks at a time."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._reported: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Look until cancelled; no failure ends it."""
        while True:
            try:
                await self.look()
            except UnavailableError as error:
                _log.warning("stuck detector waits", error=str(error))
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Find the stuck orders, tell of each once, and count them.

        Raises:
            UnavailableError: The database is away; look again.
        """
        async with transaction(self._pool) as lent:
            if await lent.fetchval(_LOCK):
                await self._renew(lent)
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_COUNT)
        counts = {(row["account"], row["reason"]): row["orders"] for row in rows}
        self._reported |= counts.keys()
        for account, reason in self._reported:
            found = counts.get((account, reason), 0)
            _stuck.set(found, {"account": account, "reason": reason})

    async def _renew(self, lent: Connection) -> None:
        now = self._clock.now()
        statuses = [row["status"] for row in await lent.fetch(_STATUSES)]
        to_leave = [status for status in statuses if status not in SETTLED]
        rows = await lent.fetch(
            _FIND,
            to_leave,
            [LONGEST.get(status, UNHEARD_OF) for status in to_leave],
            LONGEST[None],
            _FAR_AHEAD,
            now,
        )
        judged = (StuckOrder.of(row, now) for row in rows)
        found = {order.stream_id: order for order in judged if order is not None}
        columns = list(zip(*(o.columns() for o in found.values()), strict=True))
        for row in await lent.fetch(_KEEP, *(columns or [()] * 9)):
            if row["new"]:
                _tell(found[row["stream_id"]])


def _standing(row: asyncpg.Record) -> Standing:
    return Standing(
        status=row["status"],
        since=row["since"],
        flow=flow_of(row["origin"], frozenset(row["sellers"])),
        in_error=row["overlay"] == "in-error",
    )


def _twin(row: asyncpg.Record) -> Standing | None:
    if row["twin_order_id"] is None:
        return None
    return Standing(
        status=row["twin_status"],
        since=row["twin_since"],
        flow=flow_of(row["twin_origin"], frozenset()),
    )


def _tell(order: StuckOrder) -> None:
    _log.warning(
        "order stuck",
        account=order.account,
        order_id=order.order_id,
        reason=order.verdict.reason,
        status=order.standing.status,
        since=order.standing.since.isoformat(),
        other_order_id=order.other_order_id,
        other_status=order.other_status,
    )
