"""The roles that a process can play: what each is made of, and what it adds."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import version
from random import SystemRandom
from typing import Final

from service.config import Role
from service.eventlog.subscription import Subscription
from service.house import House, Running
from service.ingest import hook
from service.ingest.commands import Commands
from service.ingest.details import DetailsFetcher
from service.ingest.erasure import Eraser
from service.ingest.following import Followed, follow
from service.ingest.http import CommandRoutes, erasure_endpoint
from service.ingest.intake import Intake
from service.ingest.lockout import Lockouts
from service.ingest.quarantine import PostgresQuarantine
from service.ingest.reading import OrderReader
from service.ingest.reconciler import Reconciler
from service.ingest.reconciliations import Reconciliations
from service.ingest.rereader import Rereader
from service.ingest.rereads import Rereads
from service.orders_api.gate import Urgency
from service.project.from_kafka import KafkaProjector
from service.project.orders import OrdersProjector
from service.project.stuck import StuckDetector
from service.publish.asyncapi import asyncapi_endpoint
from service.publish.auditor import Auditor
from service.publish.content import Events, States
from service.publish.contract import Contract
from service.publish.dead_letters import DeadLetters, DeadLetterTopic
from service.publish.follower import TopicFollower
from service.publish.kafka import EventsTopic, StateTopic
from service.publish.relay import Relay
from service.react.caller import Caller
from service.react.history import calls_of
from service.react.queue import CallQueue
from service.react.reactor import Reactor
from service.react.worker import CallWorkers
from service.read.api import ReadApi
from service.read.probes import Check, read_checks

CALLS_GRACE = 2.0
"""Seconds that calls in flight get when the service stops."""


def _ingest(house: House) -> Running:
    quarantine = PostgresQuarantine(house.pool, clock=house.clock)
    lockouts = Lockouts(house.clock)
    followed = [
        Followed(
            account=account,
            api=house.apis[account.name],
            tracking=house.tracking_apis.get(account.name),
            intake=Intake(
                account.name, log=house.log, quarantine=quarantine, clock=house.clock
            ),
        )
        for account in house.settings.accounts
    ]
    rereads = Rereads(house.pool)
    commands = Commands(house.handler, log=house.log, wishes=rereads, clock=house.clock)
    fetcher = DetailsFetcher(
        _reader(house, Urgency.NEWS, lockouts),
        pool=house.pool,
        clock=house.shared_clock,
    )
    details = house.follow(fetcher, batch_size=2000)

    async def follow_details() -> None:
        async with fetcher:
            await details.run()

    rereader = Rereader(
        _reader(house, Urgency.UPKEEP, lockouts),
        rereads,
        apis=house.apis,
        clock=house.shared_clock,
    )
    reconciler = Reconciler(
        {name: api.at(Urgency.UPKEEP) for name, api in house.apis.items()},
        log=house.log,
        rereads=rereads,
        progress=Reconciliations(house.pool),
        clock=house.shared_clock,
        every=timedelta(minutes=house.settings.reconcile_minutes),
        look_back=timedelta(days=house.settings.reconcile_days),
    )
    eraser = Eraser(
        house.log, customers=house.customers, quarantine=quarantine, clock=house.clock
    )
    watch, pollers = follow(
        followed,
        pool=house.pool,
        wishes=rereads,
        lockouts=lockouts,
        clock=house.shared_clock,
        every=timedelta(seconds=house.settings.configuration_check_seconds),
    )
    return Running(
        endpoints=[
            *hook.endpoints((each.account, each.intake) for each in followed),
            *CommandRoutes(commands, accounts=house.apis.keys()).endpoints(),
            erasure_endpoint(eraser),
        ],
        loops=[
            follow_details,
            rereader.run,
            reconciler.run,
            watch.run,
            *(poller.run for poller in pollers),
        ],
        checks=[
            _follows(details),
            Check(name="configurations", look=watch.missing, required=False),
            Check(name="accounts", look=lockouts.look, required=False),
        ],
    )


def _reader(house: House, urgency: Urgency, lockouts: Lockouts) -> OrderReader:
    return OrderReader(
        {name: api.at(urgency) for name, api in house.apis.items()},
        log=house.log,
        quarantine=PostgresQuarantine(house.pool, clock=house.clock),
        customers=house.customers,
        clock=house.clock,
        lockouts=lockouts,
    )


def _publish(house: House) -> Running:
    contract = Contract(house.settings.service_url)
    relays = [
        Relay(
            topic,
            content,
            log=house.log,
            pool=house.pool,
            clock=house.clock,
            transactions=house.settings.kafka_transactions,
            interval=interval,
        )
        for topic, content, interval in (
            (EventsTopic.of(house.settings), Events(contract), 0.0),
            (StateTopic.of(house.settings), States(contract, log=house.log), 0.25),
        )
    ]
    following = [
        house.follow(relay, [range(house.settings.partitions)], batch_size=5000)
        for relay in relays
    ]

    auditor = Auditor(
        EventsTopic.of(house.settings),
        pool=house.pool,
        clock=house.clock,
        member=house.member,
    )

    async def run() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                for subscription in following:
                    tasks.create_task(subscription.run())
        finally:
            for relay in relays:
                await relay.close()

    return Running(
        loops=[run, auditor.run],
        checks=[*(_follows(each) for each in following), _audits(auditor)],
    )


def _project(house: House) -> Running:
    subscription = house.follow(OrdersProjector(house.pool), batch_size=2000)
    detector = StuckDetector(house.pool, house.clock)
    return Running(
        loops=[subscription.run, detector.run], checks=[_follows(subscription)]
    )


def _react(house: House) -> Running:
    wake, clock = asyncio.Event(), house.shared_clock
    reactor = house.follow(
        Reactor(
            house.pool,
            log=house.log,
            handler=house.handler,
            clock=clock,
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
            clock=clock,
            rng=SystemRandom(),
        ),
        apis=house.apis,
        clock=clock,
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
        customers=house.customers,
        story_of=house.spans.story if house.spans else None,
    )
    topics = asyncapi_endpoint(house.settings, version=version("order-tracking"))
    return Running(
        endpoints=[*api.endpoints, topics],
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


def project_from_kafka(house: House, *, group: str) -> Running:
    """Return what fills the read model of this machine from the events topic.

    Members of one *group* share the partitions, so it must be one database's alone.
    """
    topic = EventsTopic.of(house.settings)
    follower = TopicFollower(
        KafkaProjector(house.pool, topic=topic.name),
        topic,
        group=group,
        dead_letters=DeadLetters(DeadLetterTopic.of(house.settings), group=group),
        clock=house.clock,
    )
    detector = StuckDetector(house.pool, house.clock)
    return Running(loops=[follower.run, detector.run], checks=[_follows(follower)])


def _audits(auditor: Auditor) -> Check:
    async def look() -> str | None:
        return auditor.missing

    return Check(name="audit", look=look, required=False)


def _follows(subscription: Subscription | TopicFollower) -> Check:
    async def look() -> str | None:
        return subscription.progress.missing

    # Reads go on without it: it is told, and does not make the process unready.
    return Check(name=subscription.consumer.name, look=look, required=False)
