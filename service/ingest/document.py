"""Reads one order at VTEX and records its document, if it is not what we had."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from service.domain.document import OrderDocument, document_hash, normalise
from service.domain.facts import OrderDetailsFetched
from service.errors import ConcurrencyError
from service.eventlog.codec import decode
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import (
    Append,
    Metadata,
    NewEvent,
    RecordedEvent,
    StreamKey,
)
from service.failpoints import reached
from service.ingest.notifications import Notification, append_of
from service.orders_api.client import OrdersApi
from service.private.store import CustomerStore

SOURCE: Final = "details"

_DOCUMENT: Final = OrderDetailsFetched.__name__

ATTEMPTS: Final = 5
"""Readings of an order that others read and record at the same time."""


class Reading(NamedTuple):
    """What VTEX says of an order, and whether the log did not say so before."""

    document: OrderDocument
    new: bool


class _Known(NamedTuple):
    version: int
    hash: str | None


class DocumentRecorder:
    """Keeps the documents in the log as new as those at VTEX.

    The stream is read before the order, and appended to only if nobody recorded another
    document meanwhile: so one that was held up on its way never lies over a newer one.
    """

    def __init__(
        self,
        apis: Mapping[str, OrdersApi],
        *,
        log: EventLog,
        customers: CustomerStore,
        clock: Clock,
    ) -> None:
        self._apis = apis
        self._log = log
        self._customers = customers
        self._clock = clock

    async def record(
        self,
        stream: StreamKey,
        *,
        cause: RecordedEvent | None = None,
        recorded: Sequence[RecordedEvent] | None = None,
    ) -> Reading:
        """Record the document of an order, because of *cause* or of the last event.

        *recorded* is what the log held of the order, where that was read already.

        Its persons are kept apart from it, and after it: when that fails, the document
        is recorded all the same, and a repetition brings the rest. An order that the
        log has never heard of begins with the status that VTEX says it has.

        Raises:
            OrdersApiError: See its subclass.
            UnreadableOrderError: VTEX gave something that is no order.
            UnreadableNotificationError: What VTEX says of an unheard-of order is no status.
            UnreadableCustomerDataError: The known customer data does not decrypt.
            ConcurrencyError: Others kept writing to the order.
        """
        for _ in range(ATTEMPTS):
            if recorded is None:
                recorded = (await self.recorded([stream]))[stream]
            order = await self._apis[stream.account].get_order(stream.order_id)
            reached("details.fetched")
            document = normalise(order)
            if not recorded:
                await self._discover(stream, document)
                recorded = (await self.recorded([stream]))[stream]
                if recorded[-1].version > 1:
                    continue
            new = await self._append(document, recorded, cause=cause)
            reached("details.appended")
            if new is not None:
                await self._customers.keep(stream, order)
                return Reading(document, new)
            recorded = None
        raise ConcurrencyError(f"Others kept recording {stream}; read it again later.")

    async def recorded(
        self, streams: Sequence[StreamKey]
    ) -> Mapping[StreamKey, Sequence[RecordedEvent]]:
        """Return what the log holds of each of *streams*, from its last document on."""
        return await self._log.read_streams(streams, since=_DOCUMENT)

    async def _discover(self, stream: StreamKey, document: OrderDocument) -> None:
        found = Notification.read(
            {
                "orderId": stream.order_id,
                "state": document.status,
                "domain": document.origin,
                "lastChange": document.last_change and document.last_change.isoformat(),
            }
        )
        await self._log.append(
            append_of(
                stream.account,
                [found],
                source="reconciler",
                received_at=self._clock.now(),
            )
        )

    async def _append(
        self,
        document: OrderDocument,
        recorded: Sequence[RecordedEvent],
        *,
        cause: RecordedEvent | None,
    ) -> bool | None:
        """Say whether the document is news; None if another one came before it."""
        known, found = _known(recorded), document_hash(document)
        if found == known.hash:
            return False
        event = self._event(document, found, cause=cause or recorded[-1], known=known)
        while True:
            last = recorded[-1]
            append = Append(stream=last.stream, events=[event], expected=last.version)
            try:
                appended = await self._log.append(append)
            except ConcurrencyError:
                # Behind any other event it may stand: what that one changed at VTEX, if
                # anything, is read because of it.
                recorded = await self._log.read_stream(last.stream, after=last.version)
                if _DOCUMENT in {each.type for each in recorded}:
                    return None
            else:
                # Recorded before, and perhaps another one since.
                return True if appended.new else None

    def _event(
        self,
        document: OrderDocument,
        found: str,
        *,
        cause: RecordedEvent,
        known: _Known,
    ) -> NewEvent:
        return NewEvent(
            fact=OrderDetailsFetched(document=document, hash=found),
            # With the version before it, so that a document may come back: A, B, A.
            key=f"details:{found}:{known.version}",
            occurred_at=self._clock.now(),
            metadata=Metadata(
                correlation_id=orjson.loads(cause.metadata)["correlation_id"],
                causation_id=cause.id,
                source=SOURCE,
            ),
        )


def _known(recorded: Sequence[RecordedEvent]) -> _Known:
    for event in reversed(recorded):
        fact = decode(event) if event.type == _DOCUMENT else None
        if isinstance(fact, OrderDetailsFetched):
            return _Known(event.version, fact.hash)
    return _Known(0, None)
