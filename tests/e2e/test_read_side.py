"""A read side on another machine: its own database, filled from the events topic."""

import re
from pathlib import Path

import aiohttp
import pytest

from conftest import PARTITIONS
from events import append_of
from eventually import eventually
from processes import free_port, running
from relays import ALL
from service.eventlog.store import PostgresEventLog
from service.publish.kafka import EventsTopic
from topics import fill, messages_of

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(120)]

PATIENCE = 60.0


async def answer(port: int, path: str) -> str:
    """Return what a process answers, or nothing while it does not."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}{path}") as response,
        ):
            return await response.text() if response.status == 200 else ""
    except aiohttp.ClientConnectionError:
        return ""


class TestReadSide:
    async def test_serves_until_a_hole_stops_it(
        self,
        folder: Path,
        dsn: str,
        log: PostgresEventLog,
        kafka_servers: str,
        topic_prefix: str,
    ) -> None:
        """What is on the topic can be read; a hole pages, and an auditor pages as well."""
        topic = EventsTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
        )
        await log.append(append_of("key-1", "key-2", "key-3"))
        events = await log.read_partitions(dict.fromkeys(ALL, 0), each=10)
        first, _, third = messages_of(events)
        await fill(topic, [first])
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka_servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
        }
        ports = [free_port(), free_port()]
        following, reading = (
            settings | {"ORDER_TRACKING_HTTP_PORT": str(port)} for port in ports
        )

        with (
            running(
                *("project", "--from", "kafka"),
                settings=following,
                output=folder / "project.log",
            ) as projecting,
            running(
                *("serve", "--roles", "read"),
                settings=reading,
                output=folder / "read.log",
            ) as serving,
        ):
            await eventually(
                lambda: answer(ports[1], "/v1/orders/acme/1001-01"), within=PATIENCE
            )
            await fill(topic, [third])

            async def stopped() -> bool:
                told = await answer(ports[0], "/metrics")
                return bool(
                    re.search(r'subscription_stopped\{consumer="orders".* 1', told)
                )

            await eventually(stopped, within=PATIENCE)

            assert "from position 1 to 3" in await answer(ports[0], "/readyz?verbose")
            assert serving.interrupt(within=5) == 0
            assert projecting.interrupt(within=5) == 0
            assert "key-" not in projecting.text

    async def test_auditor_pages(
        self,
        folder: Path,
        dsn: str,
        log: PostgresEventLog,
        kafka_servers: str,
        topic_prefix: str,
    ) -> None:
        """A difference shows in the metrics of the role publish."""
        topic = EventsTopic(
            servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
        )
        await log.append(append_of("key-1", "key-2", "key-3"))
        events = await log.read_partitions(dict.fromkeys(ALL, 0), each=10)
        messages = messages_of(events)
        await fill(topic, [messages[0], messages[2]])
        port = free_port()
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka_servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic_prefix,
            "ORDER_TRACKING_HTTP_PORT": str(port),
        }

        with running(
            *("serve", "--roles", "publish"),
            settings=settings,
            output=folder / "publish.log",
        ) as publishing:

            async def paged() -> bool:
                told = await answer(port, "/metrics")
                return any(
                    line.startswith("publish_audit_differences")
                    and line.endswith(" 1.0")
                    for line in told.splitlines()
                )

            await eventually(paged, within=PATIENCE)

            assert publishing.interrupt(within=5) == 0
