"""Killed again and again under traffic, the service loses, repeats and reorders nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import structlog

import checker
from conftest import PARTITIONS
from eventually import eventually
from processes import accounts, free_port, running
from published import published
from service.db import Pool
from service.eventlog.records import RecordedEvent
from service.eventlog.store import PostgresEventLog
from service.project.rebuild import differences
from service.publish.kafka import EventsTopic
from traffic import STORES, Traffic, traffic

KILLS = 10
KILLS_DURING_START = 2
SEED = 20_260_302

SPEED = 1000.0
"""So fast that the service alone sets the pace."""

AT_ONCE = 300

ENTRIES_OF_AN_ORDER = 18
"""Entries that the sandbox's ledger holds of one at least: over them the kills are spread."""

PATIENCE = 900.0

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.timeout(PATIENCE + 300),
]


@pytest.fixture
def topic(kafka_servers: str, topic_prefix: str) -> EventsTopic:
    return EventsTopic(
        servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
    )


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let the sandbox not tell of each paper that finds the service dead."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    yield
    structlog.configure(**before)


Moment = Callable[[], Awaitable[object]]
"""Returns when it is time to kill the service."""


def moments(shops: Traffic, pool: Pool, livez: str) -> Iterator[Moment]:
    """Choose when to kill: some time in the traffic, or while the service starts."""
    rng = Random(SEED)
    during_start = set(rng.sample(range(1, KILLS), KILLS_DURING_START))
    in_traffic = KILLS - KILLS_DURING_START
    share = ENTRIES_OF_AN_ORDER * shops.most // in_traffic
    times = [number * share + rng.randrange(share) for number in range(in_traffic)]
    early: list[Moment] = [partial(it_answers, shops, livez), partial(it_leases, pool)]
    for number in range(KILLS):
        if number in during_start:
            yield early.pop()
        else:
            yield partial(it_has_happened, shops, times.pop(0))


async def it_has_happened(shops: Traffic, entries: int) -> None:
    async def seen() -> bool:
        return shops.has_seen(entries)

    await eventually(seen, within=PATIENCE)


async def it_answers(shops: Traffic, livez: str) -> None:
    async def alive() -> bool:
        try:
            async with shops.http.get(livez) as response:
                return response.ok
        except aiohttp.ClientConnectionError:
            return False

    await eventually(alive, within=60)


async def it_leases(pool: Pool) -> None:
    async def members() -> set[UUID]:
        rows = await pool.fetch("SELECT DISTINCT member FROM eventlog.members")
        return {row["member"] for row in rows}

    known = await members()

    async def joined() -> bool:
        return not known.issuperset(await members())

    await eventually(joined, within=60)


