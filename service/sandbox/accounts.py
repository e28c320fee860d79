"""The accounts of the sandbox, and who may speak for them."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from service.sandbox.oms import Caller
from service.sandbox.refusals import UnauthorizedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An appKey with its token, or the cookie of somebody who signed in.

    Both tell the account; VTEX tells it by the host, which a server on one local port
    cannot.
    """

    account: str
    app_key: str
    app_token: str = field(repr=False)
    cookie: str | None = field(default=None, repr=False)

    def headers(self) -> dict[str, str]:
        """Return what every request to the Orders API carries."""
        return {
            "X-VTEX-API-AppKey": self.app_key,
            "X-VTEX-API-AppToken": self.app_token,
        }


def credentials_of(account: str) -> Credentials:
    """Return the credentials that an account of the sandbox has unless told otherwise."""
    return Credentials(
        account=account,
        app_key=f"vtexappkey-{account}",
        app_token="sandbox-token",  # noqa: S106  # it opens nothing but invented data
        cookie=f"sandbox-user-{account}",
    )


COOKIE: Final = "VtexIdclientAutCookie"

CALLER: Final = web.RequestKey("caller", Caller)
"""Who sends a request to the Orders API."""

SANDBOX_STORE: Final = credentials_of("sandboxstore")


class Keyring:
    """Knows every appKey of the sandbox."""

    def __init__(self, credentials: Sequence[Credentials]) -> None:
        self._by_key = {known.app_key: known for known in credentials}
        self._by_cookie = {known.cookie: known for known in credentials if known.cookie}

    @property
    def account_of(self) -> Mapping[str, str]:
        return {key: known.account for key, known in self._by_key.items()}

    def caller(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        """Say who sends a request with these *headers* and *cookies*.

        Raises:
            UnauthorizedError: The appKey is not known, or the token is not its own.
        """
        # VTEX takes it either way.
        cookie = headers.get(COOKIE) or cookies.get(COOKIE) or ""
        known = self._by_cookie.get(cookie) or self._holder(headers)
        return Caller(
            account=known.account,
            name=known.app_key,
            trace_id=_trace_id(headers.get("traceparent", "")),
        )

    def _holder(self, headers: Mapping[str, str]) -> Credentials:
        known = self._by_key.get(headers.get("X-VTEX-API-AppKey", ""))
        token = headers.get("X-VTEX-API-AppToken", "")
        if known is None or not hmac.compare_digest(
            known.app_token.encode(), token.encode("utf-8", "surrogateescape")
        ):
            raise UnauthorizedError
        return known


def guard(keyring: Keyring) -> Middleware:
    """Let nobody without credentials into the Orders API."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            request[CALLER] = keyring.caller(request.headers, request.cookies)
        return await handler(request)

    return check


def _trace_id(traceparent: str) -> str | None:
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else None  # noqa: PLR2004  # W3C Trace Context
