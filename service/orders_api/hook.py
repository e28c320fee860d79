"""Operations on the account's hook, which belongs to its appKey."""

from collections.abc import Mapping
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.bodies import Body, HookConfig
from service.orders_api.transport import Transport

GET_CONFIG: Final = Operation(
    method="GET",
    name="hook config",
    path="/api/orders/hook/config",
    title="Get hook configuration",
    call="hook_config",
)
POST_CONFIG: Final = Operation(
    method="POST",
    name="hook config",
    path="/api/orders/hook/config",
    title="Create or update hook configuration",
    call="configure_hook",
    body=HookConfig,
)
DELETE_CONFIG: Final = Operation(
    method="DELETE",
    name="hook config",
    path="/api/orders/hook/config",
    title="Delete hook configuration",
    call="delete_hook_config",
)


class HookOperations:
    """Tells where changes of orders are pushed to."""

    _transport: Transport

    async def hook_config(self) -> Mapping[str, object]:
        """Return the hook's configuration (Get hook configuration).

        Raises:
            ResourceNotFoundError: There is no hook, or VTEX dropped it as unused.
        """
        answer = await self._transport.send(GET_CONFIG)
        return answer.json_object()

    async def configure_hook(self, body: Body) -> None:
        """Create the hook or replace it (Create or update hook configuration).

        VTEX pings the address; a refusal means that it gave no 200 in time.
        """
        await self._transport.send(POST_CONFIG, body=body)

    async def delete_hook_config(self) -> None:
        """Remove the hook (Delete hook configuration)."""
        await self._transport.send(DELETE_CONFIG)
