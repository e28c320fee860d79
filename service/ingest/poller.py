"""Polls an account's feed at the pace that VTEX and the feed itself ask for."""

import asyncio
from collections.abc import Awaitable, Callable
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

ABREAST: Final = 32
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
        pause = self._pace.least
        while True:
            try:
                taken = await self._take()
            except ServiceError as error:
                _paused.set(1, self._labels)
                pause = self._pause_after(error, pause)
            except Exception:  # noqa: BLE001 - one account must not stop the others
                _paused.set(1, self._labels)
                _log.exception("feed poll failed", **self._labels)
                pause = self._pace.most
            else:
                pause = self._pace.least if taken else self._longer(pause)
            await asyncio.sleep(pause)

    async def _take(self) -> int:
        """Take lots until one is not full; return how many items they had."""
        # What was not committed comes again.
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                flow = _Flow(self._take_lot, tasks)
                flow.widen()
        if flow.failures:
            raise most_telling(flow.failures)
        return flow.taken

    async def _take_lot(self) -> int:
        try:
            taken = await self._feed.take_lot()
        except ResourceNotFoundError:
            # VTEX drops a feed without news for some days.
            if self._restore is None:
                raise
            await self._restore()
            taken = 0
        _paused.set(0, self._labels)
        self._lockouts.accepted(self._feed.account, self._kind)
        return taken

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


class _Flow:
    """Lots one after the other while they are full, and of each one more beside it.

    The next lot need not wait until the one before is stored and committed.
    """

    def __init__(
        self, take_lot: Callable[[], Awaitable[int]], tasks: asyncio.TaskGroup
    ) -> None:
        self.taken = 0
        self.failures: list[ServiceError] = []
        self._take_lot = take_lot
        self._tasks = tasks
        self._width = 0
        self._is_full = True

    def widen(self) -> None:
        """Take lots beside the others, where there may be more."""
        if self._is_full and self._width < ABREAST:
            self._width += 1
            self._tasks.create_task(self._take())

    async def _take(self) -> None:
        # A group that ends with errors forgets that its task was cancelled meanwhile.
        try:
            while self._is_full:
                taken = await self._take_lot()
                self.taken += taken
                if taken < LOT:
                    self._is_full = False
                self.widen()
        except ServiceError as error:
            self.failures.append(error)
            self._is_full = False
