"""What happened to one order: its timeline, its facts, its calls, its trace."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web
from pydantic import BaseModel

from service.db import Pool, connection, load_sql
from service.errors import OrderNotFoundError
from service.eventlog.ports import EventLog
from service.eventlog.records import RecordedEvent, StreamKey
from service.read.lookup import OrderLookup
from service.read.orders import find_order
from service.read.summaries import NOT_SHARED, encoded
from service.read.views import Call, CallHistory, EventHistory, Timeline, Trace
from service.web import Endpoint, json_response

CallsOf = Callable[[StreamKey], Awaitable[Sequence[object]]]
"""The calls of an order, oldest first, with the attributes of `views.Call`."""

StoryOf = Callable[[str, str], Sequence[dict[str, object]]]
"""The spans of an order, by account and order id, in the shape of `views.Span`."""

_TIMELINE = load_sql("service.read", "read_timeline")
_ENVELOPE: Final = (
    "correlation_id",
    "causation_id",
    "source",
    "actor",
    "traceparent",
)


def history_endpoints(
    pool: Pool,
    lookup: OrderLookup,
    log: EventLog,
    *,
    calls_of: CallsOf,
    story_of: StoryOf | None = None,
) -> list[Endpoint]:
    """Return the endpoints below one order; *story_of* is None without span memory."""

    async def get_timeline(request: web.Request) -> web.Response:
        """Each fact worth telling a person, in words without personal data."""
        order = await find_order(request, lookup)
        async with connection(pool) as lent:
            rows = await lent.fetch(_TIMELINE, order["stream_id"])
        # Each row is a JSON array: put together without being read again.
        entries = ",".join(row["entries"][1:-1] for row in rows)
        return _items(_as_it_is(f"[{entries}]"))

    async def get_events(request: web.Request) -> web.Response:
        """The facts as the log holds them, before any projection."""
        stream = _stream_of(request)
        recorded = await log.read_stream(stream) if _is_storable(stream) else ()
        if not recorded:
            raise OrderNotFoundError(f"The log knows no order {stream}; check both.")
        return _items([_event(event) for event in recorded])

    async def get_calls(request: web.Request) -> web.Response:
        """Each call to VTEX that the order's facts led to, with every attempt at it."""
        await find_order(request, lookup)
        calls = await calls_of(_stream_of(request))
        return _items(
            [Call.model_validate(call).model_dump(mode="json") for call in calls]
        )

    async def get_trace(request: web.Request) -> web.Response:
        """The spans of the order's story; only where the service keeps them itself."""
        if story_of is None:
            raise web.HTTPNotFound(
                text="Traces are not kept here; they go to the collector at "
                "OTEL_EXPORTER_OTLP_ENDPOINT."
            )
        await find_order(request, lookup)
        return _items(story_of(*_stream_of(request)))

    return [
        _endpoint("timeline", get_timeline, "Get timeline", Timeline),
        _endpoint("events", get_events, "Get events", EventHistory),
        _endpoint("calls", get_calls, "Get calls", CallHistory),
        _endpoint("trace", get_trace, "Get trace", Trace),
    ]


def _endpoint(
    part: str,
    handler: Callable[[web.Request], Awaitable[web.Response]],
    summary: str,
    answer: type[BaseModel],
) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/v1/orders/{{account}}/{{order_id}}/{part}",
        handler=handler,
        summary=summary,
        answer=answer,
        errors=(HTTPStatus.NOT_FOUND,),
    )


def _items(items: Sequence[object] | orjson.Fragment) -> web.Response:
    content = encoded({"items": items})
    return json_response(content, headers={"Cache-Control": NOT_SHARED})


def _stream_of(request: web.Request) -> StreamKey:
    return StreamKey(request.match_info["account"], request.match_info["order_id"])


def _is_storable(stream: StreamKey) -> bool:
    return "\x00" not in str(stream)


def _as_it_is(data: str) -> orjson.Fragment:
    return orjson.Fragment(data)


def _event(event: RecordedEvent) -> dict[str, object]:
    metadata = orjson.loads(event.metadata)
    return {
        "id": event.id,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "data": _as_it_is(event.data),
        "occurred_at": event.occurred_at,
        "recorded_at": event.recorded_at,
        "partition": event.partition,
        "position": event.position,
        **{name: metadata.get(name) for name in _ENVELOPE},
    }
