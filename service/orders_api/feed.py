"""Operations on the account's order feed, which belongs to its appKey."""

from collections.abc import Mapping, Sequence
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.transport import Transport

RETRIEVE: Final = Operation(method="GET", name="feed", path="/api/orders/feed")
COMMIT: Final = Operation(method="POST", name="feed", path="/api/orders/feed")
GET_CONFIG: Final = Operation(
    method="GET", name="feed config", path="/api/orders/feed/config"
)
POST_CONFIG: Final = Operation(
    method="POST", name="feed config", path="/api/orders/feed/config"
)
DELETE_CONFIG: Final = Operation(
    method="DELETE", name="feed config", path="/api/orders/feed/config"
)


class FeedOperations:
    """Takes items from the feed, commits them, and configures it."""

    _transport: Transport

    async def retrieve_feed(self, maxlot: int) -> Sequence[object]:
        """Take up to *maxlot* items (10 at most); uncommitted ones come again."""
        answer = await self._transport.send(RETRIEVE, query={"maxlot": str(maxlot)})
        return answer.json_array()

    async def commit_feed(self, handles: Sequence[str]) -> None:
        """Remove the items that were received with *handles*."""
        await self._transport.send(COMMIT, body={"handles": list(handles)})

    async def get_feed_config(self) -> Mapping[str, object]:
        """Return the feed's configuration, its backlog included.

        Raises:
            ResourceNotFoundError: There is no feed, or VTEX dropped it as unused.
        """
        answer = await self._transport.send(GET_CONFIG)
        return answer.json_object()

    async def post_feed_config(self, body: Mapping[str, object]) -> None:
        """Create the feed, or configure it anew; what it holds stays."""
        await self._transport.send(POST_CONFIG, body=body)

    async def delete_feed_config(self) -> None:
        """Remove the feed and all it holds."""
        await self._transport.send(DELETE_CONFIG)
