"""The audit of the state topic: the last record of each order against the log."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from service.db import Pool, connection, load_sql
from service.publish.audit import published
from service.publish.decoding import Record
from service.publish.kafka import StateTopic
from service.publish.reader import Bounds, TopicReader, reading

_STATES = load_sql("service.publish", "audit_states")
_KNOWN = load_sql("service.publish", "count_known_streams")


@dataclass(slots=True, kw_only=True)
class StateReport:
    """How a partition of the state topic and the log agree."""

    partition: int
    orders: int = 0
    missing: int = 0
    stale: int = 0
    foreign: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.stale or self.foreign)


async def audit_states(
    topic: StateTopic, *, pool: Pool, progress: Callable[[int, int], None]
) -> list[StateReport]:
    """Compare the last record of each order with the log, as far as it was published.

    Raises:
        BrokerUnavailableError: The cluster does not answer, or has no such topic.
    """
    upto = await published(pool, "state")
    reports = []
    async with reading(topic) as reader:
        # Only now: whatever was published up to there is before the ends.
        bounds = await reader.bounds(upto)
        for done, (number, position) in enumerate(sorted(upto.items()), start=1):
            versions = await _versions(reader, number, bounds[number])
            reports.append(await _compare(pool, number, versions, upto=position))
            progress(done, len(upto))
    return reports


async def _versions(
    reader: TopicReader, partition: int, bounds: Bounds
) -> dict[str, int]:
    versions: dict[str, int] = {}
    async for chunk in reader.read({partition: bounds}):
        for record in chunk.records:
            versions[_key(record)] = _version(record)
    return versions


async def _compare(
    pool: Pool, partition: int, versions: dict[str, int], *, upto: int
) -> StateReport:
    async with connection(pool) as lent:
        rows = await lent.fetch(_STATES, partition, upto)
        report = StateReport(partition=partition, orders=len(rows))
    for row in rows:
        version = versions.pop(f"{row['account']}/{row['order_id']}", None)
        if version is None:
            report.missing += not row["erased"]
        elif version < row["version"]:
            report.stale += 1
        elif version > row["newest"]:
            report.foreign += 1
    # Orders that are younger than the positions compared are left.
    report.foreign += len(versions) - await _known(pool, versions)
    return report


async def _known(pool: Pool, keys: Iterable[str]) -> int:
    streams = [key.partition("/") for key in keys]
    async with connection(pool) as lent:
        known: int = await lent.fetchval(
            _KNOWN, [each[0] for each in streams], [each[2] for each in streams]
        )
    return known


def _key(record: Record) -> str:
    return (record.key or b"").decode(errors="replace").replace("\x00", "")


def _version(record: Record) -> int:
    found = (value for name, value in record.headers if name == "orderversion")
    version = next(found, None)
    return int(version) if version is not None and version.isdigit() else 0
