"""Facts recorded and projected, for tests of what is read."""

from datetime import datetime
from itertools import count

from builders import NOON
from events import stream
from memory_log import MemoryEventLog
from service.db import Pool
from service.domain.facts import OrderFact
from service.eventlog.records import Append, Batch, Metadata, NewEvent, RecordedEvent
from service.project.orders import CONSUMER, OrdersProjector


class Projected:
    """A log in memory and the read model that follows it in PostgreSQL."""

    def __init__(self, pool: Pool) -> None:
        self.log = MemoryEventLog()
        self._projector = OrdersProjector(pool)
        self._keys = count(1)

    async def record(
        self,
        *facts: OrderFact,
        order_id: str = "1001-01",
        account: str = "acme",
        at: datetime = NOON,
    ) -> list[RecordedEvent]:
        """Append *facts* to an order, and return them as if recorded at *at*."""
        before = len(self.log.events)
        for fact in facts:
            event = NewEvent(
                fact=fact,
                key=f"key-{next(self._keys)}",
                occurred_at=at,
                metadata=Metadata(correlation_id="chain-1", source="test"),
            )
            await self.log.append(
                Append(stream=stream(order_id, account), events=[event])
            )
        self.log.events[before:] = [
            event._replace(recorded_at=at) for event in self.log.events[before:]
        ]
        return self.log.events[before:]

    async def project(self, *events: RecordedEvent) -> None:
        """Hand *events* to the projection in one batch."""
        positions = {event.partition: event.position for event in events}
        await self._projector.handle(
            Batch(consumer=CONSUMER, events=events, positions=positions)
        )

    async def tell(
        self,
        *facts: OrderFact,
        order_id: str = "1001-01",
        account: str = "acme",
        at: datetime = NOON,
    ) -> None:
        """Record and project *facts*."""
        await self.project(
            *await self.record(*facts, order_id=order_id, account=account, at=at)
        )
