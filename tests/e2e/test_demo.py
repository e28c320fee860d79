"""The demo, on a machine that has nothing: everything moves, is told, and ends."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from eventually import eventually
from owner import servers_in
from processes import Service, free_port, running
from service.embedded.jars import default_cache

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(300)]

PATIENCE = 150.0

Span = dict[str, Any]


@pytest.fixture
def settings(folder: Path) -> dict[str, str]:
    """A machine without programs, a home without files, and the jars fetched before."""
    for name in ("home", "programs"):
        (folder / name).mkdir()
    return {
        "PATH": str(folder / "programs"),
        "HOME": str(folder / "home"),
        "XDG_CACHE_HOME": str(default_cache().parent.parent),
        "ORDER_TRACKING_DATA_FOLDER": str(folder / "data"),
        "ORDER_TRACKING_HTTP_PORT": str(free_port()),
    }


class Visitor:
    """Looks at the demo as its hints tell one to."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def get(self, path: str) -> dict[str, Any] | None:
        """Return the answer, None where there is none or it is an error."""
        try:
            async with self._session.get(self._url + path) as response:
                found: dict[str, Any] = await response.json(content_type=None)
                return found if response.ok else None
        except aiohttp.ClientConnectionError:
            return None

    async def orders(self, query: str) -> list[dict[str, Any]]:
        page = await self.get(f"/v1/orders?{query}")
        items: list[dict[str, Any]] = page["items"] if page else []
        return items


@pytest_asyncio.fixture
async def visitor(settings: dict[str, str]) -> AsyncIterator[Visitor]:
    url = f"http://127.0.0.1:{settings['ORDER_TRACKING_HTTP_PORT']}"
    async with aiohttp.ClientSession() as session:
        yield Visitor(session, url)


class TestDemo:
    async def test_shows_everything_and_ends(
        self, folder: Path, settings: dict[str, str], visitor: Visitor
    ) -> None:
        """All stages and channels, a whole trace, two readers of the topic; Ctrl-C."""
        with running(
            *("demo", "--seed", "1"), settings=settings, output=folder / "demo.log"
        ) as demo:
            await eventually(lambda: visitor.orders("limit=1"), within=PATIENCE)
            await eventually(lambda: all_is_seen(visitor), within=PATIENCE)
            await eventually(lambda: story_is_whole(visitor), within=PATIENCE)
            await two_members_read(demo)
            family = demo.family()

            assert demo.interrupt(within=15) == 0

            assert psutil.wait_procs(family, timeout=5)[1] == []
            assert servers_in(folder) == []
            assert demo.text.endswith("stopped\n")
            assert "Traceback" not in demo.text
        assert list((folder / "home").iterdir()) == []

    async def test_ends_while_it_begins(
        self, folder: Path, settings: dict[str, str], visitor: Visitor
    ) -> None:
        """Ctrl-C in the middle of the start leaves nothing behind either."""
        with running("demo", settings=settings, output=folder / "demo.log") as demo:
            await eventually(lambda: says(demo, "starting Kafka"), within=PATIENCE)
            family = demo.family()

            assert demo.interrupt(within=15) == 0

            assert psutil.wait_procs(family, timeout=5)[1] == []
            assert servers_in(folder) == []
            assert "Traceback" not in demo.text


async def says(demo: Service, words: str) -> bool:
    return words in demo.text


async def all_is_seen(visitor: Visitor) -> bool:
    """Say whether orders stand in every stage, and both ways of travel end in one."""
    stages = [await visitor.orders(f"stage={stage}") for stage in range(1, 6)]
    channels = {order["channel"] for order in stages[4]}
    return all(stages) and {"delivery", "pickup"} <= channels


async def story_is_whole(visitor: Visitor) -> bool:
    """Say whether an invoiced order's trace leads from what came in to what went out."""
    for order in await visitor.orders("status=invoiced&limit=200"):
        path = f"/v1/orders/{order['account']}/{order['order_id']}/trace"
        trace = await visitor.get(path)
        spans: list[Span] = trace["items"] if trace else []
        if leads_out(spans, "ingest notification", "POST start-handling") and leads_out(
            spans, "POST /v1/orders/{account}/{order_id}/invoices", "POST invoice"
        ):
            return True
    return False


def leads_out(spans: Sequence[Span], first: str, last: str) -> bool:
    """Say whether *last* came of *first*, and what was recorded on the way was shown."""
    by_id = {span["span_id"]: span for span in spans}
    linked: defaultdict[str, set[str]] = defaultdict(set)
    for span in spans:
        for link in span["links"]:
            linked[link["span_id"]].add(span["name"])
    for span in spans:
        if span["name"] == last and span["kind"] == "client":
            way = list(ancestry(span, by_id))
            appends = [step for step in way if step["name"] == "append events"]
            return (
                way[-1]["name"] == first
                and "react order" in {step["name"] for step in way}
                and bool(appends)
                and all(
                    {"project orders", "publish events"} <= linked[append["span_id"]]
                    for append in appends
                )
            )
    return False


def ancestry(span: Span, by_id: dict[str, Span]) -> Iterator[Span]:
    """Yield the spans of one trace that led to *span*, the nearest first."""
    above = by_id.get(span["parent_id"])
    while above is not None:
        assert above["trace_id"] == span["trace_id"]
        yield above
        above = by_id.get(above["parent_id"])


async def two_members_read(demo: Service) -> None:
    """Let both members of a consumer group read events, each with a standard decoder."""
    told = re.search(r"Kafka is at (\S+), topic (\S+)\.\n", demo.text)
    assert told is not None
    servers, topic = told.groups()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
        for _ in range(2):
            member = AIOKafkaConsumer(
                topic,
                bootstrap_servers=servers,
                group_id="readers",
                isolation_level="read_committed",
                auto_offset_reset="earliest",
            )
            await member.start()
            stack.push_async_callback(member.stop)
            tasks.create_task(read_some(member))


async def read_some(member: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        for _ in range(10):
            record = await member.getone()
            event = from_kafka_event(
                KafkaMessage(dict(record.headers), record.key, record.value)
            )
            assert event.get_specversion() == "1.0"
            assert event.get_type().startswith("order-tracking.")
            assert event.get_subject() == record.key.decode()
            assert isinstance(event.get_data(), dict)
