"""Reads an order whatever VTEX answers, and says what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from service.domain.document import OrderDocument
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    InvalidEventError,
    ResourceNotFoundError,
    ServiceError,
    UnreadableAnswerError,
    UnreadableCustomerDataError,
    UnreadableNotificationError,
    UnreadableOrderError,
)
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import RecordedEvent, StreamKey
from service.ingest.document import SOURCE, DocumentRecorder
from service.ingest.lockout import Lockouts
from service.ingest.quarantine import Quarantine, Unreadable
from service.orders_api.client import OrdersApi
from service.private.store import CustomerStore

Result = Literal[
    "new", "unchanged", "missing", "set-aside", "locked-out", "unavailable"
]

USE: Final = "orders"
"""What the key is used for here."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of reading an order: its document, or why there is none."""

    result: Result
    document: OrderDocument | None = None
    error: ServiceError | None = None


class OrderReader:
    """Reads orders, and puts in quarantine what VTEX gives instead of one."""

    def __init__(
        self,
        apis: Mapping[str, OrdersApi],
        *,
        log: EventLog,
        quarantine: Quarantine,
        customers: CustomerStore,
        clock: Clock,
        lockouts: Lockouts | None = None,
    ) -> None:
        self.accounts = apis.keys()
        self._lockouts = lockouts or Lockouts(clock)
        self._recorder = DocumentRecorder(
            apis, log=log, customers=customers, clock=clock
        )
        self._quarantine = quarantine

    def locked_out(self, account: str) -> bool:
        """Say whether VTEX refuses the account's key, and it is too early to ask."""
        return self._lockouts.holds(account, USE)

    async def recorded(
        self, streams: Sequence[StreamKey]
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        """See `DocumentRecorder.recorded`."""
        return await self._recorder.recorded(streams)

    async def read(
        self,
        stream: StreamKey,
        *,
        cause: RecordedEvent | None = None,
        recorded: Sequence[RecordedEvent] | None = None,
    ) -> Outcome:
        """Read an order, and record what is new; see `DocumentRecorder.record`.

        Nothing is asked of VTEX while it refuses the account's key.

        Raises:
            UnavailableError: Something needed is away; read it again.
            ConcurrencyError: Others kept writing to the order; read it again.
        """
        if self.locked_out(stream.account):
            return Outcome(result="locked-out")
        outcome = await self._read(stream, cause=cause, recorded=recorded)
        if outcome.result != "locked-out":
            self._lockouts.accepted(stream.account, USE)
        return outcome

    async def _read(
        self,
        stream: StreamKey,
        *,
        cause: RecordedEvent | None,
        recorded: Sequence[RecordedEvent] | None,
    ) -> Outcome:
        try:
            document, new = await self._recorder.record(
                stream, cause=cause, recorded=recorded
            )
        except CredentialsRefusedError as error:
            self._lockouts.refused(stream.account, USE, error)
            return Outcome(result="locked-out", error=error)
        except ResourceNotFoundError as error:
            _log.warning("order unknown to VTEX", stream=str(stream))
            return Outcome(result="missing", error=error)
        except (
            CallRefusedError,
            InvalidEventError,
            UnreadableAnswerError,
            UnreadableCustomerDataError,
            UnreadableNotificationError,
            UnreadableOrderError,
        ) as error:
            await self._set_aside(stream, error)
            return Outcome(result="set-aside", error=error)
        return Outcome(result="new" if new else "unchanged", document=document)

    async def _set_aside(self, stream: StreamKey, error: ServiceError) -> None:
        # Never the document itself: it holds personal data.
        size = error.size if isinstance(error, UnreadableAnswerError) else 0
        await self._quarantine.keep(
            Unreadable(
                account=stream.account,
                source=SOURCE,
                order_id=stream.order_id,
                reason=str(error),
                size=size,
            )
        )
