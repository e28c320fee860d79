"""Three nodes go on with two, and come back with all that they were given."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count, cycle

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from clusters import SharedCluster, leaders
from eventually import eventually

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("abandoned_sockets"),
]
pytest_plugins = ("cluster_fixtures",)

PARTITIONS = 3
EACH = 5
PATIENCE = 60.0


class Traffic:
    """Numbers sent in transactions under two ids in turn, *EACH* to each partition."""

    def __init__(self, servers: str, topic: str) -> None:
        self.committed = 0
        self._servers = servers
        self._topic = topic

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            producers = []
            for name in ("a", "b"):
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._servers,
                    transactional_id=f"{self._topic}-{name}",
                    acks="all",
                    request_timeout_ms=5000,
                )
                await producer.start()
                stack.push_async_callback(producer.stop)
                producers.append(producer)
            stopping = asyncio.Event()
            tasks.create_task(self._send(producers, stopping))
            yield
            stopping.set()

    async def _send(
        self, producers: list[AIOKafkaProducer], stopping: asyncio.Event
    ) -> None:
        for first, producer in zip(count(0, EACH), cycle(producers), strict=False):
            if stopping.is_set():
                return
            async with producer.transaction():
                sent = [
                    await producer.send(
                        self._topic, str(number).encode(), partition=partition
                    )
                    for number in range(first, first + EACH)
                    for partition in range(PARTITIONS)
                ]
                for each in sent:
                    await each
            self.committed = first + EACH

    async def goes_on(self) -> None:
        """Wait until some transactions more have committed."""
        before = self.committed

        async def further() -> bool:
            return self.committed >= before + 5 * EACH

        await eventually(further, within=PATIENCE)


async def create_topic(servers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, PARTITIONS, 3)])
    await admin.close()


async def read(servers: str, topic: str) -> list[list[int]]:
    """Return the committed numbers of each partition of *topic*, as they stand there."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed"
    )
    await consumer.start()
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning()
    ends = await consumer.end_offsets(partitions)
    found: list[list[int]] = [[] for _ in partitions]
    while any([await consumer.position(at) < ends[at] for at in partitions]):
        for at, records in (await consumer.getmany(timeout_ms=50)).items():
            found[at.partition] += [int(record.value) for record in records]
    await consumer.stop()
    return found


async def until_led(cluster: SharedCluster, topic: str, *, by: set[int]) -> None:
    async def led() -> bool:
        return set((await leaders(cluster.servers, topic)).values()) == by

    await eventually(led, within=PATIENCE)


async def until_read(servers: str, topic: str, expected: list[list[int]]) -> None:
    """Wait until all is read: a leader that came back learns what is committed."""

    async def all_read() -> bool:
        return await read(servers, topic) == expected

    await eventually(all_read, within=30)


class TestKafkaCluster:
    async def test_goes_on_without_a_killed_node(
        self, cluster: SharedCluster, topic_prefix: str
    ) -> None:
        """Others lead until it is back; transactions under way are there once, in order."""
        topic = f"{topic_prefix}.numbers"
        await create_topic(cluster.servers, topic)
        await until_led(cluster, topic, by={1, 2, 3})
        traffic = Traffic(cluster.servers, topic)
        async with traffic.running():
            await traffic.goes_on()
            await cluster.kill(1)
            await until_led(cluster, topic, by={2, 3})
            await traffic.goes_on()
            await cluster.restart(1)
            await until_led(cluster, topic, by={1, 2, 3})
            await traffic.goes_on()

        expected = list(range(traffic.committed))
        await until_read(cluster.servers, topic, [expected] * PARTITIONS)

    async def test_goes_on_without_a_node_that_stands_still(
        self, cluster: SharedCluster, topic_prefix: str
    ) -> None:
        """Others lead and take transactions until it goes on."""
        topic = f"{topic_prefix}.numbers"
        await create_topic(cluster.servers, topic)
        await until_led(cluster, topic, by={1, 2, 3})
        cluster.pause(2)
        await until_led(cluster, topic, by={1, 3})
        traffic = Traffic(cluster.servers, topic)
        async with traffic.running():
            await traffic.goes_on()
            cluster.resume(2)
            await until_led(cluster, topic, by={1, 2, 3})
            await traffic.goes_on()

        expected = list(range(traffic.committed))
        await until_read(cluster.servers, topic, [expected] * PARTITIONS)

    async def test_keeps_all_over_its_own_end(
        self, cluster: SharedCluster, topic_prefix: str
    ) -> None:
        """Stopped as a whole it comes back on its ports, under the names it is told."""
        topic, before = f"{topic_prefix}.kept", cluster.servers
        await create_topic(before, topic)
        traffic = Traffic(before, topic)
        async with traffic.running():
            await traffic.goes_on()
        await cluster.stop()

        other_names = before.replace("127.0.0.1", "localhost").split(",")
        await cluster.start(dict(enumerate(other_names, start=1)))

        assert cluster.servers.split(",") == other_names
        expected = list(range(traffic.committed))
        await until_read(before, topic, [expected] * PARTITIONS)
        admin = AIOKafkaAdminClient(bootstrap_servers=before)
        await admin.start()
        told = await admin.describe_cluster()
        await admin.close()
        hosts = {broker["host"] for broker in told["brokers"]}
        assert hosts == {"localhost"}
