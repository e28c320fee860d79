"""What is in quarantine, and how it is tried once more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from service.db import Pool, connection, load_sql
from service.domain import raw
from service.errors import NothingSetAsideError, UnreadableNotificationError
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.ingest.intake import Intake
from service.ingest.notifications import Notification
from service.ingest.quarantine import Source
from service.ingest.rereads import Rereads
from service.orders_api.answer import parse

Outcome = Literal["taken in", "will be read again", "still unreadable"]

REASON: Final = "replayed"

_LIST = load_sql("service.ingest", "list_quarantine")
_RELEASE = load_sql("service.ingest", "release_from_quarantine")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Something in quarantine; *raw* is cut where it was too long, and absent in lists."""

    number: int
    account: str
    source: Source
    order_id: str | None
    reason: str
    size: int
    raw: bytes | None
    times: int
    received_at: datetime
    last_received_at: datetime


async def quarantined(pool: Pool, *, account: str | None = None) -> list[Quarantined]:
    """Return what is in quarantine, the longest there first."""
    async with connection(pool) as lent:
        rows = await lent.fetch(_LIST, account, None)
    return [Quarantined(**dict(row)) for row in rows]


async def find_quarantined(pool: Pool, number: int) -> Quarantined:
    """Return one entry of the quarantine.

    Raises:
        NothingSetAsideError: There is none of this number.
    """
    async with connection(pool) as lent:
        row = await lent.fetchrow(_LIST, None, number)
    if row is None:
        raise NothingSetAsideError(
            f"Nothing in quarantine has the number {number}; "
            "`order-tracking quarantine list` shows what is there."
        )
    return Quarantined(**dict(row))


class Releaser:
    """Takes notifications in that can be read by now, and has orders read again."""

    def __init__(
        self, pool: Pool, *, intakes: Sequence[Intake], rereads: Rereads, clock: Clock
    ) -> None:
        self._pool = pool
        self._intakes = {intake.account: intake for intake in intakes}
        self._rereads = rereads
        self._clock = clock

    async def release(self, entry: Quarantined) -> Outcome:
        """Try *entry* once more; what still cannot be read stays in quarantine.

        Raises:
            UnavailableError: Nothing was changed; try again.
        """
        if entry.source == "details" and entry.order_id is not None:
            await self._want(entry, entry.order_id)
            await self._forget(entry)
            return "will be read again"
        if not await self._take(entry):
            return "still unreadable"
        await self._forget(entry)
        return "taken in"

    async def _take(self, entry: Quarantined) -> bool:
        intake = self._intakes.get(entry.account)
        if intake is None or entry.raw is None or entry.source == "details":
            return False
        try:
            content = parse(entry.raw)
            notification = Notification.read(content)
        except (ValueError, UnreadableNotificationError):
            return False
        if not _is_of(entry.account, raw.mapping(content)):
            return False
        if entry.source == "tracking-feed":  # no fact, see `TrackingIntake`
            await self._want(entry, notification.order_id)
        else:
            await intake.take([notification], source=entry.source)
        return True

    async def _want(self, entry: Quarantined, order_id: str) -> None:
        stream = StreamKey(entry.account, order_id)
        await self._rereads.want(stream, at=self._clock.now(), reason=REASON)

    async def _forget(self, entry: Quarantined) -> None:
        async with connection(self._pool) as lent:
            await lent.execute(_RELEASE, entry.number, entry.times)


def _is_of(account: str, content: Mapping[str, object]) -> bool:
    """Say whether a notification names *account*, or none."""
    origin = raw.text(raw.mapping(content.get("Origin")).get("Account"))
    return origin is None or origin.lower() == account
