"""What the auditor knows: how far it is, what the log says, and what differs."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog

from service.db import Pool, connection, load_sql, transaction
from service.eventlog.places import Place, load_places, move_places
from service.publish.archived import archived_positions
from service.publish.audit_window import Window

CONSUMER = "audit"
"""Name of the auditor in the log's checkpoints and leases."""

_WINDOW = load_sql("service.publish", "audit_window")
_PUBLISHED = load_sql("service.publish", "published")
_ADD = load_sql("service.publish", "add_difference")
_COUNT = load_sql("service.publish", "count_differences")
_CLEAR = load_sql("service.publish", "clear_differences")

_log = structlog.get_logger()


class Difference(NamedTuple):
    """A window in which topic and log differ, and in what."""

    partition: int
    after: int
    upto: int
    reason: str


class Findings:
    """Keeps the auditor's positions and findings in PostgreSQL."""

    def __init__(self, pool: Pool, *, topic: str) -> None:
        self._pool = pool
        self._topic = topic

    async def places(self, partitions: Iterable[int]) -> dict[int, Place]:
        """Return up to where each of *partitions* was compared."""
        async with connection(self._pool) as lent:
            return await load_places(
                lent, CONSUMER, topic=self._topic, partitions=list(partitions)
            )

    async def published(self) -> dict[int, int]:
        """Return how far the relays say that each partition of the topic is."""
        async with connection(self._pool) as lent:
            rows = await lent.fetch(_PUBLISHED, "relay")
        return {row["partition"]: row["position"] for row in rows}

    async def compare(self, window: Window) -> Difference | None:
        """Return in what *window* and the log differ, if they do."""
        async with connection(self._pool) as lent:
            [log] = await lent.fetch(
                _WINDOW, window.partition, window.after, window.last
            )
            upto = min(window.last, log["head"])
            found = (log["events"], log["digest"])
            same = window.sum(upto) == found
            if not same:
                leaving = await archived_positions(
                    lent, window.partition, after=window.after, upto=upto
                )
                same = window.sum(upto, leaving=leaving) == found
        faults = ", ".join(window.faults(head=log["head"], same=same))
        window.last = max(window.after, upto)
        if not faults:
            return None
        return Difference(window.partition, window.after, window.last, faults)

    async def save(
        self,
        before: Mapping[int, int],
        places: Mapping[int, Place],
        difference: Difference | None,
        *,
        now: datetime,
    ) -> None:
        """Move on from positions *before* to *places*, and note the *difference*.

        Raises:
            FencedError: Another auditor moved them.
        """
        async with transaction(self._pool) as lent:
            await move_places(
                lent, CONSUMER, topic=self._topic, before=before, places=places
            )
            if difference is None or not await lent.fetchval(_ADD, *difference, now):
                return
        _log.error(
            "topic and log differ",
            topic=self._topic,
            **difference._asdict(),
            run="order-tracking audit",
        )

    async def clear(self, partitions: Iterable[int]) -> None:
        """Forget what differed in *partitions*."""
        async with connection(self._pool) as lent:
            await lent.execute(_CLEAR, list(partitions))

    async def count(self) -> int:
        """Return in how many windows topic and log differ."""
        async with connection(self._pool) as lent:
            counted: int = await lent.fetchval(_COUNT)
        return counted
