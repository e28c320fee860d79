"""Orders out of the log, remembered from one command to the next."""

from collections.abc import Sequence

from typing_extensions import override

from builders import invoice_issued, status_reported
from events import new_event, stream
from memory_log import MemoryEventLog
from service.domain.facts import OrderFact
from service.domain.order import Order, fold
from service.eventlog.records import Append, RecordedEvent, StreamKey
from service.loading import OrderLoader


class CountingLog(MemoryEventLog):
    """A log that counts the events it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    @override
    async def read_stream(
        self, stream: StreamKey, *, after: int = 0
    ) -> Sequence[RecordedEvent]:
        found = await super().read_stream(stream, after=after)
        self.read += len(found)
        return found


async def happen(log: MemoryEventLog, order_id: str, *facts: OrderFact) -> None:
    for fact in facts:
        event = new_event(f"{order_id}-{len(log.events)}", fact)
        await log.append(Append(stream=stream(order_id), events=[event]))


class TestLoad:
    async def test_of_an_unknown_order(self) -> None:
        """An order that the log has never heard of has version 0."""
        assert await OrderLoader(MemoryEventLog()).load(stream()) == Order()

    async def test_again_after_more_has_happened(self) -> None:
        """What happened since is in the order, and all before it, too."""
        facts = [status_reported("ready-for-handling"), status_reported("handling")]
        log = MemoryEventLog()
        loader = OrderLoader(log)
        await happen(log, "1-01", *facts)
        await loader.load(stream("1-01"))
        await happen(log, "1-01", invoice_issued())

        assert await loader.load(stream("1-01")) == fold([*facts, invoice_issued()])

    async def test_reads_each_event_once(self) -> None:
        """Of a remembered order, only its last event is read again."""
        log = CountingLog()
        loader = OrderLoader(log)
        await happen(log, "1-01", *[status_reported("handling")] * 20)
        await loader.load(stream("1-01"))
        await happen(log, "1-01", invoice_issued())
        log.read = 0
        await loader.load(stream("1-01"))

        assert log.read == 2

    async def test_forgets_what_was_loaded_first(self) -> None:
        """No more orders are remembered than allowed; a forgotten one is read again."""
        log = CountingLog()
        loader = OrderLoader(log, most_remembered=2)
        for order_id in ("1-01", "2-01", "3-01"):
            await happen(log, order_id, *[status_reported("handling")] * 5)
            await loader.load(stream(order_id))
        log.read = 0
        orders = [await loader.load(stream(f"{n}-01")) for n in (3, 2, 1)]

        assert log.read == 1 + 1 + 5
        assert [order.version for order in orders] == [5, 5, 5]
