"""`order-tracking republish`: an operator sends consumers once more what they lost."""

import pytest

from processes import run
from published import published
from relays import ALL, Relays, batch_of, write
from service.publish.kafka import EventsTopic, StateTopic, Topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


@pytest.fixture
def settings(dsn: str, kafka_servers: str, topic_prefix: str) -> dict[str, str]:
    return {
        "ORDER_TRACKING_POSTGRES_DSN": dsn,
        "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka_servers,
        "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
    }


async def replays(topic: Topic) -> int:
    return sum("ce_replay" in dict(r.headers) for r in await published(topic))


class TestRepublish:
    async def test_publishes_an_order_and_all_states(
        self,
        relays: Relays,
        topic: EventsTopic,
        state_topic: StateTopic,
        settings: dict[str, str],
    ) -> None:
        """One order's events, or every order's state, are there once more."""
        events = await write(relays.log)
        for each in (topic, state_topic):
            relay = relays.on(each)
            await relay.resume(ALL)
            await relay.handle(batch_of(events))

        order = run("republish", "events", "acme/order-3", settings=settings)
        states = run("republish", "state", "--rate", "500", settings=settings)

        assert (order.returncode, states.returncode) == (0, 0), order.stderr
        assert f"2 published again to {topic.name}" in order.stdout
        assert f"10 published again to {state_topic.name}" in states.stdout
        assert await replays(topic) == 2
        assert await replays(state_topic) == 10

    def test_asks_what_to_publish(self, settings: dict[str, str]) -> None:
        """Events need an order or a partition: not the whole log by mistake."""
        told = run("republish", "events", settings=settings)

        assert told.returncode == 2
        assert "--partition" in told.stderr

    def test_names_the_setting_that_is_missing(self) -> None:
        """Without a cluster it says which setting names one."""
        told = run("republish", "state", settings={})

        assert told.returncode == 1
        assert "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS" in told.stderr
