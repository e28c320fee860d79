"""Whose turn it is to send a request to an account, and whether anybody may at all."""

import asyncio
import math
import time
from bisect import bisect_left, insort
from collections.abc import Awaitable, Callable
from copy import copy
from enum import IntEnum
from itertools import count
from typing import Final, Self

import structlog

from service.errors import ThrottledError, UnavailableError
from service.orders_api.sharing import SharedReads
from service.orders_api.turns import MemoryTurns, Turns

SLICE: Final = 0.1
"""Seconds' worth of turns that are taken at a time, at most."""

MOST_HELD: Final = 5.0
"""Seconds of a hold that reads wait out; for longer ones they are to come back."""

UPKEEP_SHARE: Final = 0.2
"""The part of an account's requests that upkeep gets at most."""

_log = structlog.get_logger()


class Urgency(IntEnum):
    """What goes first where requests of one account wait for each other."""

    CALL = 0
    """Something is to be done at VTEX, or its feed to be read."""
    NEWS = 1
    """An order is to be read because something happened to it."""
    UPKEEP = 2
    """Orders are read again or listed, lest something was missed."""


class Gate:
    """Lets through the requests of one account: all who use it share its limits.

    *turns* are the account's, shared with whoever else has them; unless given, they
    are this gate's own.
    """

    def __init__(
        self,
        *,
        per_minute: int,
        turns: Turns | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._turns = turns or MemoryTurns(monotonic)
        self._line = _Line(self._turns, 60 / per_minute, monotonic, sleep)
        self.urgency = Urgency.CALL

    def at(self, urgency: Urgency) -> Self:
        """Return the same gate for requests of *urgency*."""
        entrance = copy(self)
        entrance.urgency = urgency
        return entrance

    def enter_at_once(self) -> bool:
        """Take a turn that need not be waited for; say whether there was one."""
        return self._line.pass_at_once(self.urgency)

    async def enter(self) -> None:
        """Wait for a turn: the most urgent first, and nobody while it is held.

        Raises:
            ThrottledError: It is held for so long that only calls wait.
            UnavailableError: There are no turns to be had; ask again later.
        """
        await self._line.pass_through(self.urgency)

    async def hold(self, seconds: float) -> None:
        """Let nobody through for *seconds*, or longer where that was said before."""
        self._line.hold(seconds)
        try:
            await self._turns.hold(seconds)
        except UnavailableError as error:
            # It holds here all the same; VTEX tells the others, as it told us.
            _log.warning("hold not shared", error=str(error))

    @property
    def held_for(self) -> float:
        """Seconds until anybody may pass, as far as is known; 0 when the gate is open."""
        return self._line.held_for


_Place = tuple[Urgency, int]


class _Line:
    """Who waits before the gate, the next one first, and the turns at hand for them."""

    def __init__(
        self,
        turns: Turns,
        interval: float,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._turns = turns
        self._interval = interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._waiting: list[_Place] = []
        self._numbers = count()
        self._taking = SharedReads[None]()
        self._at_hand = self._used = 0
        self._opens = self._expires = self._taken_at = -math.inf
        self._next_upkeep = self._held_until = -math.inf

    def pass_at_once(self, urgency: Urgency) -> bool:
        is_free = self._wait_of((urgency, next(self._numbers))) <= 0 < self._at_hand
        if is_free:
            self._use_turn(urgency)
        return is_free

    async def pass_through(self, urgency: Urgency) -> None:
        place = urgency, next(self._numbers)
        insort(self._waiting, place)
        try:
            # Whoever is more urgent may come in between, so each waking looks again.
            while (wait := self._wait_of(place)) > 0 or not self._at_hand:
                self._send_away(urgency)
                if wait > 0:
                    await self._sleep(wait)
                else:
                    await self._taking.get("turns", send=self._take)
            self._use_turn(urgency)
        finally:
            self._waiting.remove(place)

    def _wait_of(self, place: _Place) -> float:
        """Return the seconds after which to look again; then there may be a turn."""
        now = self._monotonic()
        opens = self._held_until
        if place[0] == Urgency.UPKEEP:
            opens = max(opens, self._next_upkeep)
        if now > self._expires:
            self._at_hand = 0
        if self._at_hand:
            ahead = bisect_left(self._waiting, place)
            opens = max(opens, self._opens + ahead * self._interval)
            if ahead >= self._at_hand:
                # All of these are for those ahead, be they asleep still.
                opens = max(opens, now + self._interval)
        return opens - now

    def _send_away(self, urgency: Urgency) -> None:
        if urgency > Urgency.CALL and self.held_for > MOST_HELD:
            raise ThrottledError(
                f"VTEX asked the account to wait for {self.held_for:.0f} s more.",
                retry_after=self.held_for,
            )

    async def _take(self, taken: Callable[[], None]) -> None:
        now = self._monotonic()
        wanted = self._wanted(now)
        try:
            found = await self._turns.take(wanted, interval=self._interval)
        finally:
            # Whoever came until now has part in these turns, or in the error.
            taken()
        self._at_hand, self._opens, self._expires = found
        self._taken_at, self._used = now, 0
        if not found.size:
            self._held_until = max(self._held_until, found.opens)

    def _wanted(self, now: float) -> int:
        """Return how many turns are waited for, or will be at the pace of late."""
        pace = self._used / max(now - self._taken_at, 0.001)
        most = int(SLICE / self._interval)
        return max(1, min(most, max(len(self._waiting), int(pace * SLICE))))

    def _use_turn(self, urgency: Urgency) -> None:
        self._at_hand -= 1
        self._used += 1
        self._opens += self._interval
        if urgency == Urgency.UPKEEP:
            share = self._interval / UPKEEP_SHARE
            self._next_upkeep = max(self._next_upkeep, self._monotonic()) + share

    def hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._monotonic() + seconds)

    @property
    def held_for(self) -> float:
        return max(0.0, self._held_until - self._monotonic())
