"""The turns of an account in PostgreSQL, for all processes that send its requests."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from service.db import Pool, connection, load_sql
from service.orders_api.gate import Gate
from service.orders_api.turns import BURST, GOOD_FOR, Slice
from service.telemetry import meter

PATIENCE: Final = GOOD_FOR - BURST
"""Seconds after which an answer is of no use: its turns may be over."""

_BURST = timedelta(seconds=BURST)
_TAKE = load_sql("service.orders_api", "take_turns")
_HOLD = load_sql("service.orders_api", "hold_turns")

_taken = meter.create_counter(
    "orders_api.turns", unit="{turn}", description="Turns taken of an account's limit."
)


def shared_gate(pool: Pool, account: str, *, per_minute: int) -> Gate:
    """Return a gate of *account* that all processes with this database share."""
    return Gate(per_minute=per_minute, turns=PostgresTurns(pool, account))


class PostgresTurns:
    """See `Turns`; for all processes with this database."""

    def __init__(
        self,
        pool: Pool,
        account: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._account = account
        self._monotonic = monotonic

    async def take(self, count: int, *, interval: float) -> Slice:
        """See `Turns.take`."""
        length = timedelta(seconds=count * interval)
        async with connection(self._pool) as lent:
            asked = self._monotonic()
            [found] = await lent.fetch(
                _TAKE, self._account, length, _BURST, timeout=PATIENCE
            )
            answered = self._monotonic()
        if held_for := found["held_for"].total_seconds():
            return Slice(0, answered + held_for, answered + held_for)
        _taken.add(count, {"account": self._account})
        opens_in = found["opens_in"].total_seconds()
        # The server's moment was some time between the two.
        return Slice(count, answered + opens_in, asked + opens_in + GOOD_FOR)

    async def hold(self, seconds: float) -> None:
        """See `Turns.hold`."""
        wish = timedelta(seconds=seconds)
        async with connection(self._pool) as lent:
            await lent.execute(_HOLD, self._account, wish, timeout=PATIENCE)
