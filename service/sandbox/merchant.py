"""The other side of the shop: a seeded ERP and carrier that work on each order."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Final

import structlog
from pydantic import TypeAdapter
from typing_extensions import TypedDict, override

from service.errors import RejectedError, UnavailableError
from service.sandbox import calls
from service.sandbox.clock import Clock
from service.sandbox.desk import Desk, OmsDesk, OrderRef
from service.sandbox.errands import Errand, plan_errands
from service.sandbox.keeping import Document, Kept
from service.sandbox.marks import Marks
from service.sandbox.oms import Caller, Oms, StatusChange
from service.sandbox.orders import Order

_BEFORE_INVOICE: Final = (4.0, 8.0)
_PATIENCE: Final = (4.0, 8.0)
"""Seconds for which the merchant waits for somebody else to start the handling."""

_log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Job:
    """What is still to be done for one order, one thing after the other."""

    order: OrderRef
    starts_handling: bool
    due: datetime
    errands: deque[Errand] = field(default_factory=deque)
    planned: bool = False
    done: int = 0
    """How many of its errands are done."""
    is_over: bool = False

    @property
    def key(self) -> str:
        purpose = "handling" if self.starts_handling else "errands"
        return f"{self.order.account}/{self.order.order_id}/{purpose}"


class _JobDocument(TypedDict):
    account: str
    order_id: str
    starts_handling: bool
    due: datetime
    done: int
    is_over: bool


_DOCUMENT: Final = TypeAdapter(_JobDocument)


class Merchant(Kept):
    """Invoices what is in handling, ships it and tells where it is.

    It plays the sellers without an account too, who call back to the OMS itself.
    What it hands in is named after the order, so doing it again after an unknown
    outcome is harmless. What nobody wants it does not press: it gives the order up.
    """

    part = "merchant"

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
        self.desk_is_here = isinstance(desk, OmsDesk)
        self._callbacks = OmsDesk(oms, name="external seller")
        self._clock = clock
        self._seed = seed
        self._speed = speed
        self._starts_handling = starts_handling
        self._jobs: dict[str, Job] = {}
        self._marks: Marks[str] = Marks()
        self._agenda: list[tuple[datetime, int, Job]] = []
        self._written = 0
        oms.listen(self._hear)
        oms.watch(self._see)

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
            self._end(job)
            return
        order = self._oms.order(*job.order)
        desk = self._callbacks if order.has_external_seller else self._desk
        self._plan(job, order)
        try:
            await job.errands[0].deed.do(desk, job.order, at=self._clock.now())
        except (RejectedError, UnavailableError) as error:
            _log.warning(
                "order given up", order_id=job.order.order_id, reason=str(error)
            )
            self._end(job)
            return
        job.errands.popleft()
        job.done += 1
        if job.errands:
            self._write(job, self._clock.now(), after=job.errands[0].after)
        else:
            self._end(job)

    def _plan(self, job: Job, order: Order) -> None:
        if not job.planned:
            errands = plan_errands(order, rng=self._rng("plan", job.order))
            job.errands.extend(errands[job.done :])
            job.planned = True

    def _end(self, job: Job) -> None:
        job.is_over = True
        self._marks.note(job.key)

    def _start_handling(self, ref: OrderRef) -> None:
        if self._oms.order(*ref).status == "ready-for-handling":
            caller = Caller(account=ref.account, name="merchant")
            self._oms.carry_out(caller, ref.order_id, calls.START_HANDLING)

    def _hear(self, change: StatusChange) -> None:
        # Only notes are taken here: the OMS is in the middle of its own work.
        ref = OrderRef(change.account, change.order_id)
        if change.state == "ready-for-handling" and self._starts_handling:
            pause = self._rng("patience", ref).uniform(*_PATIENCE)
            job = Job(order=ref, starts_handling=True, due=change.at)
            self._write(job, change.at, after=pause)
        if change.state == "handling":
            self._meet(ref, change.at)

    def _see(self, order: Order, at: datetime) -> None:
        if order.has_external_seller and order.status == "payment-approved":
            self._meet(OrderRef(order.account, order.order_id), at)

    def _meet(self, ref: OrderRef, at: datetime) -> None:
        job = Job(order=ref, starts_handling=False, due=at)
        if job.key not in self._jobs:
            pause = self._rng("invoice", ref).uniform(*_BEFORE_INVOICE)
            self._write(job, at, after=pause)

    def _write(self, job: Job, at: datetime, *, after: float) -> None:
        job.due = at + timedelta(seconds=after / self._speed)
        self._enter(job)
        self._marks.note(job.key)

    def _enter(self, job: Job) -> None:
        self._written += 1
        self._jobs[job.key] = job
        heappush(self._agenda, (job.due, self._written, job))

    def _rng(self, purpose: str, ref: OrderRef) -> Random:
        return Random(f"{self._seed}/{purpose}/{ref.account}/{ref.order_id}")

    @override
    def changes(self) -> Mapping[str, Document | None]:
        return {
            key: {
                "account": job.order.account,
                "order_id": job.order.order_id,
                "starts_handling": job.starts_handling,
                "due": job.due.isoformat(),
                "done": job.done,
                "is_over": job.is_over,
            }
            for key in self._marks.take(self._jobs)
            for job in [self._jobs[key]]
        }

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for key, document in sorted(documents.items()):
            job = _DOCUMENT.validate_python(document)
            made = Job(
                order=OrderRef(job["account"], job["order_id"]),
                starts_handling=job["starts_handling"],
                due=job["due"],
                done=job["done"],
                is_over=job["is_over"],
            )
            self._jobs[key] = made
            if not made.is_over:
                self._enter(made)
        self._marks.begin()
