"""Where unreadable input goes, so that it is neither lost nor in anybody's way."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import structlog

from service.db import Pool, connection, load_sql
from service.domain.facts import StatusSource
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.telemetry import meter

LARGEST_RAW: Final = 64 * 1024
"""Bytes that are kept of one input."""

_KEEP = load_sql("service.ingest", "quarantine")
_CLEAR = load_sql("service.ingest", "clear_quarantine")

_log = structlog.get_logger()
_quarantined = meter.create_counter(
    "ingest.quarantined", unit="{item}", description="Input that could not be read."
)


Source = StatusSource | Literal["details", "tracking-feed"]
"""Where something unreadable came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Something that came in and cannot be read.

    *raw* never holds a feed handle, and is None where it may hold personal data.
    """

    account: str
    source: Source
    reason: str
    size: int
    raw: bytes | None = None
    order_id: str | None = None

    @property
    def digest(self) -> bytes:
        identity = self.raw or f"{self.order_id}\n{self.reason}".encode()
        return hashlib.sha256(identity).digest()


class Quarantine(Protocol):
    """Keeps what cannot be read."""

    async def keep(self, unreadable: Unreadable) -> None:
        """Keep *unreadable* durably; the same one again is only counted.

        Raises:
            DatabaseUnavailableError: It may not be kept; do not acknowledge it.
        """
        ...


class PostgresQuarantine:
    """See `Quarantine`."""

    def __init__(self, pool: Pool, *, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def keep(self, unreadable: Unreadable) -> None:
        """See `Quarantine.keep`."""
        raw = unreadable.raw
        async with connection(self._pool) as lent:
            await lent.execute(
                _KEEP,
                unreadable.account,
                unreadable.source,
                unreadable.order_id,
                unreadable.reason,
                unreadable.size,
                None if raw is None else raw[:LARGEST_RAW],
                unreadable.digest,
                self._clock.now(),
            )
        labels = {"account": unreadable.account, "source": unreadable.source}
        _quarantined.add(1, labels)
        _log.warning(
            "input quarantined",
            order_id=unreadable.order_id,
            reason=unreadable.reason,
            **labels,
        )

    async def clear(self, stream: StreamKey) -> None:
        """Delete what is kept of an order, even where only its content names it.

        Raises:
            DatabaseUnavailableError: Try again later.
        """
        async with connection(self._pool) as lent:
            await lent.execute(_CLEAR, *stream)
