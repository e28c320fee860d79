"""One request to VTEX: in its turn, measured, traced, and judged by what to do next."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, Self

import aiohttp
import structlog
from opentelemetry.trace import SpanKind

from service.config import Account
from service.errors import OrdersApiError, ThrottledError
from service.failpoints import reached
from service.orders_api.answer import Answer, Operation
from service.orders_api.bodies import Body
from service.orders_api.failures import failure_of
from service.orders_api.gate import Gate
from service.orders_api.question import Query, Question
from service.orders_api.sharing import SharedReads
from service.orders_api.wire import TIMEOUT, Wire
from service.telemetry import SECONDS, meter, order_attributes, tracer

_NONE: Final = MappingProxyType[str, str]({})
_STATUS: Final = "http.response.status_code"

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
        self._server: dict[str, str | int] = {
            "server.address": account.base_url.host or "",
            "server.port": account.base_url.port or 443,
        }
        self._wire = Wire(account, session, timeout=timeout)
        self._gate = gate
        self._reads = SharedReads[Answer]()

    def through(self, gate: Gate) -> Self:
        """Return the same transport, behind another entrance of its gate."""
        transport = copy(self)
        transport._gate = gate  # noqa: SLF001 - of this class
        return transport

    async def send(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str] = _NONE,
        query: Query = _NONE,
        body: Body | None = None,
        resend_count: int = 0,
    ) -> Answer:
        """Send one request and return its answer, which is a success.

        *path* fills the braces of the operation's path; *resend_count* says how often
        the caller sent the same before.

        Raises:
            OrdersApiError: Its subclass says what to do next.
            UnavailableError: Nothing was sent, for there was no turn to be had.
        """
        question = Question(
            operation=operation,
            path=path,
            query=query,
            body=body,
            resend_count=resend_count,
        )
        await self._gate.enter()
        return await self._ask(question)

    async def read_order(
        self, operation: Operation, order_id: str, *, resend_count: int
    ) -> Answer:
        """Send one request for all who ask for the order until it goes out.

        Raises:
            OrdersApiError: Its subclass says what to do next.
            UnavailableError: Nothing was sent, for there was no turn to be had.
        """
        question = Question(
            operation=operation,
            path={"orderId": order_id},
            query=_NONE,
            body=None,
            resend_count=resend_count,
        )

        if self._gate.enter_at_once():  # so nobody has the time to join
            return await self._ask(question)

        async def send(going_out: Callable[[], None]) -> Answer:
            await self._gate.enter()
            going_out()
            return await self._ask(question)

        # Not with what is less urgent, which would keep it waiting.
        urgencies = range(self._gate.urgency + 1)
        keys = ((order_id, urgency) for urgency in urgencies)
        return await self._reads.get(*keys, send=send)

    async def _ask(self, question: Question) -> Answer:
        operation = question.operation
        with self._observed(question) as found:
            reached(f"{operation.method}.{operation.name}", "sending")
            answer = await self._wire.exchange(question)
            reached(f"{operation.method}.{operation.name}", "answered")
            found[_STATUS] = answer.status
            await self._judge(answer)
        return answer

    @contextmanager
    def _observed(self, question: Question) -> Iterator[dict[str, str | int]]:
        operation, order_id = question.operation, question.order_id
        labels = self._server | {
            "http.request.method": operation.method,
            "url.template": operation.path,
        }
        started = time.perf_counter()
        with tracer.start_as_current_span(
            str(operation), kind=SpanKind.CLIENT, attributes=labels
        ) as span:
            if order_id is not None:
                span.set_attributes(order_attributes(self._account.name, order_id))
            if question.resend_count:
                span.set_attribute("http.request.resend_count", question.resend_count)
            found: dict[str, str | int] = {}
            try:
                yield found
            except OrdersApiError as error:
                found["error.type"] = _error_type(error, found.get(_STATUS))
                raise
            finally:
                span.set_attributes(found)
                _duration.record(time.perf_counter() - started, labels | found)

    async def _judge(self, answer: Answer) -> None:
        failure = failure_of(answer, account=self._account.name)
        if isinstance(failure, ThrottledError):
            await self._gate.hold(failure.retry_after)
            _held.add(1, {"account": self._account.name})
            _log.warning(
                "account held", account=self._account.name, seconds=failure.retry_after
            )
        if failure is not None:
            raise failure


def _error_type(error: OrdersApiError, status: str | int | None) -> str:
    if isinstance(status, int) and status >= HTTPStatus.MULTIPLE_CHOICES:
        return str(status)
    return type(error.__cause__ or error).__name__
