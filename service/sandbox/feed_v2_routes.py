"""The feed before Feed v3, under /api/oms/pvt/feed."""

from http import HTTPStatus
from typing import Annotated, Final

from aiohttp import web
from pydantic import BaseModel, Field

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body
from service.sandbox.bodies import read_body
from service.sandbox.clock import Clock, zulu
from service.sandbox.endpoint import Endpoint
from service.sandbox.feed_handles import receipt_of_token, token_of
from service.sandbox.feed_queue import FeedItem
from service.sandbox.feed_routes import lot_of
from service.sandbox.feed_v2 import OldFeeds
from service.sandbox.oms import Oms
from service.sandbox.refusals import InvalidBodyError

_LARGEST_LOT: Final = 100


class _Item(BaseModel):
    orderId: str  # noqa: N815
    status: str
    dateTime: str  # noqa: N815
    commitToken: str  # noqa: N815


class _Lot(BaseModel):
    maxLot: Annotated[int, Field(ge=1, le=_LARGEST_LOT)]  # noqa: N815


class _Commit(BaseModel):
    commit_token: str = Field(alias="commitToken")


class OldFeedRoutes:
    """Read and commit the old feed of the account that asks."""

    def __init__(self, oms: Oms, feeds: OldFeeds, *, clock: Clock) -> None:
        self._oms = oms
        self._feeds = feeds
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/api/oms/pvt/feed/orders/status",
                handler=self._read,
                summary="Read feed v2",
                tag="Feed v2 (deprecated)",
                vtex="Get feed order status",
                rule="One for the account, of every status, from the first read on; "
                "what is not confirmed within four minutes comes again.",
                query=_Lot,
                answer=list[_Item],
            ),
            Endpoint(
                method="POST",
                path="/api/oms/pvt/feed/orders/status/confirm",
                handler=self._confirm,
                summary="Confirm items of feed v2",
                tag="Feed v2 (deprecated)",
                rule="By the tokens of the last read; unknown and expired ones do "
                "nothing.",
                body=list[_Commit],
            ),
        ]

    async def _read(self, request: web.Request) -> web.Response:
        """Read the old feed."""
        self._oms.advance()
        lot = lot_of(request, "maxLot", largest=_LARGEST_LOT)
        account = request[CALLER].account
        items = self._feeds.read(account, lot, now=self._clock.now())
        return answer([_item(item) for item in items])

    async def _confirm(self, request: web.Request) -> web.Response:
        """Confirm items of the old feed."""
        self._oms.advance()
        body = await json_body(request)
        if not isinstance(body, list):
            raise InvalidBodyError({"body": "is not a list"})
        tokens = [read_body(_Commit, item).commit_token for item in body]
        known = filter(None, map(receipt_of_token, tokens))
        self._feeds.commit(request[CALLER].account, known, now=self._clock.now())
        return web.Response(status=HTTPStatus.OK)


def _item(item: FeedItem) -> dict[str, object]:
    return {
        "orderId": item.change.order_id,
        "status": item.change.state,
        "dateTime": zulu(item.change.at),
        "commitToken": token_of(item),
    }
