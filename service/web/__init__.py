"""HTTP manners for all routes: validation, keys, spans and durations."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler
from opentelemetry.trace import SpanKind, Status, StatusCode
from pydantic import BaseModel, ValidationError

from service.config import ApiKey
from service.telemetry import SECONDS, context_of, meter, order_attributes, tracer
from service.web.problems import InvalidRequestError, answered

CALLER: web.RequestKey[str] = web.RequestKey("caller", str)
"""Name of the API key that a request came with."""

MAX_BODY = 1024 * 1024
"""Bytes of the largest request body that is read."""

_duration = meter.create_histogram(
    "http.server.request.duration",
    unit="s",
    description="Duration of HTTP requests.",
    explicit_bucket_boundaries_advisory=SECONDS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation of the REST API: what it takes, what it answers, what may fail.

    *handler* is called with the request and, where declared, with `query` and `body`
    already validated. *public* ones need no API key. *headers* names the request
    headers that change the answer.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[web.StreamResponse]]
    summary: str
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: HTTPStatus = HTTPStatus.OK
    media_type: str = "application/json"
    errors: tuple[HTTPStatus, ...] = ()
    headers: tuple[str, ...] = ()
    public: bool = False


def json_response(
    content: BaseModel | bytes,
    *,
    status: HTTPStatus = HTTPStatus.OK,
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Answer with a model, or with JSON that is already encoded."""
    body = content if isinstance(content, bytes) else content.model_dump_json().encode()
    return web.Response(
        body=body, status=status, content_type=media_type, headers=headers
    )


def routes(endpoints: Iterable[Endpoint], keys: Sequence[ApiKey]) -> list[web.RouteDef]:
    """Turn *endpoints* into routes; without *keys* everybody may use them."""
    return [
        web.route(endpoint.method, endpoint.path, _validating(endpoint, keys))
        for endpoint in endpoints
    ]


def _validating(endpoint: Endpoint, keys: Sequence[ApiKey]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if keys and not endpoint.public:
            request[CALLER] = _caller(request, keys)
        arguments: dict[str, BaseModel] = {}
        if endpoint.query is not None:
            arguments["query"] = _query(request, endpoint.query)
        if endpoint.body is not None:
            arguments["body"] = await _body(request, endpoint.body)
        return await endpoint.handler(request, **arguments)

    return handle


def _caller(request: web.Request, keys: Sequence[ApiKey]) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    digest = hashlib.sha256(key.encode()).hexdigest()
    if scheme.lower() == "bearer":
        for known in keys:
            if hmac.compare_digest(digest, known.sha256):
                return known.name
    raise web.HTTPUnauthorized(
        text="Send `Authorization: Bearer KEY` with a key whose SHA-256 is listed in "
        "ORDER_TRACKING_API_KEYS.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise InvalidRequestError(error, part="query") from None


async def _body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    try:
        return model.model_validate_json(await request.read())
    except ValidationError as error:
        raise InvalidRequestError(error, part="body") from None


@web.middleware
async def manners(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every request a span and a duration, every failure a problem document."""
    route = request.match_info.route.resource
    template = route.canonical if route is not None else "unmatched"
    started = time.perf_counter()
    with tracer.start_as_current_span(
        f"{request.method} {template}",
        context=context_of(request.headers.get("traceparent")),
        kind=SpanKind.SERVER,
        attributes={
            "http.request.method": request.method,
            "http.route": template,
            **_order_of(request),
        },
    ) as span:
        response = await answered(request, handler)
        span.set_attribute("http.response.status_code", response.status)
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR))
    _duration.record(
        time.perf_counter() - started,
        {
            "http.request.method": request.method,
            "http.route": template,
            "http.response.status_code": response.status,
        },
    )
    return response


def _order_of(request: web.Request) -> dict[str, str]:
    match = request.match_info
    # A question about an order is no part of its story.
    if request.method != "GET" and "order_id" in match and "account" in match:
        return order_attributes(match["account"], match["order_id"])
    return {}
