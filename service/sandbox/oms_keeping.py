"""What is kept of the OMS: its orders, the end of its ledger, its shoppers' turn."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from typing_extensions import override

from service.sandbox.arrivals import Arrivals
from service.sandbox.keeping import Document, Kept
from service.sandbox.orders import Order
from service.sandbox.state import LedgerEntry, State

_LEDGER_LENGTH: Final = 10_000
"""Entries that are kept; a running sandbox remembers them all."""

_ORDER: Final = TypeAdapter(Order)
_ENTRY: Final = TypeAdapter(LedgerEntry)
_ARRIVALS: Final = "arrivals"


class OmsKeeping(Kept):
    """The OMS's state as documents; a number in the keys holds their order."""

    part = "oms"

    def __init__(self, state: State, arrivals: Arrivals) -> None:
        self._state = state
        self._arrivals = arrivals
        self._recorded = 0
        self._told: Document = {}

    @override
    def changes(self) -> Mapping[str, Document | None]:
        found: dict[str, Document | None] = {}
        for order in self._state.take_marked():
            found[_order_key(order)] = _dump(_ORDER, order)
        for entry in self._state.ledger(after=self._recorded, limit=None):
            found[_entry_key(entry.number)] = _dump(_ENTRY, entry)
            if entry.number > _LEDGER_LENGTH:
                found[_entry_key(entry.number - _LEDGER_LENGTH)] = None
        self._recorded = self._state.recorded
        if self._told != (shoppers := self._arrivals.document()):
            self._told = found[_ARRIVALS] = shoppers
        return found

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        orders, entries = [], []
        for key in sorted(documents):
            document = documents[key]
            if key.startswith("order/"):
                orders.append(_ORDER.validate_python(document))
            elif key.startswith("ledger/"):
                entries.append(_ENTRY.validate_python(document))
            elif key == _ARRIVALS:
                self._arrivals.restore(document)
        for order in sorted(orders, key=lambda order: order.created_at):
            self._state.add(order)
        self._state.recall(entries)
        self._state.take_marked()
        self._recorded = self._state.recorded


def _dump(adapter: TypeAdapter[Any], found: object) -> Document:
    document: Document = adapter.dump_python(found, mode="json")
    return document


def _order_key(order: Order) -> str:
    return f"order/{int(order.sequence):012}/{order.account}"


def _entry_key(number: int) -> str:
    return f"ledger/{number:012}"
