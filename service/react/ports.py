"""What the room needs of VTEX: a protocol that states its guarantees."""

from collections.abc import Mapping
from typing import Protocol

from service.orders_api.gate import Gate
from service.orders_api.receipt import Receipt


class OrdersApi(Protocol):
    """The Orders API of one account.

    Each method sends one request and sends it once. What it raises is an
    `OrdersApiError`: its subclass says what to do next, its *outcome_unknown* whether
    VTEX may have done it all the same. *resend_count* is for traces only.
    """

    @property
    def gate(self) -> Gate:
        """Where requests wait for their turn, and for an account that is held."""
        ...

    async def get_order(
        self, order_id: str, *, resend_count: int = 0
    ) -> Mapping[str, object]: ...

    async def start_handling(
        self, order_id: str, *, resend_count: int = 0
    ) -> Receipt: ...

    async def invoice(
        self, order_id: str, body: Mapping[str, object], *, resend_count: int = 0
    ) -> Receipt: ...

    async def update_invoice(
        self,
        order_id: str,
        invoice_number: str,
        body: Mapping[str, object],
        *,
        resend_count: int = 0,
    ) -> Receipt: ...

    async def update_tracking(
        self,
        order_id: str,
        invoice_number: str,
        body: Mapping[str, object],
        *,
        resend_count: int = 0,
    ) -> Receipt: ...

    async def cancel(
        self, order_id: str, body: Mapping[str, object], *, resend_count: int = 0
    ) -> Receipt: ...
