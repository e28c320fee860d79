"""Facts out of events, those that repeat most of the one before read by what is new."""

from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from service.domain.document import OrderDocument
from service.domain.facts import OrderDetailsFetched, OrderFact
from service.domain.tracked_parcels import Shipping
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent

# Quotation marks in texts are escaped, so these stand only where the fields begin.
_PARTS_BEGIN: Final = ',"totals":'
_PARTS_END: Final = '},"hash":'
_FIELDS: Final = tuple(OrderDocument.model_fields)
_PARTS: Final = _FIELDS[_FIELDS.index("totals") :]

MOST_REMEMBERED: Final = 4_000
"""Orders whose last document is kept in memory."""


class Read(NamedTuple):
    """A fact; *shipping* is that of its document, if it has one."""

    fact: OrderFact
    shipping: Shipping | None = None


@dataclass(frozen=True, slots=True)
class _Document:
    written: str
    """The document's parts, as they are stored."""
    parts: dict[str, object]
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
        if event.type != OrderDetailsFetched.__name__:
            return Read(decode(event))
        head, _, rest = event.data.partition(_PARTS_BEGIN)
        parts, found, tail = rest.rpartition(_PARTS_END)
        known = self._documents.get(event.stream_id)
        if known is not None and found and known.written == parts:
            fact = _joined(event, f"{head}{_PARTS_END}{tail}", known)
            if fact is not None:
                return Read(fact, known.shipping)
        return self._read_whole(event, parts)

    def _read_whole(self, event: RecordedEvent, written: str) -> Read:
        fact = decode(event)
        if not isinstance(fact, OrderDetailsFetched):
            return Read(fact)
        shipping = Shipping.of(fact.document)
        parts = {name: getattr(fact.document, name) for name in _PARTS}
        self._documents[event.stream_id] = _Document(written, parts, shipping)
        if len(self._documents) > MOST_REMEMBERED:
            del self._documents[next(iter(self._documents))]
        return Read(fact, shipping)


def _joined(
    event: RecordedEvent, rest: str, known: _Document
) -> OrderDetailsFetched | None:
    """Read the *rest* of a document whose parts are *known*; None if it is odd."""
    if event.schema_version != OrderDetailsFetched.schema_version:
        return None
    try:
        fact = OrderDetailsFetched.model_validate_json(rest)
    except ValidationError:
        return None
    document = fact.document.model_copy(update=known.parts)
    return fact.model_copy(update={"document": document})
