"""A VTEX that answers by script, for what the sandbox never says."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import HttpUrl, SecretStr

from service.config import Account
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate
from service.orders_api.transport import open_session

TOKEN = "a-token-nobody-may-read"  # noqa: S105 - it opens nothing


@dataclass(frozen=True)
class Reply:
    """One answer; *content* is sent as JSON unless there is a *body*.

    It is held back until *released* is set, where there is one.
    """

    status: int = 200
    content: object = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    released: asyncio.Event | None = None

    def response(self) -> web.Response:
        body = orjson.dumps(self.content) if self.body is None else self.body
        headers = {"Content-Type": "application/json"} | self.headers
        return web.Response(status=self.status, body=body, headers=headers)


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class ScriptedVtex:
    """Answers each operation by its replies in turn, and the last one for ever."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._replies: defaultdict[str, list[Reply]] = defaultdict(list)

    def on(self, operation: str, *replies: Reply) -> None:
        """Script *operation*, such as `GET /api/orders/feed`, anew."""
        self._replies[operation] = list(replies)

    def calls(self, operation: str) -> list[Asked]:
        return [a for a in self.asked if f"{a.method} {a.path}" == operation]

    async def answer(self, request: web.Request) -> web.Response:
        asked = Asked(
            request.method,
            request.raw_path.partition("?")[0],
            list(request.query.items()),
            dict(request.headers),
            await request.read(),
        )
        self.asked.append(asked)
        replies = self._replies[f"{asked.method} {asked.path}"]
        if not replies:
            return Reply(404, {"error": {"code": "1", "message": "none"}}).response()
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if reply.released is not None:
            await reply.released.wait()
        return reply.response()


@asynccontextmanager
async def scripted_vtex() -> AsyncIterator[ScriptedVtex]:
    vtex = ScriptedVtex()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", vtex.answer)
    async with TestServer(app) as server:
        vtex.url = str(server.make_url("/"))
        yield vtex


def account_at(url: str, *, name: str = "acme", **settings: Any) -> Account:
    fields: dict[str, Any] = {
        "app_key": f"vtexappkey-{name}",
        "app_token": SecretStr(TOKEN),
    }
    return Account(name=name, base_url=HttpUrl(url), **fields | settings)


def account_by_cookie(url: str) -> Account:
    return Account(name="acme", base_url=HttpUrl(url), auth_cookie=SecretStr(TOKEN))


@asynccontextmanager
async def orders_api(
    account: Account, *, gate: Gate | None = None, patience: float = 5.0
) -> AsyncIterator[OrdersApi]:
    gate = gate or Gate(per_minute=60_000)
    async with open_session() as session:
        yield OrdersApi(account, session, gate=gate, timeout=patience)
