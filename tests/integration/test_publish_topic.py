"""The events topic is made once, as configured, and read back to its last event."""

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from relays import administering
from service.errors import BrokerUnavailableError, InvalidSettingsError
from service.publish.kafka import (
    EventsTopic,
    StateTopic,
    Topic,
    ensure_topic,
    tail_positions,
)

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(kafka_servers: str, topic_prefix: str) -> EventsTopic:
    return EventsTopic(servers=kafka_servers, prefix=topic_prefix, partitions=6)


@pytest.fixture
def state_topic(kafka_servers: str, topic_prefix: str) -> StateTopic:
    return StateTopic(servers=kafka_servers, prefix=topic_prefix, partitions=6)


async def described(topic: Topic) -> tuple[list[Any], dict[str, str]]:
    """Return the partitions of *topic* and its configuration."""
    admin = AIOKafkaAdminClient(bootstrap_servers=topic.servers)
    await admin.start()
    try:
        [found] = await admin.describe_topics([topic.name])
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        [answer] = await admin.describe_configs([resource])
    finally:
        await admin.close()
    [(*_, entries)] = answer.resources
    return found["partitions"], {entry[0]: entry[1] for entry in entries}


class TestEnsureTopic:
    async def test_creates_what_is_missing(self, topic: EventsTopic) -> None:
        """A new topic has the log's partitions, and keeps everything."""
        await ensure_topic(topic)

        partitions, configuration = await described(topic)
        assert topic.name == f"{topic.prefix}.order.events.v1"
        assert len(partitions) == 6
        assert configuration["cleanup.policy"] == "delete"
        assert configuration["retention.ms"] == "-1"
        assert configuration["min.insync.replicas"] == "1"

    async def test_leaves_alone_what_is_there(self, topic: EventsTopic) -> None:
        """Asking again changes nothing."""
        await ensure_topic(topic)
        before = await described(topic)

        await ensure_topic(topic)

        assert await described(topic) == before

    async def test_may_be_asked_by_many_at_once(self, topic: EventsTopic) -> None:
        """Processes that start together all find the topic."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(ensure_topic(topic))

        partitions, _ = await described(topic)
        assert len(partitions) == 6

    async def test_refuses_another_number_of_partitions(
        self, topic: EventsTopic
    ) -> None:
        """A topic that does not fit the log is an error that says what to do."""
        await ensure_topic(topic)

        with pytest.raises(InvalidSettingsError) as refusal:
            await ensure_topic(replace(topic, partitions=8))

        assert f"{topic.name} has 6 partitions, the log 8" in str(refusal.value)
        assert "ORDER_TRACKING_KAFKA_TOPIC_PREFIX" in str(refusal.value)

    async def test_makes_the_state_topic_compacted(
        self, state_topic: StateTopic
    ) -> None:
        """The state topic keeps the last state of each order, and nothing by age."""
        await ensure_topic(state_topic)

        _, configuration = await described(state_topic)
        assert state_topic.name == f"{state_topic.prefix}.order.state.v1"
        assert configuration["cleanup.policy"] == "compact"

    async def test_refuses_a_state_topic_that_is_not_compacted(
        self, state_topic: StateTopic
    ) -> None:
        """A state topic that would lose states by age is refused, with the command."""
        async with administering(state_topic) as admin:
            await admin.create_topics([NewTopic(state_topic.name, 6, 1)])

        with pytest.raises(InvalidSettingsError) as refusal:
            await ensure_topic(state_topic)

        assert "has cleanup.policy=delete" in str(refusal.value)
        assert (
            f"--alter --entity-type topics --entity-name {state_topic.name} "
            "--add-config cleanup.policy=compact" in str(refusal.value)
        )

    async def test_names_what_the_brokers_refuse(self, topic: EventsTopic) -> None:
        """More replicas than brokers are refused with the brokers' own words."""
        with pytest.raises(BrokerUnavailableError, match="InvalidReplicationFactor"):
            await ensure_topic(replace(topic, replication_factor=9))

    async def test_says_so_when_no_broker_is_there(self, topic: EventsTopic) -> None:
        """Without a broker it fails by its deadline and names the setting."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            nobody = f"127.0.0.1:{unused.getsockname()[1]}"

            with pytest.raises(BrokerUnavailableError, match="BOOTSTRAP_SERVERS"):
                await ensure_topic(replace(topic, servers=nobody))


class TestTailPositions:
    async def test_are_zero_on_a_new_topic(self, topic: EventsTopic) -> None:
        """Partitions that never held a message are at 0."""
        await ensure_topic(topic)

        assert await tail_positions(topic, [0, 5]) == {0: 0, 5: 0}

    async def test_fail_on_a_topic_that_is_missing(self, topic: EventsTopic) -> None:
        """A missing topic is no empty topic, and costs the deadline at most."""
        with pytest.raises(BrokerUnavailableError, match="read back"):
            await tail_positions(replace(topic, within=1), [0])
