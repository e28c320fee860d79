"""Where the sandbox takes the time from, and how it writes it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from typing_extensions import override

from service.sandbox.keeping import Document, Kept


class Clock(Protocol):
    """The time, as an aware UTC datetime."""

    def now(self) -> datetime: ...


class MovableClock(Clock, Protocol):
    """A clock that can be put forward."""

    def hold(self, at: datetime) -> None:
        """Stand still at *at* until `set`, so that what is due then is done then."""
        ...

    def set(self, at: datetime) -> None:
        """Move to *at*; an earlier time than the present one changes nothing."""
        ...


class ManualClock(MovableClock):
    """A time that stands still until somebody moves it."""

    def __init__(self, at: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)) -> None:
        self._now = at

    @override
    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self.set(self._now + timedelta(seconds=seconds))

    @override
    def hold(self, at: datetime) -> None:
        self.set(at)

    @override
    def set(self, at: datetime) -> None:
        self._now = max(self._now, at)


_SCALE: Final = "scale"
_LEAD: Final = "lead"


class ScaledClock(MovableClock, Kept):
    """A time that runs *scale* times as fast as its *source*, and can leap ahead."""

    part = "clock"

    def __init__(self, source: Clock, *, scale: float = 1.0) -> None:
        self._source = source
        self._since = self._origin = source.now()
        self._scale = scale
        self._held: datetime | None = None
        self._is_kept = True

    @override
    def now(self) -> datetime:
        return self._held or self.live()

    def live(self) -> datetime:
        """Return the time that it is even while it is held."""
        return self._origin + (self._source.now() - self._since) * self._scale

    @property
    def scale(self) -> float:
        return self._scale

    def run_at(self, scale: float) -> None:
        """Run *scale* times as fast from now on."""
        self._begin(self.live())
        self._scale = scale

    @override
    def hold(self, at: datetime) -> None:
        self._held = max(self.now(), at) if self._held else at

    def release(self) -> None:
        """Go on from a hold as if it had not been."""
        self._held = None

    @override
    def set(self, at: datetime) -> None:
        self.release()
        self._begin(max(self.live(), at))

    def _begin(self, at: datetime) -> None:
        self._since, self._origin = self._source.now(), at
        self._is_kept = False

    @override
    def changes(self) -> Mapping[str, Document | None]:
        if self._is_kept and self._scale == 1:
            return {}
        self._is_kept = True
        lead = (self.live() - self._source.now()).total_seconds()
        return {self.part: {_LEAD: lead, _SCALE: self._scale}}

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for document in documents.values():
            lead = timedelta(seconds=float(str(document[_LEAD])))
            self._begin(self._source.now() + lead)
            self._scale = float(str(document[_SCALE]))


def zulu(at: datetime) -> str:
    """Write a time as VTEX's feed, hook and tasks do."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(at: datetime | None) -> str | None:
    """Write a time as VTEX's documents do."""
    return None if at is None else at.isoformat(timespec="microseconds")
