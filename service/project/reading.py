"""Facts out of events, documents read by what is new in them since the one before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from service.domain.document import OrderDocument
from service.domain.facts import OrderDetailsFetched, OrderFact
from service.domain.tracked_parcels import Shipping
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent

MOST_REMEMBERED: Final = 4_000
"""Orders whose last document is kept in memory."""

# Quotation marks in texts are escaped, so these stand only where the fields begin.
_GOODS: Final = ',"totals":'
_PACKAGES: Final = ',"packages":'
_HASH: Final = '},"hash":'

_FIELDS: Final = tuple(OrderDocument.model_fields)
_PART_FIELDS: Final = _FIELDS[_FIELDS.index("totals") :]
_GOODS_FIELDS: Final = _PART_FIELDS[: _PART_FIELDS.index("packages")]
_NEWEST: Final = ("OrderDetailsFetched", OrderDetailsFetched.schema_version)

Read = tuple[OrderFact, Shipping | None]
"""A fact, with the shipping of its document, if it has one."""


@dataclass(frozen=True, slots=True)
class _Document:
    """The parts of a document that seldom change, as they are stored and as they read."""

    goods: str
    packages: str
    document: OrderDocument
    shipping: Shipping


class Reader:
    """Reads events, and remembers the last document of each order.

    From one document of an order to the next, often only the status and some dates
    change: items, logistics and packages that are written as before are not read again.
    The order that was remembered first is forgotten first.
    """

    def __init__(self) -> None:
        self._documents: dict[UUID, _Document] = {}

    def read(self, event: RecordedEvent) -> Read:
        """Return what *event* holds.

        Raises:
            UnreadableEventError: This version does not know the type or its schema.
        """
        if (event.type, event.schema_version) != _NEWEST:
            return decode(event), None
        try:
            return self._read_document(event)
        except ValidationError:
            return decode(event), None

    def _read_document(self, event: RecordedEvent) -> Read:
        head, _, rest = event.data.partition(_GOODS)
        goods, _, rest = rest.partition(_PACKAGES)
        packages, _, tail = rest.rpartition(_HASH)
        known = self._documents.get(event.stream_id)
        if known is None or known.goods != goods:
            fact = OrderDetailsFetched.model_validate_json(event.data)
        elif known.packages != packages:
            text = f"{head}{_PACKAGES}{packages}{_HASH}{tail}"
            fact = _completed(text, known, fields=_GOODS_FIELDS)
        else:
            fact = _completed(f"{head}{_HASH}{tail}", known, fields=_PART_FIELDS)
            return fact, known.shipping
        shipping = Shipping.of(fact.document)
        known = _Document(goods, packages, fact.document, shipping)
        self._remember(event.stream_id, known)
        return fact, shipping

    def _remember(self, stream_id: UUID, known: _Document) -> None:
        self._documents[stream_id] = known
        if len(self._documents) > MOST_REMEMBERED:
            del self._documents[next(iter(self._documents))]


def _completed(
    rest: str, known: _Document, *, fields: Sequence[str]
) -> OrderDetailsFetched:
    """Read the *rest* of a document whose *fields* are known."""
    fact = OrderDetailsFetched.model_validate_json(rest)
    # Nobody else has it yet, and a copy of a model takes ten times as long.
    values, known_values = vars(fact.document), vars(known.document)
    for name in fields:
        values[name] = known_values[name]
    return fact
