"""How far the orders of each account were compared, over all processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from service.db import Pool, connection, load_sql
from service.errors import FencedError

LEASE: Final = timedelta(minutes=30)
"""After which a comparison whose process fell silent is taken up by another."""

_CLAIM = load_sql("service.ingest", "claim_reconciliation")
_SAVE = load_sql("service.ingest", "save_reconciliation")
_RELEASE = load_sql("service.ingest", "release_reconciliation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedReconciliation:
    """A comparison to be made now, by whoever holds *token*."""

    account: str
    token: int
    done_until: datetime | None
    """Where one broke off that is to be gone on with."""
    finished_until: datetime | None
    """Up to which time of creation orders were compared before."""


class Reconciliations:
    """Hands out each account's comparison when it is time, to one process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(
        self, account: str, *, now: datetime
    ) -> ClaimedReconciliation | None:
        """Lease the account's comparison, if it is due and nobody is at it."""
        async with connection(self._pool) as lent:
            row = await lent.fetchrow(_CLAIM, account, now, now + LEASE)
        if row is None:
            return None
        return ClaimedReconciliation(
            account=account,
            token=row["lease_token"],
            done_until=row["done_until"],
            finished_until=row["finished_until"],
        )

    async def save(
        self, claimed: ClaimedReconciliation, done_until: datetime, *, now: datetime
    ) -> None:
        """Note how far the comparison has come.

        Raises:
            FencedError: The lease was lost; somebody else goes on with it.
        """
        key = claimed.account, claimed.token
        async with connection(self._pool) as lent:
            if not await lent.fetchval(_SAVE, *key, done_until, now + LEASE):
                raise FencedError(
                    f"The comparison of {claimed.account} took too long between two "
                    "slices; another process goes on with it."
                )

    async def release(
        self,
        claimed: ClaimedReconciliation,
        *,
        next_at: datetime,
        finished_until: datetime | None = None,
    ) -> None:
        """Give the comparison back; without *finished_until* it goes on where it stands."""
        key = claimed.account, claimed.token
        async with connection(self._pool) as lent:
            await lent.execute(_RELEASE, *key, next_at, finished_until)
