"""Two publishing processes: the second takes over from one that is paused or killed."""

import signal
from pathlib import Path

import pytest

from conftest import PARTITIONS
from eventually import eventually
from processes import Service, free_port, running
from relays import everything_once, write
from service.eventlog.store import PostgresEventLog
from service.publish.kafka import EventsTopic, StateTopic, tail_positions

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(150)]

PATIENCE = 40.0


class TestStandby:
    async def test_takes_over_from_the_paused_and_the_killed(
        self,
        folder: Path,
        dsn: str,
        log: PostgresEventLog,
        kafka_servers: str,
        topic_prefix: str,
    ) -> None:
        """Whoever is paused is replaced, and fenced when it wakes; so is who is killed."""
        topic = EventsTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
        )
        states = StateTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
        )

        async def up_to_date() -> bool:
            if await tail_positions(states, range(PARTITIONS)) != await log.heads():
                return False
            return await everything_once(topic, log)

        def settings() -> dict[str, str]:
            return {
                "ORDER_TRACKING_POSTGRES_DSN": dsn,
                "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka_servers,
                "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
                "ORDER_TRACKING_HTTP_PORT": str(free_port()),
            }

        serve = ("serve", "--roles", "publish")
        await write(log)
        with running(*serve, settings=settings(), output=folder / "1.log") as first:
            await eventually(up_to_date, within=PATIENCE)
            with running(
                *serve, settings=settings(), output=folder / "2.log"
            ) as second:
                await eventually(lambda: _stands_by(second), within=PATIENCE)
                await write(log, orders=40, each=10)
                first.process.send_signal(signal.SIGSTOP)
                await write(log)
                await eventually(up_to_date, within=PATIENCE)
                first.process.send_signal(signal.SIGCONT)
                await write(log, orders=40, each=10)
                await eventually(up_to_date, within=PATIENCE)
            # The second was killed on the way out of the block.
            await write(log)
            await eventually(up_to_date, within=PATIENCE)


async def _stands_by(service: Service) -> bool:
    return "relay-0" in service.text and "state-0" in service.text
