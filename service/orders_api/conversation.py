"""Operations on what is said about an order: messages and log lines."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import TypeAdapter

from service.orders_api.answer import Operation
from service.orders_api.bodies import Body, LogEntry
from service.orders_api.transport import Transport

CONVERSATION: Final = Operation(
    method="GET",
    name="conversation",
    path="/api/oms/pvt/orders/{orderId}/conversation-message",
    title="Retrieve order conversation",
    call="get_conversation",
    largest_answer=16 * 1024 * 1024,
)
ADD_LOG: Final = Operation(
    method="POST",
    name="interaction",
    path="/api/oms/pvt/orders/{orderId}/interactions",
    title="Add log in orders",
    call="add_log",
    body=LogEntry,
)

_MESSAGES: Final = TypeAdapter(list[dict[str, object]])


class ConversationOperations:
    """Reads an order's messages and adds to its log."""

    _transport: Transport

    async def get_conversation(self, order_id: str) -> Sequence[Mapping[str, object]]:
        """Return messages with the customer (Retrieve order conversation)."""
        answer = await self._transport.send(CONVERSATION, path={"orderId": order_id})
        return answer.read_as(_MESSAGES, called="a list of messages")

    async def add_log(self, order_id: str, body: Body) -> None:
        """Add a line to the order's interactions (Add log in orders)."""
        await self._transport.send(ADD_LOG, path={"orderId": order_id}, body=body)
