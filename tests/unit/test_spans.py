"""Spans kept in memory, told by order."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span

from service.spans import SpanMemory
from service.telemetry import order_attributes


def memory_and_tracer(traces: int = 100) -> tuple[SpanMemory, TracerProvider]:
    memory, provider = SpanMemory(traces=traces), TracerProvider()
    provider.add_span_processor(memory)
    return memory, provider


def of_order(provider: TracerProvider, name: str, order_id: str) -> Span:
    span = provider.get_tracer("test").start_span(
        name, attributes=order_attributes("acme", order_id)
    )
    span.end()
    return span


class TestStory:
    def test_tells_an_order_all_spans_of_its_traces(self) -> None:
        """Children without an order of their own belong to their trace's story."""
        memory, provider = memory_and_tracer()
        tracer = provider.get_tracer("test")
        with (
            tracer.start_as_current_span(
                "append events", attributes=order_attributes("acme", "1")
            ),
            tracer.start_as_current_span("POST invoice"),
        ):
            pass
        of_order(provider, "append events", "2")

        story = memory.story("acme", "1")

        assert [span["name"] for span in story] == ["append events", "POST invoice"]
        assert story[1]["parent_id"] == story[0]["span_id"]

    def test_tells_batches_with_the_traces_they_link_to(self) -> None:
        """A batch span is part of the story of each order it handled."""
        memory, provider = memory_and_tracer()
        spans = [of_order(provider, "append events", order) for order in "12"]
        provider.get_tracer("test").start_span(
            "project orders", links=[Link(span.get_span_context()) for span in spans]
        ).end()

        for order in "12":
            names = [span["name"] for span in memory.story("acme", order)]
            assert names == ["append events", "project orders"]

    def test_of_a_stranger_is_empty(self) -> None:
        """An order nobody worked on has no story."""
        memory, _ = memory_and_tracer()

        assert memory.story("acme", "1") == []

    def test_forgets_the_oldest(self) -> None:
        """Memory is bounded: the oldest traces go first, without a trace."""
        memory, provider = memory_and_tracer(traces=2)
        for order in "123":
            of_order(provider, "append events", order)

        assert memory.story("acme", "1") == []
        assert len(memory.story("acme", "3")) == 1
