"""HTTP manners for all routes: validation, problem+json, keys, spans and durations."""

import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from pydantic import BaseModel, ValidationError

from service.config import ApiKey
from service.errors import (
    ConflictError,
    CustomerDataNotFoundError,
    OrderNotFoundError,
    PersonalDataErasedError,
    RejectedError,
    ServiceError,
    UnavailableError,
)
from service.telemetry import SECONDS, context_of, meter, order_attributes, tracer

CALLER: web.RequestKey[str] = web.RequestKey("caller", str)
"""Name of the API key that a request came with."""

MAX_BODY = 1024 * 1024
"""Bytes of the largest request body that is read."""

_log = structlog.get_logger()
_duration = meter.create_histogram(
    "http.server.request.duration",
    unit="s",
    description="Duration of HTTP requests.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
_STATUS: Sequence[tuple[type[ServiceError], HTTPStatus]] = (
    (OrderNotFoundError, HTTPStatus.NOT_FOUND),
    (CustomerDataNotFoundError, HTTPStatus.NOT_FOUND),
    (PersonalDataErasedError, HTTPStatus.GONE),
    (ConflictError, HTTPStatus.CONFLICT),
    (RejectedError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceError, HTTPStatus.INTERNAL_SERVER_ERROR),
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


class FieldFault(BaseModel):
    """One field that does not validate, as a JSON pointer."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457); `code` is stable, `errors` names each field."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    instance: str
    trace_id: str | None = None
    errors: list[FieldFault] | None = None


class InvalidRequestError(RejectedError):
    """The request does not validate; correct the named fields."""

    code = "invalid-request"

    def __init__(self, error: ValidationError, *, part: str) -> None:
        self.faults = [
            FieldFault(
                pointer="/".join(("", part, *map(str, fault["loc"]))),
                detail=fault["msg"],
            )
            for fault in error.errors(include_input=False, include_url=False)
        ]
        super().__init__()


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
        response = await _answered(request, handler)
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


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < HTTPStatus.BAD_REQUEST:
            raise
        status = HTTPStatus(error.status)
        headers = {
            name: value
            for name, value in error.headers.items()
            if name in {"Allow", "WWW-Authenticate"}
        }
        code = status.phrase.lower().replace(" ", "-")
        return _problem(request, status, code, error.text or "", headers=headers)
    except ServiceError as error:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        faults = error.faults if isinstance(error, InvalidRequestError) else None
        headers = {"Retry-After": "1"} if isinstance(error, UnavailableError) else {}
        return _problem(
            request, status, error.code, str(error), faults=faults, headers=headers
        )
    except Exception:  # noqa: BLE001 - the last line of defence: logged, told, counted
        _log.exception("request failed", method=request.method, path=request.path)
        return _problem(
            request,
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "internal",
            "The service failed; its log has the trace id.",
        )


def _problem(
    request: web.Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    faults: list[FieldFault] | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    span = trace.get_current_span().get_span_context()
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        code=code,
        instance=request.path,
        trace_id=trace.format_trace_id(span.trace_id) if span.is_valid else None,
        errors=faults,
    )
    return json_response(
        orjson.dumps(problem.model_dump(exclude_none=True)),
        status=status,
        media_type="application/problem+json",
        headers=headers,
    )
