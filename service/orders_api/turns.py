"""The turns of an account: moments from which on one request each may be sent."""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

BURST: Final = 1.0
"""Seconds' worth of requests that may go out at once after a quiet time."""

GOOD_FOR: Final = 3.0
"""Seconds from a turn on in which it may be used."""


class Slice(NamedTuple):
    """Turns of one account, one after the other, by the monotonic time of this process.

    There are none while the account is held.
    """

    size: int
    opens: float
    """When the first of them may be used; where there are none, when the hold ends."""
    expires: float
    """When none of them may be used any more."""


class Turns(Protocol):
    """Gives out an account's turns: no two are the same, whoever asks.

    Turns are an interval apart, and none is more than `BURST` old when it is given out.
    Since each is used within `GOOD_FOR`, any *t* seconds see at most
    `(t + GOOD_FOR) / interval + 1` requests, however many processes share the turns and
    whatever becomes of them. This is the Generic Cell Rate Algorithm (ITU-T I.371) in
    its form of virtual scheduling, for many cells at a time.
    """

    async def take(self, count: int, *, interval: float) -> Slice:
        """Take the next *count* turns; what is not used in time is lost.

        Raises:
            UnavailableError: Nothing may be sent; ask again later.
        """
        ...

    async def hold(self, seconds: float) -> None:
        """Give out no turns for *seconds*, or longer where that was said before.

        Turns that others have taken already stay good.

        Raises:
            UnavailableError: Nobody else knows of it.
        """
        ...


class MemoryTurns:
    """See `Turns`; for one process."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._next_turn = self._held_until = -math.inf

    async def take(self, count: int, *, interval: float) -> Slice:
        """See `Turns.take`."""
        now = self._monotonic()
        if now < self._held_until:
            return Slice(0, self._held_until, self._held_until)
        opens = max(self._next_turn, now - BURST)
        self._next_turn = opens + count * interval
        return Slice(count, opens, opens + GOOD_FOR)

    async def hold(self, seconds: float) -> None:
        """See `Turns.hold`."""
        self._held_until = max(self._held_until, self._monotonic() + seconds)
        # Who waited for its end does not rush out.
        self._next_turn = max(self._next_turn, self._held_until)
