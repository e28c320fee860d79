"""Changes of tracking, which are no change of status: the orders are read again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from service.domain.facts import StatusSource
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.ingest.intake import Intake
from service.ingest.notifications import Notification

REASON: Final = "tracking changed"


class Wishes(Protocol):
    """Keeps which orders are to be read again, and when."""

    async def want(self, stream: StreamKey, *, at: datetime, reason: str) -> None:
        """Have the order read at *at*.

        Raises:
            DatabaseUnavailableError: It may not be noted; wish again.
        """
        ...


class TrackingIntake:
    """Takes the feed whose filter looks at the packages of an order.

    Its items tell that an order is another than it was, and no more: the status in
    them is the one it has had for long, and their date is not when it came into it.
    So they are no facts, and lead to a reading of the order, which is one.
    """

    def __init__(self, intake: Intake, *, wishes: Wishes, clock: Clock) -> None:
        self.account = intake.account
        self._intake = intake
        self._wishes = wishes
        self._clock = clock

    async def take(
        self, notifications: Sequence[Notification], *, source: StatusSource
    ) -> None:
        """See `Taker.take`."""
        stream = StreamKey(self.account, notifications[0].order_id)
        await self._wishes.want(stream, at=self._clock.now(), reason=REASON)

    async def set_aside(self, raw: bytes, *, source: StatusSource, reason: str) -> None:
        """See `Taker.set_aside`."""
        await self._intake.set_aside(raw, source="tracking-feed", reason=reason)
