"""What a relay does when the brokers refuse, stand still or are away."""

import asyncio

import pytest
from aiokafka.admin import NewTopic

from events import new_event
from eventually import eventually
from published import published
from relays import ALL, Relays, administering, after, batch_of, everything_once, write
from service.domain.facts import HandlingRequested
from service.errors import BrokerUnavailableError
from service.eventlog.records import Append, StreamKey
from service.publish.kafka import EventsTopic
from topics import broker_standing_still

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.usefixtures("abandoned_sockets"),
]
pytest_plugins = ("relay_fixtures",)


async def create(topic: EventsTopic, configs: dict[str, str]) -> None:
    async with administering(topic) as admin:
        new = NewTopic(topic.name, topic.partitions, 1, topic_configs=configs)
        await admin.create_topics([new])


class TestFailure:
    async def test_leaves_nothing_of_a_batch_that_the_broker_refuses_in_part(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """When one message is refused, none of its batch is published."""
        await create(topic, {"max.message.bytes": "800"})
        events = await write(relays.log, orders=10, each=1)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events[:5]))
        fact = HandlingRequested(requested_by=str(list(range(1000))))
        await relays.log.append(
            Append(stream=StreamKey("acme", "large"), events=[new_event("l", fact)])
        )
        all_events = await write(relays.log, orders=0)
        missing = after(all_events, dict(await relay.resume(ALL)))

        with pytest.raises(BrokerUnavailableError, match="MessageSizeTooLarge"):
            await relay.handle(batch_of(missing))

        assert sum((await relay.resume(ALL)).values()) == 5
        assert len(await published(topic)) == 5

    async def test_recovers_from_a_cancelled_batch(
        self, relays: Relays, topic: EventsTopic
    ) -> None:
        """A batch that was cut off is published once, after the relay resumed."""
        events = await write(relays.log, orders=50)
        relay = relays.on(topic)
        await relay.resume(ALL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await relay.handle(batch_of(events))
        with pytest.raises(BrokerUnavailableError, match="not started"):
            await relay.handle(batch_of(events))

        reached = dict(await relay.resume(ALL))
        if missing := after(events, reached):
            await relay.handle(batch_of(missing))

        assert await everything_once(topic, relays.log)

    async def test_gets_over_a_broker_that_stands_still(
        self, relays: Relays, kafka_servers: str, topic_prefix: str
    ) -> None:
        """Every call ends by its deadline, and all is published once afterwards."""
        topic = EventsTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=16, within=3
        )
        events = await write(relays.log)
        relay = relays.on(topic)
        await relay.resume(ALL)
        await relay.handle(batch_of(events[:10]))

        with broker_standing_still():
            async with asyncio.timeout(10):
                with pytest.raises(BrokerUnavailableError, match="within 3 s"):
                    await relay.handle(batch_of(events[10:]))
            async with asyncio.timeout(10):
                with pytest.raises(BrokerUnavailableError):
                    await relay.resume(ALL)

        async def resumed() -> dict[int, int] | None:
            try:
                return dict(await relay.resume(ALL))
            except BrokerUnavailableError:
                return None

        reached = await eventually(resumed, within=30)
        assert reached is not None
        if missing := after(events, reached):
            await relay.handle(batch_of(missing))
        assert await everything_once(topic, relays.log)

    async def test_says_so_when_no_broker_is_there(
        self, relays: Relays, topic_prefix: str
    ) -> None:
        """Without a broker, resuming fails at once and names the setting."""
        topic = EventsTopic(servers="127.0.0.1:1", prefix=topic_prefix, partitions=16)

        with pytest.raises(BrokerUnavailableError, match="BOOTSTRAP_SERVERS"):
            await relays.on(topic).resume(ALL)

    async def test_does_not_wait_for_a_broker_that_says_nothing(
        self, relays: Relays, topic_prefix: str
    ) -> None:
        """A server that accepts and is silent costs the deadline, not for ever."""

        async def listen(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.read()
            writer.close()

        silent = await asyncio.start_server(listen, "127.0.0.1", 0)
        host, port = silent.sockets[0].getsockname()
        topic = EventsTopic(
            servers=f"{host}:{port}", prefix=topic_prefix, partitions=16, within=0.5
        )

        async with silent, asyncio.timeout(5):
            with pytest.raises(BrokerUnavailableError, match=r"within 0\.5 s"):
                await relays.on(topic).resume(ALL)
