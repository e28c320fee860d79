"""Shoppers who come to the shops by themselves."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random


class Arrivals:
    """Seeded shoppers at a steady average rate, spread over the *accounts*."""

    def __init__(
        self,
        accounts: Sequence[str],
        *,
        per_minute: float,
        rng: Random,
        since: datetime,
    ) -> None:
        self._accounts = accounts
        self._per_second = per_minute / 60
        self._rng = rng
        self.next_at: datetime | None = None
        self._expect_one(since)

    def take(self) -> str:
        """Let the next shopper in, and say to which account."""
        if self.next_at is not None:
            self._expect_one(self.next_at)
        return self._rng.choice(self._accounts)

    def _expect_one(self, since: datetime) -> None:
        if self._per_second > 0:
            pause = self._rng.expovariate(self._per_second)
            self.next_at = since + timedelta(seconds=pause)
