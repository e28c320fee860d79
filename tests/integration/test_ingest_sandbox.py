"""Ingestion against the sandbox: everything that happened there is in the log, once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import pytest
from pydantic import SecretStr

from eventually import eventually
from ingest_kit import tells_all
from private_kit import customer_store
from service.clock import SystemClock
from service.config import Account
from service.db import Pool
from service.domain.facts import OrderDetailsFetched
from service.errors import ResourceNotFoundError
from service.eventlog.codec import decode
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.ingest.configuration import feed_of
from service.ingest.details import DetailsFetcher
from service.ingest.feed import Feed
from service.ingest.intake import Intake
from service.ingest.lockout import Lockouts
from service.ingest.poller import FeedPoller, Pace
from service.ingest.quarantine import PostgresQuarantine
from service.ingest.reading import OrderReader
from service.orders_api.client import OrdersApi
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.clock import ManualClock
from service.sandbox.oms import StatusChange
from service.sandbox.server import Sandbox, sandbox
from vtex import account_at, orders_api

pytestmark = pytest.mark.postgres

QUICK = Pace(least=0.001, most=0.02)
NAME = SANDBOX_STORE.account


def account_of(running: Sandbox) -> Account:
    return account_at(
        running.url,
        name=NAME,
        app_key=SANDBOX_STORE.app_key,
        app_token=SecretStr(SANDBOX_STORE.app_token),
    )


@asynccontextmanager
async def api_of(running: Sandbox) -> AsyncIterator[OrdersApi]:
    async with orders_api(account_of(running)) as api:
        yield api


def intake_of(pool: Pool, log: PostgresEventLog) -> Intake:
    clock = SystemClock()
    quarantine = PostgresQuarantine(pool, clock=clock)
    return Intake(NAME, log=log, quarantine=quarantine, clock=clock)


@asynccontextmanager
async def running_beside(
    *works: Callable[[], Awaitable[None]],
) -> AsyncIterator[None]:
    async def run(work: Callable[[], Awaitable[None]]) -> None:
        await work()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(work)) for work in works]
        yield
        for task in tasks:
            task.cancel()


class TestIngest:
    async def test_every_change_is_in_the_log_once(
        self, pool: Pool, log: PostgresEventLog, wake: Wake
    ) -> None:
        """After hours of orders the log tells each change and the last documents."""
        changes: defaultdict[str, list[str]] = defaultdict(list)

        def hear(change: StatusChange) -> None:
            changes[change.order_id].append(change.state)

        async with (
            sandbox(seed=11, orders_per_minute=0.5, clock=ManualClock()) as running,
            api_of(running) as api,
        ):
            reader = OrderReader(
                {NAME: api},
                log=log,
                quarantine=PostgresQuarantine(pool, clock=SystemClock()),
                customers=customer_store(pool, SystemClock()),
                clock=SystemClock(),
            )
            fetcher = DetailsFetcher(reader, pool=pool, clock=SystemClock())
            following = Subscription(
                fetcher,
                log=log,
                pool=pool,
                wake=wake,
                clock=SystemClock(),
                member=UUID(int=1),
                slots=[range(16)],
            )
            poller = FeedPoller(
                Feed.of(api, intake_of(pool, log)),
                restore=partial(api.configure_feed, feed_of(account_of(running))),
                lockouts=Lockouts(SystemClock()),
                pace=QUICK,
            )
            async with fetcher, running_beside(poller.run, following.run):
                await eventually(_configured(api))
                running.oms.listen(hear)
                for _ in range(20):
                    await running.advance(600)

                async def documents_are_the_last() -> bool:
                    return all(
                        [
                            await _last_document(log, order.order_id) == order.status
                            for order in running.oms.orders(NAME)
                            if order.order_id in changes
                        ]
                    )

                await eventually(partial(tells_all, log, NAME, changes), within=30)
                await eventually(documents_are_the_last, within=30)

        assert len(changes) > 20
        assert await pool.fetchval("SELECT count(*) FROM ingest.quarantine") == 0

    async def test_death_between_storing_and_committing(
        self, pool: Pool, log: PostgresEventLog
    ) -> None:
        """A poller that dies before its commit leaves it to the next one."""
        async with (
            sandbox(
                seed=5, orders_per_minute=5, desk="none", clock=ManualClock()
            ) as running,
            api_of(running) as api,
        ):
            await api.configure_feed(CONFIG)
            await running.advance(600)
            dying = Feed(intake_of(pool, log), retrieve=api.retrieve_feed, commit=_dies)
            with pytest.raises(asyncio.CancelledError):
                await dying.take_lot()
            stored = await _count(pool)
            await running.advance(61)

            feed = Feed.of(api, intake_of(pool, log))
            while await feed.take_lot():
                pass

            left = await api.feed_config()

        events = await _count(pool)
        distinct = await pool.fetchval(
            "SELECT count(DISTINCT (stream_id, data::text)) FROM eventlog.events"
        )
        assert stored > 0
        assert left["quantity"] == 0
        assert events == distinct > stored


CONFIG = {
    "filter": {"type": "FromWorkflow"},
    "queue": {
        "visibilityTimeoutInSeconds": 60,
        "MessageRetentionPeriodInSeconds": 345_600,
    },
}


async def _dies(_: Sequence[str]) -> None:
    """Stand for a process that is killed when it is about to commit."""
    raise asyncio.CancelledError


async def _count(pool: Pool) -> int:
    count: int = await pool.fetchval("SELECT count(*) FROM eventlog.events")
    return count


async def _last_document(log: PostgresEventLog, order_id: str) -> str | None:
    events = await log.read_stream(StreamKey(NAME, order_id))
    for fact in map(decode, reversed(events)):
        if isinstance(fact, OrderDetailsFetched):
            return fact.document.status
    return None


def _configured(api: OrdersApi) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        try:
            return "filter" in await api.feed_config()
        except ResourceNotFoundError:
            return False

    return check
