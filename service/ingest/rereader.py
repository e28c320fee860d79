"""Reads orders again when it is time, behind everything else that an account does."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from service.errors import ConflictError, UnavailableError
from service.eventlog.ports import Clock
from service.ingest.intervals import Due, next_reading, retry
from service.ingest.reading import OrderReader, Outcome
from service.ingest.rereads import ClaimedReread, Rereads
from service.orders_api.client import OrdersApi
from service.telemetry import meter, order_attributes, tracer

AT_A_TIME: Final = 8
"""Orders of an account that one process reads side by side."""

LOOK_EVERY: Final = 5.0
"""Seconds between two looks for orders that are due, while none is."""

MEASURE_EVERY: Final = 30.0

PAUSE: Final = timedelta(minutes=1)
"""While something needed is away, or the account's key is refused."""

_log = structlog.get_logger()
_rereads = meter.create_counter(
    "ingest.rereads",
    unit="{order}",
    description="Orders read again, by reason and result; new ones had gone unheard.",
)
_due = meter.create_gauge(
    "ingest.rereads.due", unit="{order}", description="Orders due to be read again."
)
_late = meter.create_gauge(
    "ingest.rereads.late",
    unit="s",
    description="Time since the longest due order was due to be read again.",
)


class Rereader:
    """Carries out the wishes of `Rereads`, account by account, through *apis*' gates."""

    def __init__(
        self,
        reader: OrderReader,
        rereads: Rereads,
        *,
        apis: Mapping[str, OrdersApi],
        clock: Clock,
    ) -> None:
        self._reader = reader
        self._rereads = rereads
        self._apis = apis
        self._clock = clock

    async def run(self) -> None:
        """Read again until cancelled; no failure ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure_on())
            for account in self._apis:
                tasks.create_task(self._follow(account))

    async def _follow(self, account: str) -> None:
        while True:
            taken = 0
            try:
                taken = await self.take_due(account)
            except* UnavailableError as errors:
                cause = str(errors.exceptions[0])
                _log.warning("rereads wait", account=account, error=cause)
            if not taken:
                await asyncio.sleep(LOOK_EVERY)

    async def take_due(self, account: str) -> int:
        """Read some of the orders that are due; return how many there were.

        Raises:
            UnavailableError: The database is away; the orders stay due.
        """
        if self._apis[account].gate.held_for or self._reader.locked_out(account):
            return 0
        claimed = await self._rereads.claim(
            [account], of_each=AT_A_TIME, now=self._clock.now()
        )
        async with asyncio.TaskGroup() as tasks:
            for each in claimed:
                tasks.create_task(self._reread(each))
        return len(claimed)

    async def _reread(self, claimed: ClaimedReread) -> None:
        try:
            outcome = await self._read(claimed)
        except (UnavailableError, ConflictError) as error:
            _log.warning(
                "reread waits",
                account=claimed.stream.account,
                order_id=claimed.stream.order_id,
                error=str(error),
            )
            await self._put_back(claimed)
            return
        except Exception:  # noqa: BLE001 - one order must not stop the others
            _log.exception("reread broke", stream=str(claimed.stream))
            outcome = Outcome(result="set-aside")
        labels = {"account": claimed.stream.account, "reason": claimed.reason}
        _rereads.add(1, labels | {"result": outcome.result})
        if outcome.result == "locked-out":
            await self._put_back(claimed)
            return
        failed = outcome.result == "set-aside"
        failures = claimed.failures + 1 if failed else 0
        await self._rereads.settle(
            claimed,
            next_=_next(outcome, failures, now=self._clock.now()),
            failures=failures,
        )

    async def _read(self, claimed: ClaimedReread) -> Outcome:
        with tracer.start_as_current_span(
            "reread order",
            attributes=order_attributes(*claimed.stream)
            | {"order_tracking.reason": claimed.reason},
        ) as span:
            outcome = await self._reader.read(claimed.stream)
            span.set_attribute("order_tracking.result", outcome.result)
        return outcome

    async def _put_back(self, claimed: ClaimedReread) -> None:
        again = Due(self._clock.now() + PAUSE, claimed.reason)
        await self._rereads.settle(claimed, next_=again, failures=claimed.failures)

    async def _measure_on(self) -> None:
        while True:
            try:
                await self.measure()
            except UnavailableError as error:
                _log.warning("measuring failed", error=str(error))
            await asyncio.sleep(MEASURE_EVERY)

    async def measure(self) -> None:
        """Report how many orders are due, and how late the latest is."""
        now = self._clock.now()
        found = {each.account: each for each in await self._rereads.backlog(now)}
        for account in self._apis:
            known = found.get(account)
            late = now - known.oldest if known and known.oldest else timedelta()
            _due.set(known.due if known else 0, {"account": account})
            _late.set(late.total_seconds(), {"account": account})


def _next(outcome: Outcome, failures: int, *, now: datetime) -> Due | None:
    if outcome.document is not None:
        return next_reading(outcome.document, now=now)
    wait = retry(failures) if outcome.result == "set-aside" else None
    return Due(now + wait, "set aside") if wait else None
