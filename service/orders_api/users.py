"""Operations on a customer's orders, as that customer sees them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from service.orders_api.answer import Operation
from service.orders_api.filters import Window, span
from service.orders_api.listing import LARGEST_PAGE, OrderPage, page_of, page_query
from service.orders_api.transport import Transport

_FILTERS: Final = (
    "clientEmail",
    "text",
    "status",
    "creation_date",
    "purchase_agent_id",
    "my_pending_approvals",
)

LIST: Final = Operation(
    method="GET",
    name="user orders",
    path="/api/oms/user/orders",
    title="Retrieve user's orders",
    call="list_user_orders",
    query=(*_FILTERS, "page", "per_page"),
)
GET: Final = Operation(
    method="GET",
    name="user order",
    path="/api/oms/user/orders/{orderId}",
    title="Retrieve user order details",
    call="get_user_order",
    query=_FILTERS,
    largest_answer=16 * 1024 * 1024,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilters:
    """Whose orders: a customer by e-mail; the rest is for buyers of companies."""

    client_email: str | None = None
    text: str | None = None
    status: Sequence[str] = ()
    creation: Window | None = None
    purchase_agents: Sequence[str] = ()
    my_pending_approvals: bool | None = None

    def query(self) -> dict[str, str | Sequence[str]]:
        """Return the filters as VTEX spells them."""
        return dict(self._spelt())

    def _spelt(self) -> Iterator[tuple[str, str | Sequence[str]]]:
        if self.client_email is not None:
            yield "clientEmail", self.client_email
        if self.text is not None:
            yield "text", self.text
        if self.status:
            yield "status", tuple(self.status)
        if self.creation is not None:
            yield "creation_date", span(self.creation)
        if self.purchase_agents:
            yield "purchase_agent_id", tuple(self.purchase_agents)
        if self.my_pending_approvals is not None:
            yield "my_pending_approvals", str(self.my_pending_approvals).lower()


class UserOperations:
    """Reads what a customer may see of his orders."""

    _transport: Transport

    async def list_user_orders(
        self, filters: UserFilters, *, page: int, per_page: int = LARGEST_PAGE
    ) -> OrderPage:
        """Return one page of a customer's orders (Retrieve user's orders).

        Raises:
            InvalidListingError: VTEX gives no such page.
        """
        query = filters.query() | page_query(page, per_page)
        answer = await self._transport.send(LIST, query=query)
        return page_of(answer, page)

    async def get_user_order(
        self, order_id: str, filters: UserFilters
    ) -> Mapping[str, object]:
        """Return a customer's order (Retrieve user order details)."""
        answer = await self._transport.send(
            GET, path={"orderId": order_id}, query=filters.query()
        )
        return answer.json_object()
