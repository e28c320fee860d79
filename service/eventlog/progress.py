"""How far a consumer is and what it waits for, as checks and metrics tell it."""

from datetime import datetime
from typing import Literal

import structlog

from service.telemetry import meter

LONGEST_PAUSE = 10.0
"""Seconds between two tries while something needed is away, at most."""

_log = structlog.get_logger()
_lag_events = meter.create_gauge(
    "subscription.lag.events", unit="{event}", description="Events not yet handled."
)
_lag_seconds = meter.create_gauge(
    "subscription.lag.seconds",
    unit="s",
    description="Age of the oldest event of the batch handled last.",
)
_stopped = meter.create_gauge(
    "subscription.stopped",
    unit="1",
    description="1 when the consumer met what it cannot read: page somebody.",
)


class Progress:
    """What is known of one consumer in this process."""

    def __init__(self, consumer: str) -> None:
        self.state: Literal["starting", "running", "waiting", "stopped"] = "starting"
        self.missing: str | None = None
        """What it waits for, or why it stopped."""
        self._labels = {"consumer": consumer}

    def starts(self) -> None:
        """Take the alarm of an earlier run back."""
        _stopped.set(0, self._labels)

    def runs(self) -> None:
        self.state, self.missing = "running", None

    def waits_for(self, error: Exception) -> None:
        """Say what is away, once for each time it goes."""
        if self.state != "waiting":
            _log.warning("waiting", error=str(error), **self._labels)
        self.state, self.missing = "waiting", str(error)

    def stops_at(self, error: Exception) -> None:
        """Page somebody: it met what it cannot read."""
        self.state, self.missing = "stopped", str(error)
        _stopped.set(1, self._labels)
        _log.critical("stopped", error=str(error), **self._labels)

    def is_behind(self, events: int) -> None:
        _lag_events.set(events, self._labels)

    def handles(self, *, oldest: datetime | None, now: datetime) -> None:
        """Tell the age of the *oldest* event in hand, or that there is none."""
        age = 0.0 if oldest is None else (now - oldest).total_seconds()
        _lag_seconds.set(max(0.0, age), self._labels)
