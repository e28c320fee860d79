"""What the traces tell of a batch that was published."""

from collections.abc import Iterator

import orjson
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
)

from published import published
from relays import ALL, Relays, batch_of, write
from service.errors import BrokerUnavailableError
from service.publish.kafka import EventsTopic
from spans_kit import recorded_spans

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]
pytest_plugins = ("relay_fixtures",)

PUBLISH = "publish events"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span that ends during the test."""
    with recorded_spans() as memory:
        yield memory


def publish_spans(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == PUBLISH]


class TestTraces:
    async def test_link_a_batch_to_what_wrote_its_events(
        self, relays: Relays, topic: EventsTopic, spans: InMemorySpanExporter
    ) -> None:
        """The span of a batch links to each append; messages carry the append's own."""
        events = await write(relays.log, orders=5, each=2)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        [span] = publish_spans(spans)
        stored = {orjson.loads(event.metadata)["traceparent"] for event in events}
        headers = {
            dict(record.headers)["traceparent"].decode()
            for record in await published(topic)
        }
        assert span.kind is SpanKind.CLIENT
        assert {_traceparent(link.context) for link in span.links} == stored
        assert len(span.links) == 5
        assert headers == stored

    async def test_describe_the_batch(
        self, relays: Relays, topic: EventsTopic, spans: InMemorySpanExporter
    ) -> None:
        """The span names topic, operation and size by the semantic conventions."""
        events = await write(relays.log, orders=5, each=2)
        relay = relays.on(topic)
        await relay.resume(ALL)

        await relay.handle(batch_of(events))

        [span] = publish_spans(spans)
        assert dict(span.attributes or {}) == {
            "messaging.system": "kafka",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "messaging.destination.name": topic.name,
            "messaging.batch.message_count": 10,
        }

    async def test_show_what_failed(
        self, relays: Relays, topic: EventsTopic, spans: InMemorySpanExporter
    ) -> None:
        """A batch that was not published leaves a span with the error's type."""
        events = await write(relays.log, orders=1)

        with pytest.raises(BrokerUnavailableError):
            await relays.on(topic).handle(batch_of(events))

        [span] = publish_spans(spans)
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "BrokerUnavailableError"


def _traceparent(context: SpanContext) -> str:
    trace_id = format_trace_id(context.trace_id)
    return f"00-{trace_id}-{format_span_id(context.span_id)}-{context.trace_flags:02x}"
