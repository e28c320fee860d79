"""Positions that may be missing: those whose events are archived, and no others."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from service.db import Pool, connection, load_sql
from service.errors import ConflictError, LogCorruptedError

_HOLES = load_sql("service.eventlog", "holes")
_COUNT = load_sql("service.eventlog", "count_archived")


class Gap(NamedTuple):
    """What a reader does not find in *partition* between two positions."""

    partition: int
    before: int
    after: int


class GapChecker(Protocol):
    """Knows what is archived."""

    async def check_gaps(self, gaps: Sequence[Gap]) -> None:
        """Do nothing if all of *gaps* is archived.

        Raises:
            LogCorruptedError: A position is missing that is not archived.
            ConflictError: It was, and is back since the reader looked; read again.
        """
        ...


async def check_gaps(pool: Pool, gaps: Sequence[Gap]) -> None:
    """See `GapChecker.check_gaps`."""
    for gap in gaps:
        if gap.after <= gap.before:
            raise _corrupted(gap)
    async with connection(pool) as lent:
        rows = await lent.fetch(_HOLES, *map(list, zip(*gaps, strict=True)))
    for row in rows:
        if not row["is_there"]:
            raise _corrupted(Gap(row["partition"], row["before"], row["after"]))
    if rows:
        raise ConflictError("Archived events came back to the log; read it again.")


async def count_archived(pool: Pool, upto: Mapping[int, int]) -> dict[int, int]:
    """Return how many positions of each partition, up to one, are archived."""
    async with connection(pool) as lent:
        rows = await lent.fetch(_COUNT, list(upto), list(upto.values()))
    return {row["partition"]: row["archived"] for row in rows}


def _corrupted(gap: Gap) -> LogCorruptedError:
    return LogCorruptedError(
        f"Partition {gap.partition} goes from position {gap.before} to {gap.after}, "
        "and what lies between is not archived: somebody removed it. "
        "`order-tracking audit` tells what the topic has that the log lacks; "
        "restore a backup that has it before anything reads on."
    )
