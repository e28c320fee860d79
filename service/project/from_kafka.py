"""The read model of this machine, filled from the events topic instead of the log."""

from collections.abc import Mapping, Sequence

from service.db import Pool, connection, load_sql, transaction
from service.eventlog.places import Place, load_places, move_places
from service.eventlog.records import RecordedEvent
from service.project.orders import CONSUMER
from service.project.projection import project
from service.project.tables import Tables

_IDENTITY = load_sql("service.project", "database_identity")


class KafkaProjector:
    """Folds the events of a topic into `read.orders` and `read.timeline`.

    Rows, positions and offsets are one transaction, which commits only where nobody
    else has moved the partitions on meanwhile.
    """

    name = CONSUMER

    def __init__(self, pool: Pool, *, topic: str) -> None:
        self._pool = pool
        self._topic = topic
        self._tables = Tables()

    async def places(self, partitions: Sequence[int]) -> Mapping[int, Place]:
        """See `TopicConsumer.places`."""
        async with connection(self._pool) as lent:
            return await load_places(
                lent, self.name, topic=self._topic, partitions=partitions
            )

    async def handle(
        self,
        events: Sequence[RecordedEvent],
        *,
        before: Mapping[int, int],
        places: Mapping[int, Place],
    ) -> None:
        """See `TopicConsumer.handle`."""
        async with connection(self._pool) as lent:
            known = await self._tables.load(lent, events)
        projected = project(events, known)
        async with transaction(self._pool) as lent:
            await self._tables.save(lent, projected)
            await move_places(
                lent, self.name, topic=self._topic, before=before, places=places
            )


async def group_of(pool: Pool, *, prefix: str) -> str:
    """Return a name for the consumer group of those who fill this one database.

    Databases that shared a group would each get a part of the partitions only.
    """
    async with connection(pool) as lent:
        identity: str = await lent.fetchval(_IDENTITY)
    return f"{prefix}.read.{identity[:12]}"
