"""Faults of the Orders API's operations, as a middleware in front of them."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from service.sandbox.accounts import CALLER
from service.sandbox.answers import failure
from service.sandbox.clock import Clock
from service.sandbox.endpoint import Endpoint
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_rules import FaultRule, Kind
from service.sandbox.refusals import RefusedError

_HUGE: Final = 10_000_000
_MOST_REMEMBERED: Final = 1_000
_DATE: Final = re.compile(
    rb'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"'
)
_PAGE: Final = "<!DOCTYPE html><html><body><h1>One moment, please</h1></body></html>"

_Fault = Callable[[FaultRule, Handler, web.Request], Awaitable[web.StreamResponse]]


def operations(endpoints: Iterable[Endpoint]) -> dict[tuple[str, str], str]:
    """Return the names of the Orders API's operations, by method and path."""
    return {
        (endpoint.method, endpoint.path): endpoint.vtex or endpoint.summary
        for endpoint in endpoints
        if endpoint.path.startswith("/api/")
    }


def faulty(
    endpoints: Iterable[Endpoint], book: FaultBook, *, clock: Clock
) -> Middleware:
    """Let go wrong what *book* says, by the names of the *endpoints*."""
    names = operations(endpoints)
    memory = _Memory(book, clock)

    @web.middleware
    async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        path = resource.canonical if resource else ""
        operation = names.get((request.method, path))
        if operation is None:
            return await handler(request)
        rules = book.striking(
            operation,
            account=request[CALLER].account,
            order_id=request.match_info.get("orderId", ""),
        )
        stale = [rule for rule in rules if rule.kind == "stale"]
        handler = partial(memory.answer, stale, handler)
        for rule in reversed(rules):
            if rule.kind is not None and rule.kind in _FAULTS:
                handler = partial(_FAULTS[rule.kind], rule, handler)
        return await handler(request)

    return fail


async def _delay(
    rule: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    await asyncio.sleep(rule.seconds)
    return await handler(request)


async def _status(
    rule: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    if rule.after:
        await handler(request)
    status = HTTPStatus(rule.status)
    response = failure(request, status, RefusedError(status.phrase))
    if rule.retry_after is not None:
        response.headers["Retry-After"] = str(rule.retry_after)
    return response


async def _cut(
    rule: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    if rule.after:
        await handler(request)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _truncated(
    _: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    response = await handler(request)
    body = _body(response)
    cut = web.StreamResponse(status=response.status)
    cut.content_type = response.content_type
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return cut


async def _html(
    rule: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    if rule.after:
        await handler(request)
    return web.Response(text=_PAGE, content_type="text/html")


async def _huge(
    _: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    response = await handler(request)
    body = _body(response)
    if not body.endswith(b"}"):
        return response
    padding = b"x" * _HUGE
    return _with(response, body[:-1] + b',"padding":"' + padding + b'"}')


async def _dates(
    _: FaultRule, handler: Handler, request: web.Request
) -> web.StreamResponse:
    response = await handler(request)
    formats = 0

    def write(found: re.Match[bytes]) -> bytes:
        nonlocal formats
        formats += 1
        at = datetime.fromisoformat(found[1].decode())
        return f'"{_written(at, formats % 3)}"'.encode()

    return _with(response, _DATE.sub(write, _body(response)))


_FAULTS: Final[Mapping[Kind, _Fault]] = MappingProxyType(
    {
        "delay": _delay,
        "status": _status,
        "cut": _cut,
        "truncated": _truncated,
        "html": _html,
        "huge": _huge,
        "dates": _dates,
    }
)
"""All but `stale`, which has a memory."""


def _written(at: datetime, number: int) -> str:
    if number == 0:
        return at.strftime("%m/%d/%Y %H:%M:%S")
    if number == 1:
        return at.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")


def _body(response: web.StreamResponse) -> bytes:
    body = response.body if isinstance(response, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _with(response: web.StreamResponse, body: bytes) -> web.Response:
    return web.Response(
        body=body, status=response.status, content_type=response.content_type
    )


@dataclass(slots=True)
class _Remembered:
    response: web.Response
    stale_until: datetime | None = None


class _Memory:
    """The answers of before; none is remembered unless somebody wants stale ones."""

    def __init__(self, book: FaultBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str], _Remembered] = OrderedDict()

    async def answer(
        self, stale: list[FaultRule], handler: Handler, request: web.Request
    ) -> web.StreamResponse:
        """Answer as *handler* does, or as it did if one of the *stale* rules strikes."""
        if request.method != "GET" or not self._book.expects_stale():
            return await handler(request)
        key = (request[CALLER].account, request.path_qs)
        known = self._answers.get(key)
        now = self._clock.now()
        if known is not None and stale and known.stale_until is None:
            known.stale_until = now + timedelta(seconds=stale[0].seconds)
        if known is not None and known.stale_until and now < known.stale_until:
            return _with(known.response, _body(known.response))
        response = await handler(request)
        if isinstance(response, web.Response):
            self._answers[key] = _Remembered(response)
            self._answers.move_to_end(key)
        if len(self._answers) > _MOST_REMEMBERED:
            self._answers.popitem(last=False)
        return response
