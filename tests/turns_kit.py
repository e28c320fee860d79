"""What the tests of turns in PostgreSQL share: a way to make time pass for them."""

from datetime import timedelta

from service.db import Pool, connection

_EARLIER = """
UPDATE orders_api.turns
SET next_turn = next_turn - $1::interval, held_until = held_until - $1
"""


async def let_pass(pool: Pool, seconds: float) -> None:
    """Move what is kept of all accounts back, since the server's time cannot be moved."""
    async with connection(pool) as lent:
        await lent.execute(_EARLIER, timedelta(seconds=seconds))
