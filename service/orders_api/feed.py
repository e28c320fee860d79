"""Operations on the account's order feed, which belongs to its appKey."""

from collections.abc import Mapping, Sequence
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.bodies import Body, Commit, FeedConfig
from service.orders_api.transport import Transport

RETRIEVE: Final = Operation(
    method="GET",
    name="feed",
    path="/api/orders/feed",
    title="Retrieve feed items",
    call="retrieve_feed",
    query=("maxlot",),
    # What cannot be read cannot be committed, and would be in the way for ever.
    largest_answer=16 * 1024 * 1024,
)
COMMIT: Final = Operation(
    method="POST",
    name="feed",
    path="/api/orders/feed",
    title="Commit feed items",
    call="commit_feed",
    body=Commit,
)
GET_CONFIG: Final = Operation(
    method="GET",
    name="feed config",
    path="/api/orders/feed/config",
    title="Get feed configuration",
    call="feed_config",
)
POST_CONFIG: Final = Operation(
    method="POST",
    name="feed config",
    path="/api/orders/feed/config",
    title="Create or update feed configuration",
    call="configure_feed",
    body=FeedConfig,
)
DELETE_CONFIG: Final = Operation(
    method="DELETE",
    name="feed config",
    path="/api/orders/feed/config",
    title="Delete feed configuration",
    call="delete_feed_config",
)
RETRIEVE_V2: Final = Operation(
    method="GET",
    name="feed v2",
    path="/api/oms/pvt/feed/orders/status",
    title="Get feed order status",
    call="retrieve_feed_v2",
    query=("maxLot",),
    largest_answer=16 * 1024 * 1024,
)


class FeedOperations:
    """Takes items from the feed, commits them, and configures it."""

    _transport: Transport

    async def retrieve_feed(self, maxlot: int) -> Sequence[object]:
        """Take up to *maxlot* items, 10 at most (Retrieve feed items).

        What is not committed comes again.
        """
        answer = await self._transport.send(RETRIEVE, query={"maxlot": str(maxlot)})
        return answer.json_array()

    async def commit_feed(self, handles: Sequence[str]) -> None:
        """Remove the items received with *handles* (Commit feed items)."""
        await self._transport.send(COMMIT, body={"handles": list(handles)})

    async def feed_config(self) -> Mapping[str, object]:
        """Return the configuration and the backlog (Get feed configuration).

        Raises:
            ResourceNotFoundError: There is no feed, or VTEX dropped it as unused.
        """
        answer = await self._transport.send(GET_CONFIG)
        return answer.json_object()

    async def configure_feed(self, body: Body) -> None:
        """Create the feed or configure it anew (Create or update feed configuration).

        What it holds stays.
        """
        await self._transport.send(POST_CONFIG, body=body)

    async def delete_feed_config(self) -> None:
        """Remove the feed and all it holds (Delete feed configuration)."""
        await self._transport.send(DELETE_CONFIG)

    async def retrieve_feed_v2(self, max_lot: int) -> Sequence[object]:
        """Take up to *max_lot* items of the old feed (Get feed order status)."""
        answer = await self._transport.send(RETRIEVE_V2, query={"maxLot": str(max_lot)})
        return answer.json_array()
