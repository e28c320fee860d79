"""Erases an order's personal data: first the data, then the fact that says so."""

from typing import Final, NamedTuple

from service.domain.commands import ErasePersonalData
from service.errors import OrderNotFoundError
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import Metadata, StreamKey
from service.handler import CommandHandler
from service.ingest.quarantine import PostgresQuarantine
from service.private.store import CustomerStore

KEY: Final = "personal-data-erased"
"""Of the fact: an order has one."""


class Erased(NamedTuple):
    """What an erasure came to."""

    version: int
    """Of the order, with the fact; 0 where its facts are archived, and none is added."""
    new: bool
    """Whether the log did not say so before."""


class Eraser:
    """Deletes the customer data of an order, and what else may name its persons."""

    def __init__(
        self,
        log: EventLog,
        *,
        customers: CustomerStore,
        quarantine: PostgresQuarantine,
        clock: Clock,
    ) -> None:
        self._log = log
        self._customers = customers
        self._quarantine = quarantine
        self._clock = clock

    async def erase(
        self, stream: StreamKey, *, source: str, actor: str | None = None
    ) -> Erased:
        """Erase the order's personal data; harmless to repeat, from wherever it broke off.

        Raises:
            OrderNotFoundError: No such order is known.
            UnavailableError: Not all of it was done; repeat it.
        """
        recorded = await self._log.read_stream(stream)
        if not recorded and not await self._customers.knows(stream):
            raise OrderNotFoundError(
                f"No order {stream.order_id!r} of account {stream.account!r} is known; "
                "check both."
            )
        # The fact comes last: where the log says erased, nothing is left.
        await self._customers.erase(stream)
        await self._quarantine.clear(stream)
        if not recorded:
            return Erased(0, new=True)
        return await self._tell(
            stream,
            Metadata(correlation_id=f"{KEY}:{stream}", source=source, actor=actor),
        )

    async def _tell(self, stream: StreamKey, metadata: Metadata) -> Erased:
        appended = await CommandHandler(self._log).handle(
            stream,
            ErasePersonalData(),
            key=KEY,
            at=self._clock.now(),
            metadata=metadata,
        )
        if appended is not None and appended.new:
            return Erased(appended.version, new=True)
        return Erased(len(await self._log.read_stream(stream)), new=False)
