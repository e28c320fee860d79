"""Whom VTEX refuses: told once, tried again every minute, and over by itself."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import structlog

from service.errors import CredentialsRefusedError
from service.eventlog.ports import Clock
from service.telemetry import meter

PAUSE: Final = timedelta(minutes=1)
"""How long nothing is asked with a key that was refused."""

_log = structlog.get_logger()
_locked_out = meter.create_gauge(
    "ingest.account.locked_out",
    unit="1",
    description="1 while VTEX refuses an account's key what it is used for.",
)


class _Refusal(NamedTuple):
    until: datetime
    reason: str


class Lockouts:
    """What the accounts' keys are refused, each use of a key by itself.

    A key may read the feed and yet no orders, so one use says nothing of another.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refusals: dict[tuple[str, str], _Refusal] = {}

    def holds(self, account: str, use: str) -> bool:
        """Say whether it is too early to ask again."""
        refusal = self._refusals.get((account, use))
        return refusal is not None and self._clock.now() < refusal.until

    def refused(
        self, account: str, use: str, error: CredentialsRefusedError
    ) -> datetime:
        """Note a refusal, and return when to ask again."""
        if (account, use) not in self._refusals:
            _log.error("account locked out", account=account, use=use, error=str(error))
        until = self._clock.now() + PAUSE
        self._refusals[account, use] = _Refusal(until, str(error))
        _locked_out.set(1, {"account": account, "use": use})
        return until

    def accepted(self, account: str, use: str) -> None:
        """Note that VTEX let the key in."""
        if self._refusals.pop((account, use), None) is not None:
            _log.info("account let in again", account=account, use=use)
            _locked_out.set(0, {"account": account, "use": use})

    async def look(self) -> str | None:
        """Say who is locked out, and what to do; None when nobody is."""
        told = [
            f"{account} ({use}): {refusal.reason}"
            for (account, use), refusal in sorted(self._refusals.items())
        ]
        return "; ".join(told) or None
