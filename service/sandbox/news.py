"""From the OMS to the feeds and hooks: what changed, and the document where it matters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import orjson

from service.sandbox import flow
from service.sandbox.document import order_document
from service.sandbox.oms import StatusChange
from service.sandbox.orders import Order


class Reader(Protocol):
    """Feeds, or hooks."""

    def hear(self, change: StatusChange) -> None:
        """Take note of a change of status."""
        ...

    def reads_documents(self, account: str) -> bool:
        """Say whether anybody of *account* goes by expression."""
        ...

    def see(self, change: StatusChange, document: object) -> None:
        """Take note of any change, with the order's document after it."""
        ...


class News:
    """Tells *readers* of changes; a document is written only if somebody reads it."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers
        self._latest: dict[tuple[str, str], StatusChange] = {}

    def hear(self, change: StatusChange) -> None:
        """Tell of a change of status."""
        self._latest[change.account, change.order_id] = change
        for reader in self._readers:
            reader.hear(change)

    def see(self, order: Order, at: datetime) -> None:
        """Tell of any change of *order*."""
        readers = [r for r in self._readers if r.reads_documents(order.account)]
        # An incomplete order has no workflow to tell of.
        if not readers or order.is_incomplete:
            return
        document = orjson.loads(orjson.dumps(order_document(order)))
        change = self._change(order, at)
        for reader in readers:
            reader.see(change, document)

    def _change(self, order: Order, at: datetime) -> StatusChange:
        latest = self._latest.get((order.account, order.order_id))
        return StatusChange(
            account=order.account,
            order_id=order.order_id,
            domain=flow.domain_of(order),
            state=order.status,
            last_state=latest.last_state if latest else "",
            at=at,
        )
