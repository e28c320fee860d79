"""Trace context in and out, and log lines with it."""

import json

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span, use_span

from service.telemetry import (
    MAX_LINKS,
    context_of,
    current_traceparent,
    links_to,
    set_up_logging,
    traceparent_of,
)

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class TestTraceparent:
    def test_goes_in_and_out(self) -> None:
        """A context read from W3C form is written in the same form."""
        span = get_current_span(context_of(TRACEPARENT))

        assert traceparent_of(span) == TRACEPARENT

    def test_is_none_outside_any_span(self) -> None:
        """Where nobody records, there is nothing to hand on."""
        assert current_traceparent() is None
        assert context_of(None) is None


class TestLinksTo:
    def test_links_each_known_context(self) -> None:
        """Events without a context are passed over."""
        (link,) = links_to([None, TRACEPARENT])

        assert f"{link.context.span_id:016x}" == "00f067aa0ba902b7"

    @pytest.mark.parametrize("flags", ["00", "02"])
    def test_passes_over_what_nobody_recorded(self, flags: str) -> None:
        """A span that was not sampled is nowhere to be looked up."""
        assert links_to([TRACEPARENT.removesuffix("01") + flags]) == []

    def test_stops_at_the_most(self) -> None:
        """A batch span has a bounded number of links."""
        assert len(links_to([TRACEPARENT] * (MAX_LINKS + 5))) == MAX_LINKS


class TestLogging:
    def test_lines_carry_the_ids_of_their_trace(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A line written inside a span can be found from its trace, and back."""
        set_up_logging(level="info", style="json")
        span = TracerProvider().get_tracer("test").start_span("work")
        with use_span(span):
            structlog.get_logger().info("batch handled", events=3)

        line = json.loads(capsys.readouterr().err)
        assert line["event"] == "batch handled"
        assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"

    def test_what_is_less_severe_is_left_out(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Lines below the level are not written."""
        set_up_logging(level="warning", style="console")
        structlog.get_logger().info("quiet")
        structlog.get_logger().warning("loud")

        told = capsys.readouterr().err
        assert "quiet" not in told
        assert "loud" in told