class TestKill:
    @pytest.mark.parametrize(
        "orders", [300, pytest.param(2000, marks=pytest.mark.long)]
    )
    async def test_ten_times(
        self,
        *,
        tmp_path: Path,
        dsn: str,
        pool: Pool,
        log: PostgresEventLog,
        topic: EventsTopic,
        orders: int,
    ) -> None:
        """Log, topic, read model and the calls made tell what the sandbox tells."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        async with (
            traffic(
                seed=SEED, speed=SPEED, service_url=url, most=orders, at_once=AT_ONCE
            ) as shops,
            asyncio.TaskGroup() as tasks,
        ):
            telling = tasks.create_task(tell_progress(shops, pool))
            settings = {
                "ORDER_TRACKING_POSTGRES_DSN": dsn,
                "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
                "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic.prefix,
                "ORDER_TRACKING_HTTP_PORT": str(port),
                "ORDER_TRACKING_REQUESTS_PER_MINUTE": "1000000",
                "ORDER_TRACKING_ACCOUNTS": accounts(shops.store.url, STORES),
                "ORDER_TRACKING_LOG_LEVEL": "warning",
                # Neither is of use here, and both cost time.
                "OTEL_SDK_DISABLED": "true",
                "COVERAGE_PROCESS_CONFIG": "",
            }
            serve = partial(running, "serve", settings=settings)
            for number, moment in enumerate(
                moments(shops, pool, f"{url}/livez"), start=1
            ):
                with serve(output=tmp_path / f"service-{number}.log") as service:
                    await moment()
                    service.kill()
                await let_time_pass(pool)
            with serve(output=tmp_path / "service.log") as service:
                await eventually(partial(ended, shops, pool), within=PATIENCE)
                shown = await shown_orders(shops.http, url)
                assert service.interrupt(within=10) == 0
            telling.cancel()

            violations = [
                *shops.desk.given_up,
                *await unfinished(shops, pool),
                *await set_aside(pool),
                *await differences(pool, log),
                *checked(shops, await all_events(log), await published(topic), shown),
            ]
        assert not violations, "\n".join([f"{len(violations)}:", *violations[:200]])


async def let_time_pass(pool: Pool) -> None:
    """Spare us the time for which a dead process holds its leases: seconds to minutes.

    That they end by themselves is shown where leases and the queue of calls are tested.
    """
    await pool.execute("UPDATE eventlog.members SET expires_at = now()")
    await pool.execute(
        "UPDATE react.lanes SET next_at = now() WHERE lease_owner IS NOT NULL"
    )


async def ended(shops: Traffic, pool: Pool) -> bool:
    """Say whether nothing is left to do, or something never will be done."""
    return bool(shops.desk.given_up) or not await unfinished(shops, pool)


async def unfinished(shops: Traffic, pool: Pool) -> list[str]:
    """Return what has not come to its end, at the sandbox and in the service."""
    found = {
        "orders to place": shops.most - len(shops.placed),
        "orders on their way": len(shops.unfinished()),
        "papers on their way": shops.desk.busy,
    }
    if not any(found.values()):
        found["items in the feed"] = await shops.untold()
    if not any(found.values()):
        found |= dict(await pool.fetchrow(UNHANDLED) or {})
    return [f"unfinished: {count} {what}" for what, count in found.items() if count]


UNHANDLED = """
    SELECT (SELECT count(*) FROM react.lanes) AS "orders with calls to make",
           (SELECT sum(p.head - coalesce(c.position, 0))::bigint
            FROM unnest(ARRAY['details', 'orders', 'reactor', 'relay-0']) AS name
            CROSS JOIN eventlog.partitions AS p
            LEFT JOIN eventlog.checkpoints AS c
                ON c.consumer = name AND c.partition = p.partition
           ) AS "events to handle"
"""


async def set_aside(pool: Pool) -> list[str]:
    """Return what the service keeps for a person to look at: there is no reason to."""
    rows = await pool.fetch("""
        SELECT concat_ws(' ', 'parked', consumer, stream_id, version, reason) AS line
        FROM eventlog.parked_streams
        UNION ALL
        SELECT concat_ws(' ', 'quarantined', source, order_id, reason)
        FROM ingest.quarantine
    """)
    return [row["line"] for row in rows]


def checked(
    shops: Traffic,
    events: Sequence[RecordedEvent],
    records: Sequence[Any],
    shown: Sequence[dict[str, Any]],
) -> list[str]:
    """Compare what each part of the service holds with what the sandbox saw."""
    ledger = shops.store.oms.ledger()
    facts = checker.facts_of(events)
    ours = {known.app_key for known in STORES}
    return [
        *checker.log_violations(events),
        *checker.status_violations(ledger, facts),
        *checker.paper_violations(shops.desk.accepted, facts),
        *checker.call_violations(ledger, facts, ours=ours),
        *checker.outcome_violations(facts),
        *checker.repetitions(ledger, ours=ours),
        *checker.topic_violations(events, records),
        *checker.shown_violations(shops.placed, ledger, shown),
    ]


async def all_events(log: PostgresEventLog) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    for partition, head in (await log.heads()).items():
        found += await log.read_partitions({partition: 0}, each=head)
    return found


async def shown_orders(http: aiohttp.ClientSession, url: str) -> list[dict[str, Any]]:
    """Page through all orders, as a client of the API does."""
    found: list[dict[str, Any]] = []
    query = {"limit": "200"}
    while True:
        async with http.get(f"{url}/v1/orders", params=query) as response:
            response.raise_for_status()
            page = await response.json()
        found += page["items"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def tell_progress(shops: Traffic, pool: Pool) -> None:
    """Tell every few seconds how far all is."""
    started = time.monotonic()
    while True:
        events = await pool.fetchval("SELECT sum(head) FROM eventlog.partitions")
        print(  # noqa: T201 - seen with -s, and when the test fails
            f"{time.monotonic() - started:.0f} s:",
            f"{len(shops.placed)} placed, {len(shops.unfinished())} under way,",
            f"{events} events, {len(shops.desk.accepted)} papers",
            flush=True,
        )
        await asyncio.sleep(5)
