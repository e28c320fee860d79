"""Operations on the time in which another seller may take an order over."""

from typing import Final

from pydantic import TypeAdapter

from service.orders_api.answer import Operation
from service.orders_api.bodies import WindowToChangeSeller
from service.orders_api.transport import Transport

_PATH: Final = "/api/checkout/pvt/configuration/window-to-change-seller"

GET_WINDOW: Final = Operation(
    method="GET",
    name="window-to-change-seller",
    path=_PATH,
    title="Get window to change seller",
    call="window_to_change_seller",
)
SET_WINDOW: Final = Operation(
    method="POST",
    name="window-to-change-seller",
    path=_PATH,
    title="Update window to change seller",
    call="set_window_to_change_seller",
    body=WindowToChangeSeller,
)

_DAYS: Final = TypeAdapter(int)


class ChangeSellerOperations:
    """Reads and sets how long an order waits for another seller."""

    _transport: Transport

    async def window_to_change_seller(self) -> int:
        """Return the days (Get window to change seller)."""
        answer = await self._transport.send(GET_WINDOW)
        return answer.read_as(_DAYS, called="a number of days")

    async def set_window_to_change_seller(self, days: int) -> None:
        """Set the days (Update window to change seller)."""
        body = WindowToChangeSeller(waiting_time=days)
        await self._transport.send(SET_WINDOW, body=body)
