"""The one way in which notifications reach the log, and odd ones the quarantine."""

from collections.abc import Sequence

import structlog

from service.domain.facts import StatusSource
from service.domain.statuses import KNOWN_STATUSES
from service.errors import InvalidEventError
from service.eventlog.ports import Clock, EventLog
from service.failpoints import reached
from service.ingest.notifications import Notification, append_of
from service.ingest.quarantine import Quarantine, Source, Unreadable
from service.telemetry import meter

_notifications = meter.create_counter(
    "ingest.notifications",
    unit="{notification}",
    description="Notifications taken into the log.",
)

_unheard_of = meter.create_counter(
    "ingest.statuses.unknown",
    unit="{notification}",
    description="New notifications without a status, or with one never heard of.",
)

_log = structlog.get_logger()


class Intake:
    """Takes what the feed and the hook of an account bring.

    What it returned from is durable, and may be acknowledged.
    """

    def __init__(
        self, account: str, *, log: EventLog, quarantine: Quarantine, clock: Clock
    ) -> None:
        self.account = account
        self._log = log
        self._quarantine = quarantine
        self._clock = clock

    async def take(
        self, notifications: Sequence[Notification], *, source: StatusSource
    ) -> None:
        """Record *notifications*, all of one order; those known already fold.

        Raises:
            UnavailableError: They may not be recorded; do not acknowledge them.
        """
        append = append_of(
            self.account, notifications, source=source, received_at=self._clock.now()
        )
        try:
            appended = await self._log.append(append)
        except InvalidEventError as error:
            for notification in notifications:
                content = notification.model_dump_json().encode()
                await self.set_aside(content, source=source, reason=str(error))
            return
        reached("feed.appended")
        labels = {"account": self.account, "source": source}
        if appended.new:
            _notifications.add(appended.new, labels | {"outcome": "new"})
            self._count_unheard_of(notifications)
        if repeated := len(notifications) - appended.new:
            _notifications.add(repeated, labels | {"outcome": "repeated"})

    def _count_unheard_of(self, notifications: Sequence[Notification]) -> None:
        for notification in notifications:
            if notification.state not in KNOWN_STATUSES:
                _unheard_of.add(1, {"account": self.account})
                _log.warning(
                    "status never heard of",
                    account=self.account,
                    order_id=notification.order_id,
                    status=notification.state,
                )

    async def set_aside(self, raw: bytes, *, source: Source, reason: str) -> None:
        """Keep *raw*, which holds no feed handle, for a person to look at.

        Raises:
            UnavailableError: It may not be kept; do not acknowledge it.
        """
        await self._quarantine.keep(
            Unreadable(
                account=self.account,
                source=source,
                reason=reason,
                size=len(raw),
                raw=raw,
            )
        )
