"""Shoppers who come to the shops by themselves."""

from collections.abc import Mapping, Sequence
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
        self._came = 0
        self.next_at: datetime | None = None
        self._expect_one(since)

    def take(self) -> str:
        """Let the next shopper in, and say to which account."""
        if self.next_at is not None:
            self._expect_one(self.next_at)
        self._came += 1
        return self._rng.choice(self._accounts)

    def close_until(self, at: datetime) -> None:
        """Let nobody in before *at*."""
        if self.next_at is not None and self.next_at < at:
            # Nothing is drawn: the shoppers who come after are the same.
            self.next_at = at + timedelta(seconds=1 / self._per_second)

    def document(self) -> Mapping[str, object]:
        """Return where they stand."""
        next_at = self.next_at
        return {"came": self._came, "next_at": next_at and next_at.isoformat()}

    def restore(self, document: Mapping[str, object]) -> None:
        """Go on from *document*: the same shoppers come next."""
        for _ in range(int(str(document["came"]))):
            self.take()
        if self.next_at is not None and document["next_at"] is not None:
            self.next_at = datetime.fromisoformat(str(document["next_at"]))

    def _expect_one(self, since: datetime) -> None:
        if self._per_second > 0:
            pause = self._rng.expovariate(self._per_second)
            self.next_at = since + timedelta(seconds=pause)
