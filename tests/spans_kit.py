"""The spans that a test causes, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from typing_extensions import override


class _Recorder(SpanProcessor):
    """Hands ended spans to those who record; a command that shuts telemetry down does not end it."""

    def __init__(self) -> None:
        self.memories: list[InMemorySpanExporter] = []

    @override
    def on_end(self, span: ReadableSpan) -> None:
        for memory in self.memories:
            memory.export([span])


_RECORDER = _Recorder()

PROVIDER = TracerProvider()
"""The provider of the whole session: a process can have only one."""

PROVIDER.add_span_processor(_RECORDER)
trace.set_tracer_provider(PROVIDER)


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """Record all spans of the block."""
    memory = InMemorySpanExporter()
    _RECORDER.memories.append(memory)
    try:
        yield memory
    finally:
        _RECORDER.memories.remove(memory)
