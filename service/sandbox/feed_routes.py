"""Feed v3 under /api/orders/feed."""

from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, Field

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body, read_json
from service.sandbox.clock import Clock, zulu
from service.sandbox.endpoint import Endpoint
from service.sandbox.feed import Feeds
from service.sandbox.feed_config import FeedConfig
from service.sandbox.feed_handles import handle_of, receipt_of
from service.sandbox.feed_queue import FeedItem
from service.sandbox.oms import Caller, Oms
from service.sandbox.refusals import InvalidBodyError
from service.sandbox.shapes import JsonObject

_LARGEST_LOT = 10


class _FeedItem(BaseModel):
    eventId: str  # noqa: N815  # VTEX's word, as are those below
    handle: str
    domain: str
    state: str
    lastState: str  # noqa: N815
    orderId: str  # noqa: N815
    lastChange: str  # noqa: N815
    currentChange: str  # noqa: N815


class _Commit(BaseModel):
    handles: tuple[str, ...]


class _Lot(BaseModel):
    maxlot: Annotated[int, Field(ge=1, le=_LARGEST_LOT)]


class FeedRoutes:
    """Configure, read and commit the feed of the appKey that asks."""

    def __init__(self, oms: Oms, feeds: Feeds, *, clock: Clock) -> None:
        self._oms = oms
        self._feeds = feeds
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/api/orders/feed/config",
                handler=self._describe,
                summary="Get feed configuration",
                tag="Feed v3",
                vtex="Get feed configuration",
                rule="The appKey's own configuration, how much waits and for how long.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/api/orders/feed/config",
                handler=self._configure,
                summary="Configure feed",
                tag="Feed v3",
                vtex="Create or update feed configuration",
                rule="One feed for each appKey, by status or by expression; what is "
                "queued stays.",
                body=FeedConfig,
                errors=(409,),
            ),
            Endpoint(
                method="DELETE",
                path="/api/orders/feed/config",
                handler=self._drop,
                summary="Delete feed configuration",
                tag="Feed v3",
                vtex="Delete feed configuration",
                rule="The feed goes, with all that it holds.",
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path="/api/orders/feed",
                handler=self._read,
                summary="Read feed",
                tag="Feed v3",
                vtex="Retrieve feed items",
                rule="At least once, in no promised order; what is not committed within "
                "the visibility timeout comes again, a hundred times at most.",
                query=_Lot,
                answer=list[_FeedItem],
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/api/orders/feed",
                handler=self._commit,
                summary="Commit feed items",
                tag="Feed v3",
                vtex="Commit feed items",
                rule="By the handles of the last read; unknown and expired ones do "
                "nothing.",
                body=_Commit,
                errors=(404,),
            ),
        ]

    async def _describe(self, request: web.Request) -> web.Response:
        """Tell how the feed is configured."""
        feed = self._feeds.of(self._caller(request).name)
        now = self._clock.now()
        quantity, oldest = feed.queue.waiting(now=now)
        return answer(
            {
                **feed.config.document(),
                "quantity": quantity,
                "approximateAgeOfOldestMessageInSeconds": (
                    now - (oldest or now)
                ).total_seconds(),
            }
        )

    async def _configure(self, request: web.Request) -> web.Response:
        """Configure the feed."""
        caller = self._caller(request)
        self._feeds.configure(caller.name, FeedConfig.read(await json_body(request)))
        return web.Response(status=HTTPStatus.OK)

    async def _drop(self, request: web.Request) -> web.Response:
        """Remove the feed."""
        self._feeds.drop(self._caller(request).name)
        return web.Response(status=HTTPStatus.OK)

    async def _read(self, request: web.Request) -> web.Response:
        """Read the feed."""
        caller = self._caller(request)
        feed = self._feeds.of(caller.name)
        lot = lot_of(request, "maxlot", largest=_LARGEST_LOT)
        now = self._clock.now()
        items = feed.read(lot, now=now)
        return answer([_item(item, handle_of(item, caller, now=now)) for item in items])

    async def _commit(self, request: web.Request) -> web.Response:
        """Commit items of the feed."""
        feed = self._feeds.of(self._caller(request).name)
        commit = await read_json(_Commit, request)
        known = (receipt_of(handle) for handle in commit.handles)
        feed.commit(filter(None, known), now=self._clock.now())
        return web.Response(status=HTTPStatus.OK)

    def _caller(self, request: web.Request) -> Caller:
        # What is due by now must be in the feed before anybody looks.
        self._oms.advance()
        return request[CALLER]


def lot_of(request: web.Request, name: str, *, largest: int) -> int:
    """Return the parameter *name* of a read: how much it wants.

    Raises:
        InvalidBodyError: It is not from 1 to *largest*.
    """
    text = request.query.get(name, "")
    # Longer numbers than Python reads are refused like any other.
    short = text.isascii() and text.isdigit() and len(text) <= len(str(largest))
    lot = int(text) if short else 0
    if not 1 <= lot <= largest:
        raise InvalidBodyError({name: f"must be from 1 to {largest}"})
    return lot


def _item(item: FeedItem, handle: str) -> dict[str, object]:
    change = item.change
    return {
        "eventId": item.event_id,
        "handle": handle,
        "domain": change.domain,
        "state": change.state,
        "lastState": change.last_state,
        "orderId": change.order_id,
        "lastChange": zulu(change.at),
        "currentChange": zulu(change.at),
    }
