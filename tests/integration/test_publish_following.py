"""Relays under their subscriptions: filling, standing by, giving up."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import pytest
from structlog.testing import capture_logs

from eventually import eventually
from published import published
from relays import ALL, Relays, everything_once, write
from service.clock import SystemClock
from service.db import connection
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.publish import filling
from service.publish.kafka import EventsTopic, StateTopic, Topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)


@asynccontextmanager
async def following(
    relays: Relays, topic: Topic, wake: Wake, *, member: int = 1
) -> AsyncIterator[Subscription]:
    subscription = Subscription(
        relays.on(topic),
        log=relays.log,
        pool=relays.pool,
        wake=wake,
        clock=SystemClock(),
        member=UUID(int=member),
        slots=[ALL],
        batch_size=5000,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(subscription.run())
        yield subscription
        running.cancel()


class TestFollowing:
    async def test_fills_empty_topics_from_the_log(
        self,
        relays: Relays,
        wake: Wake,
        topic: EventsTopic,
        state_topic: StateTopic,
    ) -> None:
        """A new broker gets all events once and each order's state, and it is told."""
        orders = filling.WORTH_TELLING // 500
        events = await write(relays.log, orders=orders, each=500)
        with capture_logs() as told:
            async with (
                following(relays, topic, wake),
                following(relays, state_topic, wake),
            ):
                await eventually(
                    lambda: _full(told, topic.name, state_topic.name), within=40
                )

        states = {
            record.key: orjson.loads(record.value)["version"]
            for record in await published(state_topic)
        }
        assert len(events) == filling.WORTH_TELLING
        assert await everything_once(topic, relays.log)
        assert set(states.values()) == {500}
        assert len(states) == orders

    async def test_hands_over_to_the_standby(
        self, relays: Relays, wake: Wake, topic: EventsTopic
    ) -> None:
        """One relay of two is at work; when it leaves, the other goes on after it."""
        async with following(relays, topic, wake, member=2) as standby:
            async with following(relays, topic, wake, member=1):
                await write(relays.log)
                await eventually(lambda: everything_once(topic, relays.log))
            await write(relays.log)
            await eventually(lambda: everything_once(topic, relays.log))

            assert standby.progress.state == "running"

    async def test_stops_before_a_topic_ahead_of_the_log(
        self, relays: Relays, wake: Wake, topic: EventsTopic
    ) -> None:
        """A relay that finds the log behind the topic stops, and says which partition."""
        [event, *_] = await write(relays.log, orders=1)
        async with following(relays, topic, wake):
            await eventually(lambda: everything_once(topic, relays.log))
        async with connection(relays.pool) as lent:
            await lent.execute("UPDATE eventlog.partitions SET head = 0")

        async with following(relays, topic, wake) as subscription:

            async def stopped() -> bool:
                return subscription.progress.state == "stopped"

            await eventually(stopped)

        assert f"Partition {event.partition} of {topic.name}" in (
            subscription.progress.missing or ""
        )


async def _full(told: Sequence[MutableMapping[str, Any]], *topics: str) -> bool:
    return {e["topic"] for e in told if e["event"] == "topic filled"} == set(topics)
