"""How many requests an account may send, and whether it may send any at all."""

import asyncio
import time
from collections.abc import Awaitable, Callable

BURST = 1.0
"""Seconds' worth of requests that may go out at once after a quiet time."""


class Gate:
    """Lets through the requests of one account: all who use it share its limits."""

    def __init__(
        self,
        *,
        per_minute: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = 60 / per_minute
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_turn = monotonic() - BURST
        self._held_until = monotonic()

    async def enter(self) -> None:
        """Wait for a turn: first come, first served, and nobody while it is held."""
        turn = max(self._next_turn, self._monotonic() - BURST)
        self._next_turn = turn + self._interval
        while (wait := max(turn, self._held_until) - self._monotonic()) > 0:
            await self._sleep(wait)

    def hold(self, seconds: float) -> None:
        """Let nobody through for *seconds*, or longer where that was said before."""
        self._held_until = max(self._held_until, self._monotonic() + seconds)
        # Who comes meanwhile lines up behind the pause, not all at its end.
        self._next_turn = max(self._next_turn, self._held_until)

    @property
    def held_for(self) -> float:
        """Seconds until anybody may pass, 0 when the gate is open."""
        return max(0.0, self._held_until - self._monotonic())
