"""The projection that keeps every order as it stands, effectively once."""

from collections.abc import Mapping, Sequence

from service.db import Pool, connection, transaction
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.records import Batch, traceparents
from service.failpoints import reached
from service.project.projection import project
from service.project.tables import Tables
from service.telemetry import links_to, tracer

CONSUMER = "orders"
"""Name of the projection in the log's checkpoints."""


class OrdersProjector:
    """Folds facts into `read.orders` and `read.timeline`.

    Rows and checkpoint are one transaction, and a row never goes back to an earlier
    version, so a batch that is handed out again changes nothing.
    """

    name = CONSUMER
    parks_streams = True

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._tables = Tables()

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Consumer.resume`."""
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`."""
        with tracer.start_as_current_span(
            "project orders",
            links=links_to(traceparents(batch.events)),
            attributes={"messaging.batch.message_count": len(batch.events)},
        ):
            async with connection(self._pool) as lent:
                known = await self._tables.load(lent, batch.events)
            reached("projection.loaded")
            projected = project(batch.events, known)
            async with transaction(self._pool, "projection") as lent:
                await self._tables.save(lent, projected)
                reached("projection.saved")
                await save_positions(lent, batch)
