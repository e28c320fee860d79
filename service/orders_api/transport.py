"""One request to VTEX: sent once, measured, traced, and judged by what to do next."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson
import structlog
from aiohttp.client_middlewares import ClientHandlerType
from opentelemetry.trace import SpanKind
from yarl import URL

from service.config import Account
from service.errors import (
    OrdersApiError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
    UnreadableAnswerError,
)
from service.failpoints import reached
from service.orders_api.answer import Answer, Operation
from service.orders_api.failures import failure_of
from service.orders_api.gate import Gate
from service.telemetry import (
    SECONDS,
    current_traceparent,
    meter,
    order_attributes,
    tracer,
)

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a connection stands."""

TIMEOUT: Final = 30.0
"""Seconds until the whole answer is there."""

_log = structlog.get_logger()
_duration = meter.create_histogram(
    "http.client.request.duration",
    unit="s",
    description="Duration of HTTP requests.",
    explicit_bucket_boundaries_advisory=SECONDS,
)
_held = meter.create_counter(
    "orders_api.holds", unit="{hold}", description="Times VTEX made an account wait."
)


def open_session() -> aiohttp.ClientSession:
    """Open the connections to VTEX, for all accounts: none of them keeps cookies."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        connector=aiohttp.TCPConnector(limit=256),
        headers={"User-Agent": "order-tracking", "Accept": "application/json"},
    )


class Transport:
    """Sends an account's requests, each exactly once and through its gate."""

    def __init__(
        self,
        account: Account,
        session: aiohttp.ClientSession,
        *,
        gate: Gate,
        timeout: float = TIMEOUT,
    ) -> None:
        self._account = account
        self._base = str(account.base_url).rstrip("/")
        self._session = session
        self._gate = gate
        self._timeout = aiohttp.ClientTimeout(
            total=timeout, sock_connect=CONNECT_TIMEOUT
        )

    async def send(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        resend_count: int = 0,
    ) -> Answer:
        """Send one request and return its answer, which is a success.

        *path* fills the braces of the operation's path; *resend_count* says how often
        the caller sent the same before.

        Raises:
            OrdersApiError: Its subclass says what to do next.
        """
        url = URL(self._base + _filled(operation, path or {}), encoded=True)
        await self._gate.enter()
        with self._observed(operation, path or {}, resend_count) as observed:
            reached(f"{operation.method}.{operation.name}", "sending")
            answer = await self._exchange(operation, url, query=query, body=body)
            reached(f"{operation.method}.{operation.name}", "answered")
            observed.status = answer.status
            self._judge(answer)
        return answer

    @contextmanager
    def _observed(
        self, operation: Operation, path: Mapping[str, str], resend_count: int
    ) -> Iterator["_Observed"]:
        labels: dict[str, str | int] = {
            "http.request.method": operation.method,
            "url.template": operation.path,
            "server.address": self._account.base_url.host or "",
            "server.port": self._account.base_url.port or 443,
        }
        started = time.perf_counter()
        with tracer.start_as_current_span(
            str(operation), kind=SpanKind.CLIENT, attributes=labels
        ) as span:
            if "orderId" in path:
                span.set_attributes(
                    order_attributes(self._account.name, path["orderId"])
                )
            if resend_count:
                span.set_attribute("http.request.resend_count", resend_count)
            observed = _Observed()
            try:
                yield observed
            except OrdersApiError as error:
                observed.error = error
                raise
            finally:
                found = observed.labels()
                span.set_attributes(found)
                _duration.record(time.perf_counter() - started, labels | found)

    async def _exchange(
        self,
        operation: Operation,
        url: URL,
        *,
        query: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
    ) -> Answer:
        try:
            async with self._session.request(
                operation.method,
                url,
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers=self._headers(),
                timeout=self._timeout,
                allow_redirects=False,
                middlewares=(_Once(),),
            ) as response:
                return Answer(
                    operation=operation,
                    status=response.status,
                    headers=response.headers,
                    body=await _read(response, operation),
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise OrdersApiUnavailableError(
                f"No connection to VTEX for {operation} ({type(error).__name__}); "
                f"check the base_url of account {self._account.name}."
            ) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OrdersApiUnavailableError(
                f"VTEX gave no whole answer to {operation} ({type(error).__name__}).",
                outcome_unknown=operation.changes,
            ) from error

    def _judge(self, answer: Answer) -> None:
        failure = failure_of(answer, account=self._account.name)
        if isinstance(failure, ThrottledError):
            self._gate.hold(failure.retry_after)
            _held.add(1, {"account": self._account.name})
            _log.warning(
                "account held", account=self._account.name, seconds=failure.retry_after
            )
        if failure is not None:
            raise failure

    def _headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "X-VTEX-API-AppKey": self._account.app_key,
            "X-VTEX-API-AppToken": self._account.app_token.get_secret_value(),
        }
        traceparent = current_traceparent()
        return headers | {"traceparent": traceparent} if traceparent else headers


class _Observed:
    """What is known of a request when it ends, for its span and its duration."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.error: OrdersApiError | None = None

    def labels(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {}
        if self.status is not None:
            found["http.response.status_code"] = self.status
        if self.error is not None:
            failed = (
                self.status is not None and self.status >= HTTPStatus.MULTIPLE_CHOICES
            )
            cause = self.error.__cause__ or self.error
            found["error.type"] = str(self.status) if failed else type(cause).__name__
        return found


class _Once:
    """Lets a request out once.

    aiohttp sends GET, PUT and DELETE a second time by itself when a connection that
    was kept alive turns out to be dead; it passes here for each.
    """

    def __init__(self) -> None:
        self._failure: aiohttp.ClientError | None = None

    async def __call__(
        self, request: aiohttp.ClientRequest, send: ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if self._failure is not None:
            raise self._failure
        try:
            return await send(request)
        except aiohttp.ClientError as error:
            self._failure = error
            raise


def _filled(operation: Operation, path: Mapping[str, str]) -> str:
    if {"", ".", ".."} & set(path.values()):
        # Such a segment would make it another operation.
        raise ResourceNotFoundError(
            f"VTEX has nothing under this name ({operation}); correct it.",
            status=HTTPStatus.NOT_FOUND,
            vtex_code=None,
            reason="not a name",
        )
    return operation.path.format_map(
        {name: quote(value, safe="") for name, value in path.items()}
    )


async def _read(response: aiohttp.ClientResponse, operation: Operation) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > operation.largest_answer:
            raise UnreadableAnswerError(
                f"VTEX's answer to {operation} has more than "
                f"{operation.largest_answer} bytes.",
                size=len(body),
                outcome_unknown=operation.changes,
            )
    return bytes(body)
