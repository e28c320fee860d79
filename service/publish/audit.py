"""The full audit: the whole events topic, and the states, against the log."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from service.db import Pool, connection, load_sql
from service.errors import RejectedError
from service.publish.archived import archived_positions
from service.publish.audit_ledger import Ledger, Report
from service.publish.kafka import Topic
from service.publish.reader import Bounds, TopicReader, reading
from service.publish.republish import Republisher

WINDOW = 20_000
"""Positions compared at a time."""

_EVENTS = load_sql("service.publish", "audit_events")
_HEADS = load_sql("service.eventlog", "heads")
_PUBLISHED = load_sql("service.publish", "published")

Progress = Callable[[int, int], None]
"""Is told how many records and events are done, and of how many."""


async def published(pool: Pool, relay: str) -> dict[int, int]:
    """Return how far the relays of that name say that each partition is."""
    async with connection(pool) as lent:
        rows = await lent.fetch(_PUBLISHED, relay)
    return {row["partition"]: row["position"] for row in rows}


async def wait_for_relay(pool: Pool, *, at_most: float) -> dict[int, int]:
    """Return the log's heads, or where the relay is if it has not come that far.

    What it has not published yet is no difference; it gets a moment to do it.
    """
    heads = await _heads(pool)
    deadline = asyncio.get_running_loop().time() + at_most
    while True:
        reached = await published(pool, "relay")
        upto = {n: min(head, reached.get(n, 0)) for n, head in heads.items()}
        if upto == heads or asyncio.get_running_loop().time() > deadline:
            return upto
        await asyncio.sleep(0.1)


async def audit(
    topic: Topic, *, pool: Pool, upto: Mapping[int, int], progress: Progress
) -> list[Report]:
    """Compare the topic from its begin with the log, *upto* a position each.

    Raises:
        BrokerUnavailableError: The cluster does not answer, or has no such topic.
    """
    async with reading(topic) as reader:
        bounds = await reader.bounds(upto)
        total = sum(found.end - found.begin for found in bounds.values())
        total += sum(upto.values())
        audit_of = _Audit(reader, pool, lambda done: progress(done, total))
        return [
            await audit_of.partition(number, bounds[number], upto=position)
            for number, position in upto.items()
        ]


class _Audit:
    def __init__(
        self, reader: TopicReader, pool: Pool, progress: Callable[[int], None]
    ) -> None:
        self._reader = reader
        self._pool = pool
        self._progress = progress
        self._done = 0

    async def partition(self, number: int, bounds: Bounds, *, upto: int) -> Report:
        ledger = Ledger(number, upto=upto)
        read_to = bounds.begin
        async for chunk in self._reader.read({number: bounds}):
            for record in chunk.records:
                ledger.add(record)
            self._add(chunk.next_offset - read_to)
            read_to = chunk.next_offset
        after = 0
        if bounds.begin > 0:
            # Retention took what came before, so nobody expects it.
            after = upto if ledger.first is None else min(upto, ledger.first - 1)
        self._add(after)
        await self._compare(ledger, after)
        return ledger.report

    async def _compare(self, ledger: Ledger, after: int) -> None:
        edges = [*range(after, ledger.upto, WINDOW), ledger.upto]
        for begin, end in pairwise(edges):
            async with connection(self._pool) as lent:
                partition = ledger.report.partition
                rows = await lent.fetch(_EVENTS, partition, begin, end)
                archived = frozenset[int]()
                if len(rows) < end - begin:
                    archived = await archived_positions(
                        lent, partition, after=begin, upto=end
                    )
            log = {row["position"]: row["digest"] for row in rows}
            ledger.compare(log, after=begin, upto=end, archived=archived)
            self._add(end - begin)
        ledger.judge_order(after=after)
        await self._judge_beyond(ledger)

    async def _judge_beyond(self, ledger: Ledger) -> None:
        """Tell what was published meanwhile from what the log never had."""
        if ledger.beyond:
            head = (await _heads(self._pool))[ledger.report.partition]
            ledger.report.foreign += sum(position > head for position in ledger.beyond)
            ledger.report.topic -= sum(position <= head for position in ledger.beyond)

    def _add(self, done: int) -> None:
        self._done += done
        self._progress(self._done)


async def repair(reports: Sequence[Report], republisher: Republisher) -> int:
    """Publish again what is missing, in the order of positions; return how many.

    What is missing behind the end of the topic is the relay's to publish.
    """
    done = 0
    for report in reports:
        for first, last in _runs(report.missing):
            try:
                done += await republisher.events(
                    report.partition, first=first, last=last
                )
            except RejectedError:
                break
    return done


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and position == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


async def _heads(pool: Pool) -> dict[int, int]:
    async with connection(pool) as lent:
        rows = await lent.fetch(_HEADS)
    return {row["partition"]: row["head"] for row in rows}
