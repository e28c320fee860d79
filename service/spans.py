"""Spans kept in memory, so that an order's whole story can be shown without a collector."""

from collections import OrderedDict, defaultdict
from threading import Lock
from typing import NamedTuple

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id
from typing_extensions import override

from service.telemetry import ACCOUNT, ORDER_ID


class _Order(NamedTuple):
    account: str
    order_id: str


class SpanMemory(SpanProcessor):
    """Keeps the spans of the last *traces* traces, found again by order.

    A batch span (a projection, a publication) belongs to no single order; it is told
    with every trace that it links to.
    """

    def __init__(self, *, traces: int = 20_000) -> None:
        self._most = traces
        self._traces: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._linking: defaultdict[int, list[ReadableSpan]] = defaultdict(list)
        self._of_order: defaultdict[_Order, dict[int, None]] = defaultdict(dict)
        self._lock = Lock()

    @override
    def on_end(self, span: ReadableSpan) -> None:
        attributes = span.attributes or {}
        with self._lock:
            self._traces.setdefault(span.context.trace_id, []).append(span)
            for link in span.links:
                self._linking[link.context.trace_id].append(span)
            if ORDER_ID in attributes:
                order = _Order(str(attributes[ACCOUNT]), str(attributes[ORDER_ID]))
                self._of_order[order][span.context.trace_id] = None
            while len(self._traces) > self._most:
                self._forget_oldest()

    def _forget_oldest(self) -> None:
        trace_id, spans = self._traces.popitem(last=False)
        self._linking.pop(trace_id, None)
        for span in spans:
            attributes = span.attributes or {}
            if ORDER_ID in attributes:
                order = _Order(str(attributes[ACCOUNT]), str(attributes[ORDER_ID]))
                self._of_order[order].pop(trace_id, None)
                if not self._of_order[order]:
                    del self._of_order[order]

    def story(self, account: str, order_id: str) -> list[dict[str, object]]:
        """Return the order's spans and those that link to them, oldest first."""
        with self._lock:
            traces = list(self._of_order.get(_Order(account, order_id), ()))
            spans = {
                span.context.span_id: span
                for trace_id in traces
                for span in (*self._traces[trace_id], *self._linking.get(trace_id, ()))
            }
        return [
            _as_json(span)
            for span in sorted(spans.values(), key=lambda span: span.start_time or 0)
        ]


def _as_json(span: ReadableSpan) -> dict[str, object]:
    started, ended = span.start_time or 0, span.end_time or 0
    return {
        "trace_id": format_trace_id(span.context.trace_id),
        "span_id": format_span_id(span.context.span_id),
        "parent_id": format_span_id(span.parent.span_id) if span.parent else None,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "started_at_ns": started,
        "duration_ms": round((ended - started) / 1e6, 3),
        "status": span.status.status_code.name.lower(),
        "attributes": dict(span.attributes or {}),
        "links": [
            {
                "trace_id": format_trace_id(link.context.trace_id),
                "span_id": format_span_id(link.context.span_id),
            }
            for link in span.links
        ],
    }
