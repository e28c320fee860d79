"""What VTEX's documentation leaves out of the old feed: how its items are committed."""

from collections.abc import Sequence
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.transport import Transport

COMMIT: Final = Operation(
    method="POST",
    name="feed v2",
    path="/api/oms/pvt/feed/orders/status/confirm",
    title="Confirm feed order status",
    call="commit_feed_v2",
)


class OldFeedOperations:
    """Commits the old feed's items."""

    _transport: Transport

    async def commit_feed_v2(self, tokens: Sequence[str]) -> None:
        """Remove the items that were received with *tokens*."""
        body = [{"commitToken": token} for token in tokens]
        await self._transport.send(COMMIT, body=body)
