"""The operation that tries a filter's expression on an order document."""

from typing import Final

from pydantic import TypeAdapter

from service.orders_api.answer import Operation
from service.orders_api.bodies import Trial
from service.orders_api.transport import Transport

TEST: Final = Operation(
    method="POST",
    name="expression",
    path="/api/orders/expressions/jsonata",
    title="Test JSONata expression",
    call="test_expression",
    body=Trial,
    only_asks=True,
)

_BOOLEAN: Final = TypeAdapter(bool)


class ExpressionOperations:
    """Tries expressions before a feed or a hook is configured with them."""

    _transport: Transport

    async def test_expression(self, expression: str, document: str) -> bool:
        """Return whether JSON *document* passes it (Test JSONata expression)."""
        body = Trial(expression=expression, document=document)
        answer = await self._transport.send(TEST, body=body)
        return answer.read_as(_BOOLEAN, called="true or false")
