"""Traces, metrics and logs: providers, and trace context in and out of the log."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import Literal

import structlog
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import (
    TraceContextTextMapPropagator,
)
from structlog.typing import EventDict, WrappedLogger

MAX_LINKS = 128
"""Links of one batch span; what is beyond is only counted."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
"""Bucket boundaries of every duration."""

ACCOUNT = "order_tracking.account"
ORDER_ID = "order_tracking.order_id"

_PROPAGATOR = TraceContextTextMapPropagator()

tracer = trace.get_tracer("order-tracking")
meter = metrics.get_meter("order-tracking")


def order_attributes(account: str, order_id: str) -> dict[str, str]:
    """Span attributes by which an order's story is found again."""
    return {ACCOUNT: account, ORDER_ID: order_id}


def traceparent_of(span: trace.Span) -> str | None:
    """Return the context of *span* in W3C form, or None when nobody records it."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return (
        f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    )


def current_traceparent() -> str | None:
    """Return the current span's context in W3C form, or None outside any span."""
    return traceparent_of(trace.get_current_span())


def current_trace_id() -> str | None:
    """Return the id of the current trace, or None outside any span."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


def context_of(traceparent: str | None) -> Context | None:
    """Return the context that *traceparent* names, to start a child span in."""
    if traceparent is None:
        return None
    return _PROPAGATOR.extract({"traceparent": traceparent})


def links_to(traceparents: Iterable[str | None]) -> list[trace.Link]:
    """Link a batch span to the spans that wrote its events, `MAX_LINKS` at most.

    Those that nobody recorded are left out: there is nothing to be found behind them.
    """
    links: list[trace.Link] = []
    for traceparent in traceparents:
        if len(links) == MAX_LINKS:
            break
        if traceparent is not None and _is_recorded(traceparent):
            span = trace.get_current_span(context_of(traceparent))
            links.append(trace.Link(span.get_span_context()))
    return links


def _is_recorded(traceparent: str) -> bool:
    # Its last part are the flags, of which the SDK sets others, too.
    return int(traceparent[-2:], 16) & trace.TraceFlags.SAMPLED != 0


def set_up_telemetry(*processors: SpanProcessor) -> None:
    """Install the providers: `/metrics` always, OTLP where its endpoint is set.

    The standard `OTEL_*` variables rule the exporters (OpenTelemetry specification,
    "Environment Variable Specification").
    """
    resource = Resource.create({"service.name": "order-tracking"})
    # What nobody gets need not be recorded; traces have their ids all the same.
    unheard = not processors and "OTEL_EXPORTER_OTLP_ENDPOINT" not in os.environ
    traces = TracerProvider(resource=resource, sampler=ALWAYS_OFF if unheard else None)
    readers: list[MetricReader] = [PrometheusMetricReader()]
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter()))
    for processor in processors:
        traces.add_span_processor(processor)
    trace.set_tracer_provider(traces)
    metrics.set_meter_provider(
        MeterProvider(
            resource=resource,
            metric_readers=readers,
            # Prometheus is told no exemplars, so looking for them is in vain.
            exemplar_filter=AlwaysOffExemplarFilter() if unheard else None,
        )
    )


def shut_down_telemetry() -> None:
    """Send what is still queued, within the exporters' own deadlines."""
    traces, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    if isinstance(traces, TracerProvider):
        traces.shutdown()
    if isinstance(meters, MeterProvider):
        meters.shutdown()


def set_up_logging(*, level: str, style: Literal["json", "console"]) -> None:
    """Write one line per event to stderr, each with the ids of its trace."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace_ids,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def _with_trace_ids(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event
