"""A relay on three nodes, of which one after the other fails, publishes each event once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from clusters import SharedCluster, leaders
from conftest import PARTITIONS
from eventually import eventually
from relays import ALL, Relays, everything_once, write
from service.clock import SystemClock
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.publish.kafka import EventsTopic

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("abandoned_sockets"),
]
pytest_plugins = ("relay_fixtures", "cluster_fixtures")

PATIENCE = 90.0


@asynccontextmanager
async def publishing(
    relays: Relays, topic: EventsTopic, wake: Wake
) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Let the log grow and a relay follow it; yield whether all is published."""
    subscription = Subscription(
        relays.on(topic),
        log=relays.log,
        pool=relays.pool,
        wake=wake,
        clock=SystemClock(),
        member=UUID(int=1),
        slots=[ALL],
    )

    async def grow() -> None:
        while True:
            await write(relays.log, orders=20, each=2)
            # As fast as it can, it would take the machine from the brokers.
            await asyncio.sleep(0.05)

    async def goes_on() -> bool:
        """Wait until what is there now is published."""
        heads = await relays.log.heads()

        async def reached() -> bool:
            return all(
                subscription._positions.get(partition, 0) >= head
                for partition, head in heads.items()
            )

        return await eventually(reached, within=PATIENCE)

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(subscription.run())
        growing = tasks.create_task(grow())
        yield goes_on
        growing.cancel()
        await goes_on()
        following.cancel()


class TestRelayOnACluster:
    async def test_publishes_all_once_while_nodes_fail(
        self,
        relays: Relays,
        cluster: SharedCluster,
        wake: Wake,
        topic_prefix: str,
    ) -> None:
        """Nodes are killed in turn, leaders move, one stands still: topic equals log."""
        topic = EventsTopic(
            servers=cluster.servers,
            prefix=topic_prefix,
            partitions=PARTITIONS,
            replication_factor=3,
            within=5,
        )

        async def led_by(*nodes: int) -> None:
            async def led() -> bool:
                found = await leaders(cluster.servers, topic.name)
                return set(found.values()) == set(nodes)

            await eventually(led, within=PATIENCE)

        async with publishing(relays, topic, wake) as goes_on:
            # Whoever is away when a topic is made never leads it.
            await led_by(1, 2, 3)
            await goes_on()
            for node in cluster.nodes:
                await cluster.kill(node)
                await goes_on()
                await cluster.restart(node)
            await led_by(1, 2, 3)
            cluster.pause(2)
            await led_by(1, 3)
            await goes_on()
            cluster.resume(2)
            await led_by(1, 2, 3)
            await goes_on()

        assert await everything_once(topic, relays.log)
