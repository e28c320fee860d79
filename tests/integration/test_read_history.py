"""What happened to one order: timeline, facts, calls and trace."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace

import orjson
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import TracerProvider

from builders import (
    NOON,
    cancellation_requested,
    details_fetched,
    document,
    minutes,
    status_reported,
)
from conftest import ManualClock
from events import stream
from reading import Reading, reading
from service.db import Pool
from service.spans import SpanMemory
from service.telemetry import order_attributes

pytestmark = pytest.mark.postgres

ORDER = "/v1/orders/acme/1001-01"


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    async with reading(pool, clock) as served:
        yield served


class TestTimeline:
    async def test_entries(self, api: Reading) -> None:
        """The timeline tells each fact in words, oldest first."""
        await api.world.tell(
            status_reported("handling"), cancellation_requested(), at=minutes(3)
        )

        first, second = await api.items(f"{ORDER}/timeline")

        assert first["title"] == "Status handling"
        assert second == {
            "version": 2,
            "type": "CancellationRequested",
            "title": "Cancellation requested",
            "summary": "By the merchant: Out of stock",
            "details": {"reason": "Out of stock", "requested_by_user": False},
            "occurred_at": "2026-03-02T12:03:00Z",
            "recorded_at": "2026-03-02T12:03:00Z",
        }

    async def test_own_order(self, api: Reading) -> None:
        """Nothing of another order stands in it."""
        await api.world.tell(status_reported("handling"))
        await api.world.tell(status_reported("invoiced"), order_id="2002-01")

        (entry,) = await api.items(f"{ORDER}/timeline")
        assert entry["title"] == "Status handling"


class TestEvents:
    async def test_as_stored(self, api: Reading) -> None:
        """The facts are shown as the log holds them, with their envelope."""
        (stored, _) = await api.world.record(
            details_fetched(document("handling")), cancellation_requested()
        )

        first, second = await api.items(f"{ORDER}/events")

        assert first["id"] == stored.id
        assert first["data"] == orjson.loads(stored.data)
        assert first["correlation_id"] == "chain-1"
        assert first["causation_id"] is None
        assert (first["partition"], first["position"]) == (
            stored.partition,
            stored.position,
        )
        assert (second["version"], second["type"]) == (2, "CancellationRequested")


class TestCalls:
    async def test_attempts(self, api: Reading) -> None:
        """Each call is shown with every attempt at it."""
        await api.world.tell(status_reported("handling"))
        api.calls.of[stream()] = [
            SimpleNamespace(
                call_id="01977d2c-0000-7000-8000-000000000001",
                kind="start-handling",
                cause_version=1,
                state="done",
                request=SimpleNamespace(method="POST", invoice_number=None, body=None),
                attempts=1,
                created_at=NOON,
                next_at=None,
                deadline=minutes(60),
                settled_at=minutes(1),
                reason=None,
                history=[
                    SimpleNamespace(
                        result="succeeded",
                        started_at=NOON,
                        ended_at=NOON + timedelta(milliseconds=80),
                        http_status=204,
                        error=None,
                        response=None,
                        retry_after=None,
                        trace_id="0" * 31 + "1",
                    )
                ],
            )
        ]

        (call,) = await api.items(f"{ORDER}/calls")

        assert call["state"] == "done"
        assert call["deadline"] == "2026-03-02T13:00:00Z"
        assert [attempt["http_status"] for attempt in call["history"]] == [204]

    async def test_none(self, api: Reading) -> None:
        """An order without calls has an empty list of them."""
        await api.world.tell(status_reported("handling"))

        assert await api.items(f"{ORDER}/calls") == []


class TestTrace:
    async def test_elsewhere(self, api: Reading) -> None:
        """Without a memory of spans the problem says where traces go."""
        await api.world.tell(status_reported("handling"))

        response = await api.get(f"{ORDER}/trace")

        assert response.status == 404
        assert "OTEL_EXPORTER_OTLP_ENDPOINT" in (await response.json())["detail"]

    async def test_story(self, pool: Pool, clock: ManualClock) -> None:
        """With a memory of spans the order's story is shown."""
        memory = SpanMemory()
        provider = TracerProvider()
        provider.add_span_processor(memory)
        with provider.get_tracer("test").start_as_current_span(
            "append events", attributes=order_attributes("acme", "1001-01")
        ):
            pass
        async with reading(pool, clock, story_of=memory.story) as api:
            await api.world.tell(status_reported("handling"))

            (span,) = await api.items(f"{ORDER}/trace")

            assert span["name"] == "append events"
            assert (await api.get("/v1/orders/acme/2/trace")).status == 404
