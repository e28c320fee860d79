"""Finds on a schedule what neither feed nor hook told: orders, and their statuses."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Final

import structlog

from service.errors import ServiceError, UnavailableError
from service.eventlog.ports import Clock, EventLog
from service.ingest.comparison import Comparison, Tally
from service.ingest.reconciliations import ClaimedReconciliation, Reconciliations
from service.ingest.rereads import Rereads
from service.orders_api.client import OrdersApi
from service.orders_api.filters import OrderFilters, Window
from service.telemetry import ACCOUNT, meter, tracer

INDEX_LAG: Final = timedelta(minutes=5)
"""Younger orders may not be listed yet."""

LOOK_EVERY: Final = 30.0
"""Seconds between two looks whether it is time."""

PAUSE: Final = timedelta(minutes=5)
"""Until a comparison that broke off goes on."""

_log = structlog.get_logger()
_comparisons = meter.create_counter(
    "ingest.reconciler.comparisons",
    unit="{comparison}",
    description="Comparisons of an account's orders with the log, by result.",
)

Done = Callable[[datetime], Awaitable[None]]
"""Told after each slice up to which time of creation orders are compared."""


async def reconcile(
    comparison: Comparison,
    window: Window,
    *,
    twins_from: datetime,
    done: Done,
) -> None:
    """Compare the orders that were created in *window*, the oldest first.

    Of those that were created after *twins_from* the purchases are looked at as well.

    Raises:
        OrdersApiError: What was *done* need not be done again.
        DatabaseUnavailableError: Likewise.
    """
    with tracer.start_as_current_span(
        "reconcile orders", attributes={ACCOUNT: comparison.api.account}
    ):
        async for found in comparison.api.slices(OrderFilters(creation=window)):
            if not found.is_whole:
                labels = {"account": comparison.api.account, "until": found.until}
                _log.error("more orders than VTEX lists", **labels)
            await comparison.compare(found.orders, twins_from=twins_from)
            await done(found.until)


class Reconciler:
    """Compares the orders of the last *look_back* with the log, *every* so often.

    One process of many does it for an account; where it breaks off, it goes on.
    """

    def __init__(
        self,
        apis: Mapping[str, OrdersApi],
        *,
        log: EventLog,
        rereads: Rereads,
        progress: Reconciliations,
        clock: Clock,
        every: timedelta,
        look_back: timedelta,
    ) -> None:
        self._apis = apis
        self._log = log
        self._rereads = rereads
        self._progress = progress
        self._clock = clock
        self._every = every
        self._look_back = look_back

    async def run(self) -> None:
        """Compare when it is time, until cancelled; no failure ends it."""
        async with asyncio.TaskGroup() as tasks:
            for account in self._apis:
                tasks.create_task(self._follow(account))

    async def _follow(self, account: str) -> None:
        while True:
            try:
                await self.take_turn(account)
            except UnavailableError as error:
                _log.warning("reconciler waits", account=account, error=str(error))
            await asyncio.sleep(LOOK_EVERY)

    async def take_turn(self, account: str) -> Tally | None:
        """Compare the account's orders if it is time; None where it was not, or failed.

        Raises:
            UnavailableError: The database is away; it is tried again.
        """
        now = self._clock.now()
        claimed = await self._progress.claim(account, now=now)
        if claimed is None:
            return None
        next_at, finished_until = now + PAUSE, None
        try:
            tally = await self._compare(claimed, until=now - INDEX_LAG)
            next_at, finished_until = now + self._every, now - INDEX_LAG
        except ServiceError as error:
            tally = None
            labels = {"account": account, "reason": error.code}
            _log.warning("comparison broke off", error=str(error), **labels)
        finally:
            await self._progress.release(
                claimed, next_at=next_at, finished_until=finished_until
            )
        result = "finished" if tally else "broken off"
        _comparisons.add(1, {"account": account, "result": result})
        if tally is not None:
            _log.info("orders compared", account=account, **asdict(tally))
        return tally

    async def _compare(
        self, claimed: ClaimedReconciliation, *, until: datetime
    ) -> Tally:
        async def done(until: datetime) -> None:
            await self._progress.save(claimed, until, now=self._clock.now())

        comparison = Comparison(
            self._apis[claimed.account],
            log=self._log,
            rereads=self._rereads,
            clock=self._clock,
        )
        start = claimed.done_until or until - self._look_back
        asked_until = claimed.finished_until
        await reconcile(
            comparison,
            (min(start, until), until),
            # What was missing the last time has its document by now.
            twins_from=asked_until - self._every if asked_until else start,
            done=done,
        )
        return comparison.tally
