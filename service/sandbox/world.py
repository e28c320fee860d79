"""The sandbox without its port: OMS and merchant, moved by one clock."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from service.sandbox.clock import ManualClock, MovableClock, ScaledClock
from service.sandbox.merchant import Job, Merchant
from service.sandbox.oms import Oms

_TICK: Final = 0.05
"""Seconds between two looks at the clock."""
_BREATH: Final = 200
"""Steps of a leap after which others get a turn."""


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that goes on; without a *merchant* nobody handles the orders."""

    oms: Oms
    merchant: Merchant | None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, clock: ScaledClock) -> None:
        """Keep up with *clock* until cancelled."""
        async with asyncio.TaskGroup() as errands:

            async def serve(job: Job) -> None:
                # A desk far away may take its time: it holds no other order up.
                if self.merchant is not None and self.merchant.desk_is_here:
                    await self._serve(job)
                else:
                    errands.create_task(self._serve(job))

            while True:
                async with self._turn:
                    await self._catch_up(clock, clock.live(), serve)
                    clock.release()
                await asyncio.sleep(_TICK)

    async def advance(self, clock: ManualClock, seconds: float) -> None:
        """Let *clock* run for *seconds*, and do each thing at its time."""
        end = clock.now() + timedelta(seconds=seconds)
        await self._catch_up(clock, end, self._serve)
        clock.set(end)

    async def leap(self, clock: MovableClock, to: datetime) -> None:
        """Put *clock* forward: each thing is done at its time, but no shopper comes."""
        async with self._turn:
            self.oms.close_until(to)
            await self._catch_up(clock, to, self._serve)
            clock.set(to)

    async def _catch_up(
        self,
        clock: MovableClock,
        end: datetime,
        serve: Callable[[Job], Awaitable[None]],
    ) -> None:
        steps = 0
        while (due := self._next_due()) is not None and due <= end:
            clock.hold(due)
            self.oms.advance()
            for job in self._jobs():
                await serve(job)
            steps += 1
            if steps % _BREATH == 0:
                await asyncio.sleep(0)

    def _jobs(self) -> list[Job]:
        return self.merchant.due() if self.merchant else []

    async def _serve(self, job: Job) -> None:
        if self.merchant is not None:
            await self.merchant.serve(job)

    def _next_due(self) -> datetime | None:
        merchant = self.merchant
        moments = (self.oms.next_due(), merchant.next_due() if merchant else None)
        return min((at for at in moments if at is not None), default=None)
