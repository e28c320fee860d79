"""The roles that a process can play: what each is made of, and what it adds."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from service.config import Role, Settings
from service.db import Pool
from service.errors import InvalidSettingsError
from service.eventlog.ports import Clock, Consumer
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.handler import CommandHandler
from service.ingest import hook
from service.ingest.commands import Commands
from service.ingest.details import DetailsFetcher
from service.ingest.http import CommandRoutes
from service.ingest.intake import Intake
from service.ingest.poller import FeedPoller
from service.ingest.quarantine import PostgresQuarantine
from service.orders_api.client import OrdersApi
from service.project.orders import OrdersProjector
from service.publish.contract import Contract
from service.publish.kafka import EventsTopic
from service.publish.relay import Relay
from service.react.caller import Caller
from service.react.history import calls_of
from service.react.queue import CallQueue
from service.react.reactor import Reactor
from service.react.worker import CallWorkers
from service.read.api import ReadApi
from service.read.probes import Check, read_checks
from service.spans import SpanMemory
from service.web import Endpoint

CALLS_GRACE = 2.0
"""Seconds that calls in flight get when the service stops."""

Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the roles of one process share."""

    settings: Settings
    pool: Pool
    log: PostgresEventLog
    wake: Wake
    clock: Clock
    member: UUID
    apis: dict[str, OrdersApi]
    spans: SpanMemory | None

    def follow(
        self,
        consumer: Consumer,
        slots: Sequence[Sequence[int]] | None = None,
        *,
        batch_size: int = 500,
    ) -> Subscription:
        """Subscribe *consumer*, with each partition leased by itself unless told."""
        return Subscription(
            consumer,
            log=self.log,
            pool=self.pool,
            wake=self.wake,
            clock=self.clock,
            member=self.member,
            slots=slots or [[part] for part in range(self.settings.partitions)],
            batch_size=batch_size,
        )


@dataclass(slots=True, kw_only=True)
class Running:
    """What a role adds to the process: endpoints, loops, checks and last acts."""

    endpoints: list[Endpoint] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    on_shutdown: list[Callable[[web.Application], Awaitable[None]]] = field(
        default_factory=list
    )


def _ingest(house: House) -> Running:
    quarantine = PostgresQuarantine(house.pool, clock=house.clock)
    accounts = house.settings.accounts
    intakes = [
        Intake(account.name, log=house.log, quarantine=quarantine, clock=house.clock)
        for account in accounts
    ]
    commands = Commands(CommandHandler(house.log), log=house.log, clock=house.clock)
    details = house.follow(
        DetailsFetcher(
            house.apis,
            log=house.log,
            pool=house.pool,
            quarantine=quarantine,
            clock=house.clock,
        ),
        batch_size=128,
    )
    pollers = [
        FeedPoller(house.apis[account.name], intake)
        for account, intake in zip(accounts, intakes, strict=True)
        if account.feed
    ]
    return Running(
        endpoints=[
            *hook.endpoints(zip(accounts, intakes, strict=True)),
            *CommandRoutes(commands, accounts=house.apis.keys()).endpoints(),
        ],
        loops=[details.run, *(poller.run for poller in pollers)],
        checks=[_follows(details)],
    )


def _publish(house: House) -> Running:
    settings = house.settings
    if settings.kafka_bootstrap_servers is None:
        raise InvalidSettingsError(
            "The role publish needs ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS; "
            "leave the role out, or run `order-tracking demo` for a broker of its own."
        )
    topic = EventsTopic(
        servers=settings.kafka_bootstrap_servers,
        prefix=settings.kafka_topic_prefix,
        partitions=settings.partitions,
        replication_factor=settings.kafka_replication_factor,
    )
    relay = Relay(
        topic,
        log=house.log,
        pool=house.pool,
        contract=Contract(settings.service_url),
        clock=house.clock,
    )
    subscription = house.follow(relay, [range(settings.partitions)], batch_size=5000)

    async def run() -> None:
        try:
            await subscription.run()
        finally:
            await relay.close()

    return Running(loops=[run], checks=[_follows(subscription)])


def _project(house: House) -> Running:
    subscription = house.follow(OrdersProjector(house.pool), batch_size=2000)
    return Running(loops=[subscription.run], checks=[_follows(subscription)])


def _react(house: House) -> Running:
    wake = asyncio.Event()
    reactor = house.follow(
        Reactor(
            house.pool,
            log=house.log,
            handler=CommandHandler(house.log),
            clock=house.clock,
            start_handling=[
                a.name for a in house.settings.accounts if a.start_handling
            ],
            wake=wake,
        )
    )
    queue = CallQueue(house.pool, owner=str(house.member))
    workers = CallWorkers(
        queue=queue,
        caller=Caller(
            queue=queue,
            apis=house.apis,
            log=house.log,
            clock=house.clock,
            rng=SystemRandom(),
        ),
        apis=house.apis,
        clock=house.clock,
        workers=house.settings.call_workers,
        wake=wake,
    )

    async def work() -> None:
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(workers.run())
            try:
                await asyncio.shield(working)
            except asyncio.CancelledError:
                # Else what is in flight would be looked at before it is sent again.
                workers.stop()
                await asyncio.wait([working], timeout=CALLS_GRACE)
                raise

    return Running(loops=[reactor.run, work], checks=[_follows(reactor)])


def _read(house: House) -> Running:
    api = ReadApi(
        house.pool,
        house.clock,
        house.log,
        calls_of=lambda stream: calls_of(house.pool, *stream),
        story_of=house.spans.story if house.spans else None,
    )
    return Running(
        endpoints=api.endpoints,
        loops=[api.run],
        checks=read_checks(house.pool),
        on_shutdown=[api.close],
    )


ROLES: Final[Mapping[Role, Callable[[House], Running]]] = {
    "ingest": _ingest,
    "publish": _publish,
    "project": _project,
    "react": _react,
    "read": _read,
}


def _follows(subscription: Subscription) -> Check:
    async def look() -> str | None:
        return subscription.missing

    # Reads go on without it: it is told, and does not make the process unready.
    return Check(name=subscription.consumer.name, look=look, required=False)
