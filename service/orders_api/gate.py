"""How many requests an account may send, whose turn it is, and whether any may go."""

import asyncio
import time
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable
from copy import copy
from enum import IntEnum
from itertools import count
from typing import Final, Self

from service.errors import ThrottledError

BURST = 1.0
"""Seconds' worth of requests that may go out at once after a quiet time."""

MOST_HELD: Final = 5.0
"""Seconds of a hold that reads wait out; for longer ones they are to come back."""

UPKEEP_SHARE: Final = 0.2
"""The part of an account's requests that upkeep gets at most."""


class Urgency(IntEnum):
    """What goes first where requests of one account wait for each other."""

    CALL = 0
    """Something is to be done at VTEX, or its feed to be read."""
    NEWS = 1
    """An order is to be read because something happened to it."""
    UPKEEP = 2
    """Orders are read again or listed, lest something was missed."""


class Gate:
    """Lets through the requests of one account: all who use it share its limits."""

    def __init__(
        self,
        *,
        per_minute: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._line = _Line(60 / per_minute, monotonic, sleep)
        self.urgency = Urgency.CALL

    def at(self, urgency: Urgency) -> Self:
        """Return the same gate for requests of *urgency*."""
        entrance = copy(self)
        entrance.urgency = urgency
        return entrance

    async def enter(self) -> None:
        """Wait for a turn: the most urgent first, and nobody while it is held.

        Raises:
            ThrottledError: It is held for so long that only calls wait.
        """
        await self._line.pass_through(self.urgency)

    def hold(self, seconds: float) -> None:
        """Let nobody through for *seconds*, or longer where that was said before."""
        self._line.hold(seconds)

    @property
    def held_for(self) -> float:
        """Seconds until anybody may pass, 0 when the gate is open."""
        return self._line.held_for


_Place = tuple[Urgency, int]


class _Line:
    """Who waits before the gate, the next one first."""

    def __init__(
        self,
        interval: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_turn = monotonic() - BURST
        self._next_upkeep = self._held_until = monotonic()
        self._waiting: list[_Place] = []
        self._numbers = count()

    async def pass_through(self, urgency: Urgency) -> None:
        place = urgency, next(self._numbers)
        insort(self._waiting, place)
        try:
            # Whoever is more urgent may come in between, so each waking looks again.
            while (wait := self._opens_for(place) - self._monotonic()) > 0:
                if urgency > Urgency.CALL and self.held_for > MOST_HELD:
                    raise ThrottledError(
                        f"VTEX asked the account to wait for {self.held_for:.0f} s more.",
                        retry_after=self.held_for,
                    )
                await self._sleep(wait)
            self._take_turn(urgency)
        finally:
            self._waiting.remove(place)

    def _opens_for(self, place: _Place) -> float:
        ahead = bisect_left(self._waiting, place)
        turn = max(self._next_turn, self._monotonic() - BURST) + ahead * self._interval
        opens = max(turn, self._held_until)
        return max(opens, self._next_upkeep) if place[0] == Urgency.UPKEEP else opens

    def _take_turn(self, urgency: Urgency) -> None:
        now = self._monotonic()
        self._next_turn = max(self._next_turn, now - BURST) + self._interval
        if urgency == Urgency.UPKEEP:
            self._next_upkeep = (
                max(self._next_upkeep, now) + self._interval / UPKEEP_SHARE
            )

    def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._monotonic() + seconds)
        # Who comes meanwhile lines up behind the pause, not all at its end.
        self._next_turn = max(self._next_turn, self._held_until)

    @property
    def held_for(self) -> float:
        return max(0.0, self._held_until - self._monotonic())
