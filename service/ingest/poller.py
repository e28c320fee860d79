"""Polls an account's feed at the pace that VTEX and the feed itself ask for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from service.errors import (
    CredentialsRefusedError,
    ResourceNotFoundError,
    ServiceError,
    ThrottledError,
    UnavailableError,
    most_telling,
    ungrouped,
)
from service.ingest.feed import LOT, Feed
from service.ingest.lockout import PAUSE, Lockouts
from service.telemetry import meter

ABREAST: Final = 8
"""Lots that are taken side by side while the feed is full of items."""

Restore = Callable[[], Awaitable[None]]

_log = structlog.get_logger()
_paused = meter.create_gauge(
    "ingest.feed.paused",
    unit="1",
    description="1 while an account's feed cannot be read.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds between two polls; none after a full lot."""

    least: float = 0.2
    """After a lot that was not full."""
    most: float = 5.0
    """While there is nothing, or something needed is away; VTEX asks for five."""
    locked_out: float = PAUSE.total_seconds()
    """While VTEX refuses the account's key."""


class FeedPoller:
    """Polls one feed for as long as it runs; *restore* makes it where VTEX has none."""

    def __init__(
        self,
        feed: Feed,
        *,
        kind: str = "feed",
        restore: Restore | None = None,
        lockouts: Lockouts,
        pace: Pace | None = None,
    ) -> None:
        self._feed = feed
        self._kind = kind
        self._restore = restore
        self._lockouts = lockouts
        self._pace = pace or Pace()
        self._labels = {"account": feed.account, "kind": kind}

    async def run(self) -> None:
        """Poll until cancelled; no failure ends it."""
        pause, lots = self._pace.least, 1
        while True:
            abreast, lots = lots, 1
            try:
                taken = await self._take(abreast)
            except ServiceError as error:
                _paused.set(1, self._labels)
                pause = self._pause_after(error, pause)
            except Exception:  # noqa: BLE001 - one account must not stop the others
                _paused.set(1, self._labels)
                _log.exception("feed poll failed", **self._labels)
                pause = self._pace.most
            else:
                _paused.set(0, self._labels)
                self._lockouts.accepted(self._feed.account, self._kind)
                pause = self._pause_between(taken, pause)
                # The next lot need not wait until this one is stored and committed.
                lots = min(2 * abreast, ABREAST) if min(taken) == LOT else 1
            await asyncio.sleep(pause)

    async def _take(self, lots: int) -> Sequence[int]:
        """Take *lots* side by side; return how many items each had."""
        # What was not committed comes again.
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                taking = [tasks.create_task(self._try_lot()) for _ in range(lots)]
        taken = [task.result() for task in taking]
        failures = [each for each in taken if isinstance(each, ServiceError)]
        if failures:
            raise most_telling(failures)
        return [each for each in taken if isinstance(each, int)]

    async def _try_lot(self) -> int | ServiceError:
        # A group that ends with errors forgets that its task was cancelled meanwhile.
        try:
            return await self._take_lot()
        except ServiceError as error:
            return error

    async def _take_lot(self) -> int:
        try:
            return await self._feed.take_lot()
        except ResourceNotFoundError:
            # VTEX drops a feed without news for some days.
            if self._restore is None:
                raise
            await self._restore()
            return 0

    def _pause_between(self, taken: Sequence[int], pause: float) -> float:
        if min(taken) == LOT:
            return 0.0
        return self._pace.least if any(taken) else self._longer(pause)

    def _longer(self, pause: float) -> float:
        return min(max(2 * pause, self._pace.least), self._pace.most)

    def _pause_after(self, error: ServiceError, pause: float) -> float:
        labels = self._labels | {"reason": error.code, "error": str(error)}
        match error:
            case ThrottledError():  # told by the account's gate, which does the waiting
                return self._pace.least
            case UnavailableError():
                _log.warning("feed waits", **labels)
                return self._longer(pause)
            case CredentialsRefusedError():
                self._lockouts.refused(self._feed.account, self._kind, error)
                return self._pace.locked_out
            case _:
                _log.error("feed poll refused", **labels)
                return self._pace.most
