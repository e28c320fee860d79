"""How an account's OMS does, and when it is left alone; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

BreakerState = Literal["closed", "open", "half-open"]
Health = Literal["answered", "failed", "throttled", "barred", "unasked"]

HALF_WINDOW: Final = timedelta(seconds=30)
"""The window rolls by halves: what counts is the current and the one before."""

LEAST_REQUESTS: Final = 10
"""In the window; with fewer, failures prove nothing."""

FAILURE_SHARE: Final = 0.5
"""Of the window's requests, from which on the breaker opens."""

OPEN_FOR: Final = timedelta(seconds=30)
BARRED_FOR: Final = timedelta(minutes=1)
"""Between two tries of credentials that VTEX refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What one attempt tells about its account.

    *barred* is refused credentials, *unasked* that no request was made at all.
    """

    health: Health
    hold: timedelta = timedelta()
    """For which VTEX wants to be left alone, when throttled."""
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The OMS of one account; nothing is sent before *paused_until*.

    Once a breaker that is not closed is no longer paused, one call goes out as a
    probe: the breaker is half-open, and paused for others until the probe is back.
    """

    breaker: BreakerState = "closed"
    paused_until: datetime | None = None
    why: str | None = None
    window_started_at: datetime | None = None
    requests: int = 0
    failures: int = 0
    earlier_requests: int = 0
    earlier_failures: int = 0

    def after(self, signal: Signal, now: datetime) -> "Destination":
        """Return the destination as *signal* leaves it."""
        match signal.health:
            case "answered":
                return Destination() if self._is_probed else self._counted(now)
            case "failed":
                return self._after_failure(signal, now)
            case "throttled":
                return self._throttled(signal, now)
            case "barred":
                return self._opened(signal, now + BARRED_FOR)
            case "unasked":
                return replace(self, paused_until=now) if self._is_probed else self

    @property
    def _is_probed(self) -> bool:
        return self.breaker == "half-open"

    def _after_failure(self, signal: Signal, now: datetime) -> "Destination":
        if self.breaker == "open":
            # Sent before it opened: it neither shortens nor lengthens the pause.
            return self
        counted = self._counted(now, failures=1)
        requests = counted.requests + counted.earlier_requests
        failures = counted.failures + counted.earlier_failures
        trips = requests >= LEAST_REQUESTS and failures >= requests * FAILURE_SHARE
        if trips or self._is_probed:
            return self._opened(signal, now + OPEN_FOR)
        return counted

    def _opened(self, signal: Signal, until: datetime) -> "Destination":
        return Destination(breaker="open", paused_until=until, why=signal.why)

    def _throttled(self, signal: Signal, now: datetime) -> "Destination":
        until = now + signal.hold
        if self.paused_until is not None and not self._is_probed:
            until = max(until, self.paused_until)
        breaker: BreakerState = "closed" if self.breaker == "closed" else "open"
        return replace(self, breaker=breaker, paused_until=until, why=signal.why)

    def _counted(self, now: datetime, *, failures: int = 0) -> "Destination":
        rolled = self._rolled(now)
        return replace(
            rolled, requests=rolled.requests + 1, failures=rolled.failures + failures
        )

    def _rolled(self, now: datetime) -> "Destination":
        started = self.window_started_at
        if started is not None and now - started < HALF_WINDOW:
            return self
        just_over = started is not None and now - started < 2 * HALF_WINDOW
        return replace(
            self,
            window_started_at=now,
            requests=0,
            failures=0,
            earlier_requests=self.requests if just_over else 0,
            earlier_failures=self.failures if just_over else 0,
        )
