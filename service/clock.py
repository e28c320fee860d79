"""The system's clock; everything else is handed one."""

from datetime import UTC, datetime


class SystemClock:
    """See `Clock` in `service.eventlog.ports`."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - the one place that may ask
