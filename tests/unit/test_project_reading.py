"""Reading documents by what is new in them, without a database."""

import pytest

from builders import details_fetched, document, package
from events import new_event, stream
from memory_log import MemoryEventLog
from service.domain.document import OrderDocument
from service.domain.tracked_parcels import Shipping
from service.errors import UnreadableEventError
from service.eventlog.codec import decode
from service.eventlog.records import Append, RecordedEvent
from service.project.reading import Reader


async def recorded(*documents: OrderDocument) -> list[RecordedEvent]:
    log = MemoryEventLog()
    events = [
        new_event(f"key-{n}", details_fetched(told)) for n, told in enumerate(documents)
    ]
    await log.append(Append(stream=stream(), events=events))
    return log.events


class TestRead:
    async def test_same_parts_make_the_same_shipping(self) -> None:
        """Parcels are not told apart anew while items and packages are as before."""
        first, second = await recorded(document(status="invoiced"), document())
        reader = Reader()

        _, before = reader.read(first)
        fact, shipping = reader.read(second)

        assert fact == decode(second)
        assert shipping is before

    async def test_new_packages_make_another_shipping(self) -> None:
        """Parcels are told apart anew when packages come, though the items stay."""
        first, second = await recorded(document(), document(packages=(package(),)))
        reader = Reader()
        reader.read(first)

        fact, shipping = reader.read(second)

        assert fact == decode(second)
        assert shipping == Shipping.of(document(packages=(package(),)))

    @pytest.mark.parametrize(
        ("stored", "damaged", "field"),
        [
            ('"status":"handling"', '"status":7', "document.status"),
            ('"totals":', '"sums":', "document.sums"),
            ('"cancellation":null', '"cancellation":1', "document.cancellation"),
            ('},"hash":', ',"hash":', "does not validate"),
        ],
    )
    async def test_refuses_what_was_changed(
        self, stored: str, damaged: str, field: str
    ) -> None:
        """A damaged document is refused by field, though the one before is known."""
        first, second = await recorded(document(), document())
        assert stored in second.data
        reader = Reader()
        reader.read(first)

        with pytest.raises(UnreadableEventError, match=field):
            reader.read(second._replace(data=second.data.replace(stored, damaged)))
