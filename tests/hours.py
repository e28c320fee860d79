"""A time that passes only while everybody sleeps."""

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import Final

CALM: Final = 10
"""Rounds of the event loop without a look at the time: then everybody sleeps."""

INSTANT: Final = 1e-9
"""Seconds that any sleep takes: else rounding could make time stand still."""


class Hours:
    """Stands in for `time.monotonic` and `asyncio.sleep`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._calm = 0
        self._is_ticking = False

    def monotonic(self) -> float:
        self._calm = 0
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        until = self.now + max(seconds, INSTANT)
        heappush(self._sleeping, (until, next(self._numbers), waking))
        self._calm = 0
        if not self._is_ticking:
            self._is_ticking = True
            self._tick()
        await waking

    def _tick(self) -> None:
        while self._sleeping and self._sleeping[0][2].cancelled():
            heappop(self._sleeping)
        self._is_ticking = bool(self._sleeping)
        if not self._is_ticking:
            return
        self._calm += 1
        if self._calm > CALM:
            self._calm = 0
            at, _, waking = heappop(self._sleeping)
            self.now = max(self.now, at)
            waking.set_result(None)
        asyncio.get_running_loop().call_soon(self._tick)
