"""Where the sandbox takes the time from, and how it writes it."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class ManualClock:
    """A time that stands still until somebody moves it."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)) -> None:
        self._now = at

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self.set(self._now + timedelta(seconds=seconds))

    def set(self, at: datetime) -> None:
        """Move to *at*; an earlier time than the present one changes nothing."""
        self._now = max(self._now, at)


def moment(at: datetime | None) -> str | None:
    """Write a time as VTEX's documents do."""
    return None if at is None else at.isoformat(timespec="microseconds")
