"""The way to VTEX and back: a question goes out once, and its answer is read whole."""

from collections.abc import Sequence
from typing import Final

import aiohttp
import orjson
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from service.config import Account
from service.errors import OrdersApiUnavailableError, UnreadableAnswerError
from service.orders_api.answer import Answer, Operation
from service.orders_api.bodies import spelt
from service.orders_api.question import Question
from service.telemetry import current_traceparent

CONNECT_TIMEOUT: Final = 5.0
"""Seconds until a connection stands."""

TIMEOUT: Final = 30.0
"""Seconds until the whole answer is there."""


class Wire:
    """Carries an account's questions, with its credentials."""

    def __init__(
        self, account: Account, session: aiohttp.ClientSession, *, timeout: float
    ) -> None:
        self._account = account
        self._base = str(account.base_url).rstrip("/")
        self._fixed = {"Content-Type": "application/json"} | _credentials(account)
        self._session = session
        self._timeout = aiohttp.ClientTimeout(
            total=timeout, sock_connect=CONNECT_TIMEOUT
        )

    async def exchange(self, question: Question) -> Answer:
        """Send *question* and return its answer, whatever that says.

        Raises:
            OrdersApiUnavailableError: There is none, or not all of it.
            UnreadableAnswerError: It is larger than any that makes sense.
        """
        operation, body = question.operation, question.body
        try:
            async with self._session.request(
                operation.method,
                URL(self._base + question.filled_path, encoded=True),
                params=(self._own_account(operation) | dict(question.query)) or None,
                data=None if body is None else orjson.dumps(spelt(body)),
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

    def _own_account(self, operation: Operation) -> dict[str, str | Sequence[str]]:
        name = operation.own_account
        return {} if name is None else {name: self._account.name}

    def _headers(self) -> dict[str, str]:
        traceparent = current_traceparent()
        return self._fixed | ({"traceparent": traceparent} if traceparent else {})


def _credentials(account: Account) -> dict[str, str]:
    if account.app_key is None or account.app_token is None:
        cookie = account.auth_cookie.get_secret_value() if account.auth_cookie else ""
        return {"Cookie": f"VtexIdclientAutCookie={cookie}"}
    return {
        "X-VTEX-API-AppKey": account.app_key,
        "X-VTEX-API-AppToken": account.app_token.get_secret_value(),
    }


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
