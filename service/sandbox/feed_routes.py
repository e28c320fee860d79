"""Feed v3 under /api/orders/feed."""

from datetime import UTC
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body
from service.sandbox.bodies import read_body
from service.sandbox.clock import Clock, moment
from service.sandbox.feed import FeedItem, Feeds
from service.sandbox.feed_config import FeedConfig
from service.sandbox.oms import Oms
from service.sandbox.refusals import InvalidBodyError

_LARGEST_LOT = 10


class _Commit(BaseModel):
    handles: tuple[str, ...]


class FeedRoutes:
    """Configure, read and commit the feed of the appKey that asks."""

    def __init__(self, oms: Oms, feeds: Feeds, *, clock: Clock) -> None:
        self._oms = oms
        self._feeds = feeds
        self._clock = clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/orders/feed/config", self._describe),
            web.post("/api/orders/feed/config", self._configure),
            web.delete("/api/orders/feed/config", self._drop),
            web.get("/api/orders/feed", self._read),
            web.post("/api/orders/feed", self._commit),
        ]

    def _app_key(self, request: web.Request) -> str:
        # What is due by now must be in the feed before anybody looks.
        self._oms.advance()
        return request[CALLER].name

    async def _describe(self, request: web.Request) -> web.Response:
        queue = self._feeds.queue(self._app_key(request))
        now = self._clock.now()
        waiting = queue.waiting(now=now)
        oldest = min(waiting, default=now)
        return answer(
            {
                **queue.config.document(),
                "quantity": len(waiting),
                "approximateAgeOfOldestMessageInSeconds": (
                    now - oldest
                ).total_seconds(),
            }
        )

    async def _configure(self, request: web.Request) -> web.Response:
        app_key = self._app_key(request)
        self._feeds.configure(app_key, FeedConfig.read(await json_body(request)))
        return web.Response(status=HTTPStatus.OK)

    async def _drop(self, request: web.Request) -> web.Response:
        self._feeds.drop(self._app_key(request))
        return web.Response(status=HTTPStatus.OK)

    async def _read(self, request: web.Request) -> web.Response:
        queue = self._feeds.queue(self._app_key(request))
        items = queue.read(_lot(request), now=self._clock.now())
        return answer([_item(item) for item in items])

    async def _commit(self, request: web.Request) -> web.Response:
        queue = self._feeds.queue(self._app_key(request))
        commit = read_body(_Commit, await json_body(request))
        queue.commit(commit.handles, now=self._clock.now())
        return web.Response(status=HTTPStatus.OK)


def _lot(request: web.Request) -> int:
    text = request.query.get("maxlot", "")
    lot = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= lot <= _LARGEST_LOT:
        raise InvalidBodyError({"maxlot": f"must be from 1 to {_LARGEST_LOT}"})
    return lot


def _item(item: FeedItem) -> dict[str, object]:
    change = item.change
    at = (moment(change.at.astimezone(UTC)) or "").replace("+00:00", "Z")
    return {
        "eventId": item.event_id,
        "handle": item.handle,
        "domain": change.domain,
        "state": change.state,
        "lastState": change.last_state,
        "orderId": change.order_id,
        "lastChange": at,
        "currentChange": at,
    }
