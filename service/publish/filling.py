"""Tells how far a relay is that has much to catch up with, as on a new broker."""

from datetime import timedelta
from typing import Final

import structlog

from service.eventlog.ports import Clock

WORTH_TELLING: Final = 10_000
"""Missing events below which nothing is told: they are there in a second."""

_TOLD_EVERY: Final = timedelta(seconds=10)

_log = structlog.get_logger()


class Filling:
    """How much of what a topic lacked when its relay resumed is there by now."""

    def __init__(self, topic: str, clock: Clock) -> None:
        self._topic = topic
        self._clock = clock
        self._missing = 0
        self._done = 0
        self._told_at = clock.now()

    def start(self, missing: int) -> None:
        """Begin with *missing* events."""
        self._missing, self._done = missing, 0
        if self._is_told:
            self._tell("filling topic")

    def add(self, events: int) -> None:
        """Count *events* that were published."""
        was_missing = self._done < self._missing
        self._done += events
        if not self._is_told or not was_missing:
            return
        if self._done >= self._missing:
            self._tell("topic filled")
        elif self._clock.now() - self._told_at >= _TOLD_EVERY:
            self._tell("filling topic")

    @property
    def _is_told(self) -> bool:
        return self._missing >= WORTH_TELLING

    def _tell(self, message: str) -> None:
        self._told_at = self._clock.now()
        _log.info(message, topic=self._topic, events=self._done, of=self._missing)
