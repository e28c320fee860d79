"""Operations that modify placed orders, of the old kind and of the new."""

from collections.abc import Mapping
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.bodies import (
    Body,
    Modification,
    ModificationCancellation,
    RegisteredChange,
    Request,
)
from service.orders_api.receipt import Receipt
from service.orders_api.transport import Transport

_CHANGES: Final = "/api/order-system/orders/{changeOrderId}/changes"
_CHANGE: Final = f"{_CHANGES}/{{changeRequestId}}"
_SETTINGS: Final = "/api/order-system/orders/changes/settings"

REGISTER: Final = Operation(
    method="POST",
    name="change v1",
    path="/api/oms/pvt/orders/{orderId}/changes",
    title="Register modifications on order",
    call="register_change",
    body=RegisteredChange,
)
SUMMARY: Final = Operation(
    method="GET",
    name="change summary",
    path="/api/orders/pvt/document/{orderId}/change-summary",
    title="Get order modifications summary",
    call="change_summary",
)
CREATE: Final = Operation(
    method="PATCH",
    name="changes",
    path=_CHANGES,
    title="Create order modifications",
    call="create_change",
    query=("accountName",),
    own_account="accountName",
    body=Modification,
)
HISTORY: Final = Operation(
    method="GET",
    name="changes",
    path=_CHANGES,
    title="Get order modifications history",
    call="change_history",
    query=("an",),
    own_account="an",
)
DETAILS: Final = Operation(
    method="GET",
    name="change",
    path=_CHANGE,
    title="Get order modifications details",
    call="get_change",
    query=("an",),
    own_account="an",
)
PREVIEW: Final = Operation(
    method="POST",
    name="change preview",
    path=f"{_CHANGES}/preview",
    title="Preview order modifications",
    call="preview_change",
    query=("an",),
    own_account="an",
    body=Modification,
    only_asks=True,
)
RETRY: Final = Operation(
    method="POST",
    name="change retry",
    path=f"{_CHANGE}/retry",
    title="Retry order modifications",
    call="retry_change",
    query=("an",),
    own_account="an",
    body=Modification,
)
CANCEL: Final = Operation(
    method="POST",
    name="change cancel",
    path=f"{_CHANGE}/cancel",
    title="Cancel order modifications",
    call="cancel_change",
    query=("an",),
    own_account="an",
    body=ModificationCancellation,
)
UPDATE_SETTINGS: Final = Operation(
    method="PUT",
    name="change settings",
    path=_SETTINGS,
    title="Update Order modifications settings",
    call="configure_changes",
    query=("an",),
    own_account="an",
    body=Request,
)
GET_SETTINGS: Final = Operation(
    method="GET",
    name="change settings",
    path=_SETTINGS,
    title="Get Order modifications settings",
    call="change_settings",
    query=("an",),
    own_account="an",
)


class ModificationOperations:
    """Modifies orders; where *account* is None, the order was placed in ours."""

    _transport: Transport

    async def register_change(self, order_id: str, body: Body) -> Receipt:
        """Change items and amounts the old way (Register modifications on order).

        VTEX has deprecated it; an order that it touched takes no modifications.
        """
        answer = await self._transport.send(
            REGISTER, path={"orderId": order_id}, body=body
        )
        return Receipt.of(answer)

    async def change_summary(self, order_id: str) -> Mapping[str, object]:
        """Return what modifications made of it (Get order modifications summary)."""
        answer = await self._transport.send(SUMMARY, path={"orderId": order_id})
        return answer.json_object()

    async def create_change(
        self, order_id: str, body: Body, *, account: str | None = None
    ) -> Mapping[str, object]:
        """Ask for a modification (Create order modifications).

        VTEX makes it later: `get_change` of the answer's `requestId` tells.
        """
        answer = await self._transport.send(
            CREATE,
            path={"changeOrderId": order_id},
            query=_of(CREATE, account),
            body=body,
        )
        return answer.json_object()

    async def change_history(
        self, order_id: str, *, account: str | None = None
    ) -> Mapping[str, object]:
        """Return all modifications of an order (Get order modifications history)."""
        answer = await self._transport.send(
            HISTORY, path={"changeOrderId": order_id}, query=_of(HISTORY, account)
        )
        return answer.json_object()

    async def get_change(
        self, order_id: str, request_id: str, *, account: str | None = None
    ) -> Mapping[str, object]:
        """Return how a modification goes (Get order modifications details)."""
        answer = await self._transport.send(
            DETAILS,
            path={"changeOrderId": order_id, "changeRequestId": request_id},
            query=_of(DETAILS, account),
        )
        return answer.json_object()

    async def preview_change(
        self, order_id: str, body: Body, *, account: str | None = None
    ) -> Mapping[str, object]:
        """Return what a modification would make of it (Preview order modifications)."""
        answer = await self._transport.send(
            PREVIEW,
            path={"changeOrderId": order_id},
            query=_of(PREVIEW, account),
            body=body,
        )
        return answer.json_object()

    async def retry_change(
        self, order_id: str, request_id: str, body: Body, *, account: str | None = None
    ) -> None:
        """Have a failed modification made after all (Retry order modifications).

        The *body* is that with which it was created.
        """
        await self._transport.send(
            RETRY,
            path={"changeOrderId": order_id, "changeRequestId": request_id},
            query=_of(RETRY, account),
            body=body,
        )

    async def cancel_change(
        self, order_id: str, request_id: str, body: Body, *, account: str | None = None
    ) -> None:
        """Give a failed modification up (Cancel order modifications)."""
        await self._transport.send(
            CANCEL,
            path={"changeOrderId": order_id, "changeRequestId": request_id},
            query=_of(CANCEL, account),
            body=body,
        )

    async def configure_changes(self, body: Body) -> Mapping[str, object]:
        """Set how modifications work (Update Order modifications settings)."""
        answer = await self._transport.send(UPDATE_SETTINGS, body=body)
        return answer.json_object()

    async def change_settings(self) -> Mapping[str, object]:
        """Return how modifications work (Get Order modifications settings)."""
        answer = await self._transport.send(GET_SETTINGS)
        return answer.json_object()


def _of(operation: Operation, account: str | None) -> Mapping[str, str]:
    name = operation.own_account
    return {} if account is None or name is None else {name: account}
