"""The sandbox without its port: OMS and merchant, moved by one clock."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.sandbox.clock import ManualClock
from service.sandbox.merchant import Job, Merchant
from service.sandbox.oms import Oms

_TICK: Final = 0.05
"""Seconds between two looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that goes on; without a *merchant* nobody handles the orders."""

    oms: Oms
    merchant: Merchant | None

    async def run(self) -> None:
        """Keep up with the clock until cancelled."""
        async with asyncio.TaskGroup() as errands:
            while True:
                self.oms.advance()
                # A desk may take its time: one order's errand holds no other's up.
                for job in self._jobs():
                    errands.create_task(self._serve(job))
                await asyncio.sleep(_TICK)

    async def advance(self, clock: ManualClock, seconds: float) -> None:
        """Let *clock* run for *seconds*, and do each thing at its time."""
        end = clock.now() + timedelta(seconds=seconds)
        while (due := self._next_due()) is not None and due <= end:
            clock.set(due)
            self.oms.advance()
            for job in self._jobs():
                await self._serve(job)
        clock.set(end)

    def _jobs(self) -> list[Job]:
        return self.merchant.due() if self.merchant else []

    async def _serve(self, job: Job) -> None:
        if self.merchant is not None:
            await self.merchant.serve(job)

    def _next_due(self) -> datetime | None:
        merchant = self.merchant
        moments = (self.oms.next_due(), merchant.next_due() if merchant else None)
        return min((at for at in moments if at is not None), default=None)
