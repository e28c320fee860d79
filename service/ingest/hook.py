"""Receives the notifications that VTEX pushes, and keeps them before it says so."""

import hmac
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import web
from opentelemetry import trace
from pydantic import SecretStr

from service.config import Account
from service.domain import raw
from service.errors import UnreadableNotificationError
from service.ingest.configuration import SECRET_HEADER
from service.ingest.intake import Intake
from service.ingest.notifications import Notification
from service.orders_api.answer import parse
from service.telemetry import order_attributes
from service.web import Endpoint

LARGEST_PING: Final = 1024
"""Bytes that are read of whoever does not send the secret: VTEX pings without it."""

_log = structlog.get_logger()


class Hook:
    """The hook of one account.

    VTEX signs nothing: all that tells its requests from others is a header that it is
    told to send. It sends again what is not answered with 200, so unreadable
    notifications are answered with 200 too, once they are in quarantine. What it sends
    beside its filter is taken like the rest: it is no less true.
    """

    def __init__(self, account: Account, *, secret: SecretStr, intake: Intake) -> None:
        self._name = account.name
        self._key = account.app_key.lower() if account.app_key else None
        self._secret = secret.get_secret_value().encode()
        self._intake = intake

    async def receive(self, request: web.Request) -> web.Response:
        trusted = self._sends_secret(request)
        body = await (request.read() if trusted else _ping_at_most(request))
        content = _content(body)
        if raw.mapping(content).get("hookConfig") == "ping":
            # VTEX tries the address before it takes the configuration.
            return web.Response()
        if not trusted:
            raise _untrusted()
        try:
            notification = Notification.read(content)
        except UnreadableNotificationError as error:
            await self._intake.set_aside(body, source="hook", reason=str(error))
            return web.Response()
        self._check_origin(raw.mapping(content))
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attributes(order_attributes(self._name, notification.order_id))
        await self._intake.take([notification], source="hook")
        return web.Response()

    def _sends_secret(self, request: web.Request) -> bool:
        sent = request.headers.get(SECRET_HEADER, "")
        return hmac.compare_digest(sent.encode(errors="replace"), self._secret)

    def _check_origin(self, content: Mapping[str, object]) -> None:
        origin = raw.mapping(content.get("Origin"))
        account, key = raw.text(origin.get("Account")), raw.text(origin.get("Key"))
        if account is None or account.lower() != self._name:
            _log.error("hook of another account", account=self._name, origin=account)
            raise web.HTTPForbidden(
                text=f"This is the hook of {self._name}; correct the hook's address."
            )
        if key is not None and self._key is not None and key.lower() != self._key:
            _log.error("hook of another appKey", account=self._name, origin=key)
            raise web.HTTPForbidden(
                text=f"The hook of {self._name} belongs to another appKey; "
                "configure it with the account's."
            )


async def _ping_at_most(request: web.Request) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_chunked(LARGEST_PING):
        body += chunk
        if len(body) > LARGEST_PING:
            raise _untrusted()
    return bytes(body)


def _untrusted() -> web.HTTPUnauthorized:
    return web.HTTPUnauthorized(
        text=f"Send the account's hook secret as {SECRET_HEADER}."
    )


def _content(body: bytes) -> object:
    try:
        return parse(body)
    except ValueError:
        return None


def endpoints(hooks: Iterable[tuple[Account, Intake]]) -> list[Endpoint]:
    """Return the endpoint for the hooks of these accounts; none without a secret."""
    by_account = {
        account.name: Hook(account, secret=account.hook_secret, intake=intake)
        for account, intake in hooks
        if account.hook_secret
    }

    async def receive(request: web.Request) -> web.Response:
        hook = by_account.get(request.match_info["account"])
        if hook is None:
            raise web.HTTPNotFound(
                text="No such account has a hook; see hook_secret in the settings."
            )
        return await hook.receive(request)

    return [
        Endpoint(
            method="POST",
            path="/v1/hooks/vtex/{account}",
            handler=receive,
            summary="Receive a notification, or the ping, of VTEX's order hook",
            errors=(
                HTTPStatus.UNAUTHORIZED,
                HTTPStatus.FORBIDDEN,
                HTTPStatus.NOT_FOUND,
                HTTPStatus.SERVICE_UNAVAILABLE,
            ),
            headers=(SECRET_HEADER,),
            public=True,
        )
    ]
