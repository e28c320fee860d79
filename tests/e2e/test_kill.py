"""Killed again and again under traffic, the service loses, repeats and reorders nothing."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

import aiohttp
import pytest
import structlog

from aftermath import ended, let_time_pass, shown_orders, violations
from conftest import PARTITIONS
from eventually import eventually
from processes import accounts, free_port, running
from service.db import Pool
from service.eventlog.store import PostgresEventLog
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
                await eventually(partial(ended, shops, pool, topic), within=PATIENCE)
                shown = await shown_orders(shops.http, url)
                assert service.interrupt(within=10) == 0
            telling.cancel()

            found = await violations(shops, pool, log, topic=topic, shown=shown)
        assert not found, "\n".join([f"{len(found)}:", *found[:200]])


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
