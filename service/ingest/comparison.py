"""Compares what VTEX lists with what the log knows, and has read what differs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from service.domain import raw
from service.domain.document import OrderDocument
from service.domain.expected import OWN_SELLER
from service.domain.facts import OrderDetailsFetched
from service.domain.order import Order, fold
from service.errors import ResourceNotFoundError
from service.eventlog.codec import decode
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import RecordedEvent, StreamKey
from service.ingest.intervals import Due
from service.ingest.rereads import Rereads, Wish
from service.orders_api.client import OrdersApi
from service.telemetry import meter

TOGETHER: Final = 100
"""Orders that are looked up in the log by one statement."""

BEHIND_AFTER: Final = timedelta(minutes=15)
"""The log may say otherwise for so long: the list is behind, or a notification."""

_found = meter.create_counter(
    "ingest.reconciler.found",
    unit="{order}",
    description="Orders that the log missed or was behind with, by finding.",
)
_listed = meter.create_counter(
    "ingest.reconciler.listed",
    unit="{order}",
    description="Orders whose listed status was compared with the log.",
)


@dataclass(slots=True, kw_only=True)
class Tally:
    """What comparing came to."""

    listed: int = 0
    missing: int = 0
    """The log has never heard of them."""
    behind: int = 0
    """The log has not heard of their status."""
    twins: int = 0
    """Other orders of known purchases that the log has never heard of."""


class _Known(NamedTuple):
    """What the log knows of an order."""

    order: Order
    document: OrderDocument | None
    heard_at: datetime


class Comparison:
    """Compares the orders of one account; what differs is read again, never believed.

    The list is slow and sometimes wrong: an order is only taken from Get order.
    """

    def __init__(
        self, api: OrdersApi, *, log: EventLog, rereads: Rereads, clock: Clock
    ) -> None:
        self.api = api
        self._log = log
        self._rereads = rereads
        self._clock = clock
        self.tally = Tally()

    async def compare(
        self, rows: Sequence[Mapping[str, object]], *, twins_from: datetime
    ) -> None:
        """Compare listed orders, and the purchases of those created after *twins_from*.

        Raises:
            OrdersApiError: See its subclass.
            DatabaseUnavailableError: Compare again.
        """
        listed = {
            StreamKey(self.api.account, order_id): raw.text(row.get("status"))
            for row in rows
            if (order_id := raw.text(row.get("orderId"))) is not None
        }
        known = await self._known(listed)
        missing = [stream for stream in listed if stream not in known]
        behind = [
            stream
            for stream, found in known.items()
            if self._is_behind(found, listed[stream])
        ]
        twins = await self._unknown_twins(known, twins_from)
        for streams, finding in (
            (missing, "missing"),
            (behind, "behind"),
            (twins, "twin missing"),
        ):
            await self._want(streams, finding)
        _listed.add(len(listed), {"account": self.api.account})
        self.tally.listed += len(listed)
        self.tally.missing += len(missing)
        self.tally.behind += len(behind)
        self.tally.twins += len(twins)

    async def _want(self, streams: Sequence[StreamKey], finding: str) -> None:
        due = Due(self._clock.now(), finding)
        await self._rereads.want_each([Wish(stream, due) for stream in streams])
        labels = {"account": self.api.account, "finding": finding}
        _found.add(len(streams), labels)

    async def _known(self, streams: Iterable[StreamKey]) -> dict[StreamKey, _Known]:
        asked = list(streams)
        known: dict[StreamKey, _Known] = {}
        for start in range(0, len(asked), TOGETHER):
            recorded = await self._log.read_streams(asked[start : start + TOGETHER])
            known |= {
                stream: _told_by(events)
                for stream, events in recorded.items()
                if events
            }
        return known

    def _is_behind(self, known: _Known, status: str | None) -> bool:
        return (
            status not in {None, known.order.status}
            and not known.order.is_closed
            and known.heard_at <= self._clock.now() - BEHIND_AFTER
        )

    async def _unknown_twins(
        self, known: Mapping[StreamKey, _Known], since: datetime
    ) -> Sequence[StreamKey]:
        """Ask for the purchases of which the log has one side only."""
        documents = [
            found.document
            for found in known.values()
            if found.document and (found.document.creation_date or since) > since
        ]
        marketplaces = {
            StreamKey(self.api.account, order_id)
            for document in documents
            if (order_id := document.marketplace_order_id)
        }
        heard_of = {*known, *await self._known(marketplaces - known.keys())}
        members = [
            StreamKey(self.api.account, order_id)
            for group in sorted(set(_lonely(documents, heard_of, self.api.account)))
            for order_id in await self._members(group)
        ]
        also_known = await self._known(set(members) - heard_of)
        return [each for each in members if each not in {*heard_of, *also_known}]

    async def _members(self, group: str) -> Sequence[str]:
        try:
            orders = await self.api.orders_of_group(group)
        except ResourceNotFoundError:
            return []
        found = (raw.text(order.get("orderId")) for order in orders)
        return [order_id for order_id in found if order_id is not None]


def _told_by(events: Sequence[RecordedEvent]) -> _Known:
    facts = [decode(event) for event in events]
    documents = (
        fact.document
        for fact in reversed(facts)
        if isinstance(fact, OrderDetailsFetched)
    )
    return _Known(fold(facts), next(documents, None), events[-1].recorded_at)


def _lonely(
    documents: Sequence[OrderDocument], heard_of: set[StreamKey], account: str
) -> Iterator[str]:
    """Yield the groups of *documents* whose other order nobody has heard of."""
    fulfilled = {d.order_group for d in documents if d.origin == "Fulfillment"}
    for document in documents:
        group, above = document.order_group, document.marketplace_order_id
        if group is None:
            continue
        if document.origin == "Fulfillment":
            if above is not None and StreamKey(account, above) not in heard_of:
                yield group
        elif group not in fulfilled and _has_another_seller(document):
            yield group


def _has_another_seller(document: OrderDocument) -> bool:
    return any(item.seller != OWN_SELLER for item in document.items)
