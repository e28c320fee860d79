"""The other side of the shop: a seeded ERP and carrier that work on each order."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Final

import structlog

from service.errors import RejectedError, UnavailableError
from service.sandbox import calls
from service.sandbox.clock import Clock
from service.sandbox.desk import Desk, OrderRef
from service.sandbox.errands import Errand, plan_errands
from service.sandbox.oms import Caller, Oms, StatusChange

_BEFORE_INVOICE: Final = (4.0, 8.0)
_PATIENCE: Final = (4.0, 8.0)
"""Seconds for which the merchant waits for somebody else to start the handling."""

_log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Job:
    """What is still to be done for one order, one thing after the other."""

    order: OrderRef
    starts_handling: bool
    errands: deque[Errand] = field(default_factory=deque)
    planned: bool = False


class Merchant:
    """Invoices what is in handling, ships it and tells where it is.

    What it hands in is named after the order, so doing it again after an unknown
    outcome is harmless. What nobody wants it does not press: it gives the order up.
    """

    def __init__(
        self,
        oms: Oms,
        desk: Desk,
        *,
        clock: Clock,
        seed: int,
        speed: float = 1.0,
        starts_handling: bool = False,
    ) -> None:
        self._oms = oms
        self._desk = desk
        self._clock = clock
        self._seed = seed
        self._speed = speed
        self._starts_handling = starts_handling
        self._met: set[OrderRef] = set()
        self._agenda: list[tuple[datetime, int, Job]] = []
        self._written = 0
        oms.listen(self._hear)

    def next_due(self) -> datetime | None:
        """Say when there is something to do."""
        return self._agenda[0][0] if self._agenda else None

    def due(self) -> list[Job]:
        """Take what is to be done now off the agenda; `serve` each of it."""
        now = self._clock.now()
        jobs = []
        while self._agenda and self._agenda[0][0] <= now:
            jobs.append(heappop(self._agenda)[2])
        return jobs

    async def serve(self, job: Job) -> None:
        """Do the next thing of *job*."""
        if job.starts_handling:
            self._start_handling(job.order)
            return
        if not job.planned:
            order = self._oms.order(*job.order)
            job.errands.extend(plan_errands(order, rng=self._rng("plan", job.order)))
            job.planned = True
        deed = job.errands.popleft().deed
        try:
            await deed.do(self._desk, job.order, at=self._clock.now())
        except (RejectedError, UnavailableError) as error:
            _log.warning(
                "order given up", order_id=job.order.order_id, reason=str(error)
            )
            return
        if job.errands:
            self._write(job, self._clock.now(), after=job.errands[0].after)

    def _start_handling(self, ref: OrderRef) -> None:
        if self._oms.order(*ref).status == "ready-for-handling":
            caller = Caller(account=ref.account, name="merchant")
            self._oms.carry_out(caller, ref.order_id, calls.START_HANDLING)

    def _hear(self, change: StatusChange) -> None:
        # Only notes are taken here: the OMS is in the middle of its own work.
        ref = OrderRef(change.account, change.order_id)
        if change.state == "ready-for-handling" and self._starts_handling:
            pause = self._rng("patience", ref).uniform(*_PATIENCE)
            self._write(Job(order=ref, starts_handling=True), change.at, after=pause)
        if change.state == "handling" and ref not in self._met:
            self._met.add(ref)
            pause = self._rng("invoice", ref).uniform(*_BEFORE_INVOICE)
            self._write(Job(order=ref, starts_handling=False), change.at, after=pause)

    def _write(self, job: Job, at: datetime, *, after: float) -> None:
        self._written += 1
        due = at + timedelta(seconds=after / self._speed)
        heappush(self._agenda, (due, self._written, job))

    def _rng(self, purpose: str, ref: OrderRef) -> Random:
        return Random(f"{self._seed}/{purpose}/{ref.account}/{ref.order_id}")
