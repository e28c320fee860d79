"""When an order is closed: nothing more is to be expected of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from service.domain.stage import Stage
from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent, StreamKey

QUIET: Final = timedelta(days=30)
"""How long nothing must have been recorded of a finished order."""

SILENT: Final = timedelta(days=365)
"""After how long without news an order is closed however it stands."""

_NAMED = 5


def is_finished(tracking: Tracking) -> bool:
    """Say whether the order came to an end: everything delivered, or called off."""
    if tracking.overlay in {"canceled", "replaced"}:
        return True
    return _is_last(tracking.stage) and tracking.courier_state == "delivered"


def is_closed(tracking: Tracking, *, last_at: datetime, now: datetime) -> bool:
    """Say whether nothing more is expected of an order last heard of at *last_at*.

    Many merchants never tell of a delivery, and no news comes of an order that was left
    in the middle: a year of silence closes them, too.
    """
    silence = now - last_at
    return silence >= SILENT or (silence >= QUIET and is_finished(tracking))


class OpenOrders:
    """Finds the orders that are open among events that come order by order."""

    def __init__(self, *, now: datetime) -> None:
        self.count = 0
        self.names: list[StreamKey] = []
        self._now = now
        self._stream_id: UUID | None = None
        self._tracking: Tracking | None = None
        self._last: RecordedEvent | None = None

    def add(self, events: Sequence[RecordedEvent]) -> None:
        for event in events:
            if event.stream_id != self._stream_id:
                self.finish()
                self._stream_id, self._tracking = event.stream_id, None
            self._tracking = evolve_tracking(
                self._tracking,
                decode(event),
                version=event.version,
                at=event.recorded_at,
            )
            self._last = event

    def finish(self) -> None:
        """Judge the last order; no more comes."""
        if self._tracking is None or self._last is None:
            return
        last_at = self._last.recorded_at
        if not is_closed(self._tracking, last_at=last_at, now=self._now):
            self.count += 1
            if len(self.names) < _NAMED:
                self.names.append(self._last.stream)
        self._tracking = None


def _is_last(stage: Stage | None) -> bool:
    return stage is not None and stage.number == 5 and stage.phase == "done"  # noqa: PLR2004 - of five
