"""Polls an account's feed at the pace that VTEX and the feed itself ask for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from service.domain.statuses import KNOWN_STATUSES
from service.errors import (
    CredentialsRefusedError,
    ResourceNotFoundError,
    ServiceError,
    ThrottledError,
    UnavailableError,
)
from service.ingest.feed import LOT, Feed
from service.ingest.intake import Intake
from service.orders_api.client import OrdersApi
from service.telemetry import meter

FEED_CONFIG: Final[Mapping[str, object]] = {
    # By workflow: a feed filtered by properties of the order skips versions.
    "filter": {"type": "FromWorkflow", "status": sorted(KNOWN_STATUSES)},
    "queue": {
        "visibilityTimeoutInSeconds": 60,
        "MessageRetentionPeriodInSeconds": 14 * 24 * 3600,
    },
}
"""What a feed is created with; it keeps what we miss for as long as VTEX allows."""

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
    locked_out: float = 60.0
    """While VTEX refuses the account's key."""


class FeedPoller:
    """Polls the feed of one account for as long as it runs."""

    def __init__(
        self, api: OrdersApi, intake: Intake, *, pace: Pace | None = None
    ) -> None:
        self._api = api
        self._feed = Feed(api, intake)
        self._pace = pace or Pace()
        self._configured = False
        self._labels = {"account": api.account}

    async def run(self) -> None:
        """Poll until cancelled; no failure ends it."""
        pause = self._pace.least
        while True:
            try:
                await self._ensure_configured()
                taken = await self._feed.take_lot()
            except ServiceError as error:
                _paused.set(1, self._labels)
                pause = self._pause_after(error, pause)
            except Exception:  # noqa: BLE001 - one account must not stop the others
                _paused.set(1, self._labels)
                _log.exception("feed poll failed", **self._labels)
                pause = self._pace.most
            else:
                _paused.set(0, self._labels)
                pause = self._pause_between(taken, pause)
            await asyncio.sleep(pause)

    def _pause_between(self, taken: int, pause: float) -> float:
        if taken == LOT:
            return 0.0
        return self._pace.least if taken else self._longer(pause)

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
                _log.error("account locked out", **labels)
                return self._pace.locked_out
            case ResourceNotFoundError():
                # VTEX drops a feed without news for some days: make it anew.
                self._configured = False
            case _:
                pass
        _log.error("feed poll refused", **labels)
        return self._pace.most

    async def _ensure_configured(self) -> None:
        if self._configured:
            return
        try:
            await self._api.get_feed_config()
        except ResourceNotFoundError:
            await self._api.post_feed_config(FEED_CONFIG)
            _log.info("feed configured", **self._labels)
        self._configured = True
