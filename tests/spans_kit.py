"""The spans that a test causes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PROVIDER = TracerProvider()
"""The provider of the whole session: a process can have only one."""

trace.set_tracer_provider(PROVIDER)


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """Record all spans of the block."""
    memory = InMemorySpanExporter()
    PROVIDER.add_span_processor(SimpleSpanProcessor(memory))
    try:
        yield memory
    finally:
        memory.shutdown()
