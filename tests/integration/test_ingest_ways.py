"""Feed, old feed and hook side by side, against the sandbox: each change is one fact."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import HttpUrl, SecretStr

from eventually import eventually
from ingest_kit import MemoryQuarantine, item, notice, statuses, tells_all
from memory_log import MemoryEventLog
from service.clock import SystemClock
from service.config import Account, AppKey
from service.db import Pool
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.ingest.feed import Feed
from service.ingest.following import Followed, follow
from service.ingest.hook import endpoints
from service.ingest.intake import Intake
from service.ingest.lockout import Lockouts
from service.ingest.notifications import Notification
from service.ingest.quarantine import PostgresQuarantine
from service.ingest.registration import registrations_of
from service.ingest.tracking import TrackingIntake
from service.orders_api.client import OrdersApi
from service.sandbox.accounts import SANDBOX_STORE, Credentials
from service.sandbox.clock import ManualClock
from service.sandbox.oms import StatusChange
from service.sandbox.server import Sandbox, sandbox
from service.web import manners, routes
from vtex import account_at, orders_api

NAME = SANDBOX_STORE.account
SECOND = Credentials(account=NAME, app_key="second-key", app_token="second")  # noqa: S106


@asynccontextmanager
async def store(seed: int, orders_per_minute: float) -> AsyncIterator[Sandbox]:
    async with sandbox(
        seed=seed,
        orders_per_minute=orders_per_minute,
        clock=ManualClock(),
        credentials=(SANDBOX_STORE, SECOND),
    ) as running:
        yield running


def account_of(running: Sandbox, **settings: Any) -> Account:
    return account_at(
        running.url,
        name=NAME,
        app_key=SANDBOX_STORE.app_key,
        app_token=SecretStr(SANDBOX_STORE.app_token),
        tracking_feed=AppKey(
            app_key=SECOND.app_key, app_token=SecretStr(SECOND.app_token)
        ),
        **settings,
    )


def intake_of(pool: Pool, log: PostgresEventLog) -> Intake:
    clock = SystemClock()
    quarantine = PostgresQuarantine(pool, clock=clock)
    return Intake(NAME, log=log, quarantine=quarantine, clock=clock)


async def drain(feed: Feed) -> None:
    while await feed.take_lot():
        pass


@pytest.mark.postgres
class TestWays:
    async def test_each_change_is_one_fact(
        self, pool: Pool, log: PostgresEventLog
    ) -> None:
        """Hours of orders, told by feed, old feed and hook at once, are told once."""
        changes: defaultdict[str, list[str]] = defaultdict(list)

        def hear(change: StatusChange) -> None:
            changes[change.order_id].append(change.state)

        intake = intake_of(pool, log)
        app = web.Application(middlewares=[manners])
        async with store(seed=3, orders_per_minute=0.2) as running:
            account = account_of(running, hook_secret=SecretStr("s3cret"))
            app.add_routes(routes(endpoints([(account, intake)]), []))
            async with TestServer(app) as server:
                url = HttpUrl(str(server.make_url(f"/v1/hooks/vtex/{NAME}")))
                account = account.model_copy(update={"hook_url": url})
                async with orders_api(account) as api:
                    for registration in registrations_of(account, api, tracking=None):
                        await registration.apply()
                    feeds = Feed.of(api, intake), Feed.v2_of(api, intake)
                    await feeds[1].take_lot()
                    running.oms.listen(hear)
                    for _ in range(8):
                        await running.advance(1800)
                        async with asyncio.TaskGroup() as group:
                            for feed in feeds:
                                group.create_task(drain(feed))

                    await eventually(partial(tells_all, log, NAME, changes), within=20)

        ways = await pool.fetch(
            "SELECT DISTINCT data->>'source' AS source FROM eventlog.events"
        )
        assert len(changes) > 20
        assert {row["source"] for row in ways} == {"feed", "hook"}


class Wanted:
    """See `Wishes`."""

    def __init__(self) -> None:
        self.orders: set[str] = set()

    async def want(self, stream: StreamKey, *, at: datetime, reason: str) -> None:
        self.orders.add(stream.order_id)


class TestTracking:
    async def test_orders_with_tracking_are_wanted(self) -> None:
        """The second feed names the orders whose packages are on their way, alone."""
        wanted, log = Wanted(), MemoryEventLog()
        clock = SystemClock()
        intake = Intake(NAME, log=log, quarantine=MemoryQuarantine(), clock=clock)
        async with store(seed=4, orders_per_minute=0.01) as running:
            account = account_of(running)
            assert account.tracking_feed is not None
            async with (
                orders_api(account) as api,
                orders_api(account.with_key(account.tracking_feed)) as second,
            ):
                for registration in registrations_of(account, api, tracking=second):
                    await registration.apply()
                taker = TrackingIntake(intake, wishes=wanted, clock=clock)
                for _ in range(12):
                    await running.advance(6 * 3600)
                    await drain(Feed.of(second, taker))
                tracked = {
                    order.order_id
                    for order in running.oms.orders(NAME)
                    if await _is_tracked(api, order.order_id)
                }

        assert wanted.orders == tracked
        assert len(tracked) > 3
        assert log.events == []


async def _is_tracked(api: OrdersApi, order_id: str) -> bool:
    order: Any = await api.get_order(order_id)
    packages = order["packageAttachment"]["packages"]
    return any(
        package["trackingNumber"] or (package["courierStatus"] or {}).get("data")
        for package in packages
    )


@pytest.mark.postgres
class TestFollow:
    @pytest.mark.parametrize(
        ("feed", "made"),
        [(True, {"feed", "tracking-feed"}), ("v2", {"tracking-feed"})],
    )
    async def test_pollers_make_what_is_missing(
        self, pool: Pool, log: PostgresEventLog, *, feed: bool | str, made: set[str]
    ) -> None:
        """Each feed that can be configured is, by its poller; nothing else is touched."""
        clock = SystemClock()
        async with store(seed=5, orders_per_minute=0.5) as running:
            account = account_of(running, feed=feed)
            assert account.tracking_feed is not None
            async with (
                orders_api(account) as api,
                orders_api(account.with_key(account.tracking_feed)) as second,
            ):
                followed = Followed(
                    account=account,
                    api=api,
                    tracking=second,
                    intake=intake_of(pool, log),
                )
                _, pollers = follow(
                    [followed],
                    pool=pool,
                    wishes=Wanted(),
                    lockouts=Lockouts(clock),
                    clock=clock,
                    every=timedelta(minutes=5),
                )

                async def are_made() -> bool:
                    shown = [
                        (each.kind, await each.show())
                        for each in followed.registrations
                    ]
                    return {kind for kind, found in shown if found is not None} == made

                async def some_is_told() -> bool:
                    await running.advance(600)
                    told = await pool.fetchval("SELECT count(*) FROM eventlog.events")
                    return bool(told)

                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(poller.run()) for poller in pollers]
                    await eventually(are_made)
                    await eventually(some_is_told)
                    for task in tasks:
                        task.cancel()

        assert len(pollers) == 2


EARLIER, LATER = "2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z"


def told_by_feed(state: str, at: str) -> Notification:
    return Notification.read(item(state=state, last_change=at))


def told_by_hook(state: str, at: str) -> Notification:
    return Notification.read(notice(state=state, last_change=at))


class TestInterleavings:
    async def test_of_feed_and_hook(self, clock: ManualClock) -> None:
        """Two changes, each told by feed and hook: two facts in every order of coming."""
        tellings = [
            (told_by_feed("handling", EARLIER), "feed"),
            (told_by_hook("handling", EARLIER), "hook"),
            (told_by_feed("invoiced", LATER), "feed"),
            (told_by_hook("invoiced", LATER), "hook"),
        ]
        for order in permutations(tellings):
            log = MemoryEventLog()
            quarantine = MemoryQuarantine()
            intake = Intake("acme", log=log, quarantine=quarantine, clock=clock)
            for notification, source in order:
                await intake.take([notification], source=source)  # type: ignore[arg-type]

            assert sorted(map(str, statuses(log.events))) == ["handling", "invoiced"]

    @pytest.mark.postgres
    async def test_at_the_same_time(self, pool: Pool, log: PostgresEventLog) -> None:
        """Feed and hook that tell the same at once write it once."""
        intake = intake_of(pool, log)

        async def tell(notifications: Sequence[Notification]) -> None:
            await intake.take(notifications, source="feed")

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(tell([told_by_feed("handling", EARLIER)]))
                group.create_task(tell([told_by_hook("invoiced", LATER)]))
                both = [told_by_hook("handling", EARLIER), told_by_feed("x", LATER)]
                group.create_task(tell(both))

        told = statuses(await log.read_stream(StreamKey(NAME, "1-01")))
        assert sorted(map(str, told)) == ["handling", "invoiced", "x"]
