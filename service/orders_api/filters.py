"""Which orders to list, in VTEX's words and within its limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Final, TypeAlias

from service.errors import InvalidListingError

MOST_STATUSES: Final = 7
"""Statuses that one listing may ask for."""

Window: TypeAlias = tuple[datetime, datetime]
"""Two moments, both within; VTEX knows milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilters:
    """Which orders to list, and in which order; what is None does not matter."""

    creation: Window | None = None
    authorized: Window | None = None
    invoiced: Window | None = None
    status: Sequence[str] = ()
    has_input_invoice: bool | None = None
    text: str | None = None
    """An order id, or a client's name, e-mail or document."""
    shipping_estimate: int | None = None
    """Days until delivery; -1 for what is late."""
    utm_source: str | None = None
    seller_names: str | None = None
    call_center_operator: str | None = None
    sales_channel: str | None = None
    sales_channel_id: str | None = None
    affiliate_id: str | None = None
    incomplete: bool | None = None
    payment_names: str | None = None
    promotions: str | None = None
    search_field: str | None = None
    in_store: bool | None = None
    order_by: str | None = None
    """A field and a direction, such as `creationDate,desc`."""

    def query(self) -> dict[str, str]:
        """Return the filters as VTEX spells them.

        Raises:
            InvalidListingError: VTEX takes no such filters.
        """
        if len(self.status) > MOST_STATUSES:
            raise InvalidListingError(
                f"VTEX filters by {MOST_STATUSES} statuses at most, not by "
                f"{len(self.status)}; list without, and pass over the others."
            )
        return dict(self._spelt())

    def _spelt(self) -> Iterator[tuple[str, str]]:
        for field in fields(self):
            value, name = getattr(self, field.name), FILTERS[field.name]
            match value:
                case None | ():
                    pass
                case bool():
                    yield name, str(value).lower()
                case int():
                    yield name, f"{value}.days"
                case (datetime(), datetime()):
                    yield name, f"{_SPANS[field.name]}:{span(value)}"
                case str():
                    yield name, value
                case _:
                    yield name, ",".join(value)


FILTERS: Final = {
    "creation": "f_creationDate",
    "authorized": "f_authorizedDate",
    "invoiced": "f_invoicedDate",
    "status": "f_status",
    "has_input_invoice": "f_hasInputInvoice",
    "text": "q",
    "shipping_estimate": "f_shippingEstimate",
    "utm_source": "f_UtmSource",
    "seller_names": "f_sellerNames",
    "call_center_operator": "f_callCenterOperatorName",
    "sales_channel": "f_salesChannel",
    "sales_channel_id": "salesChannelId",
    "affiliate_id": "f_affiliateId",
    "incomplete": "incompleteOrders",
    "payment_names": "f_paymentNames",
    "promotions": "f_RnB",
    "search_field": "searchField",
    "in_store": "f_isInstore",
    "order_by": "orderBy",
}
"""VTEX's name of each filter."""

_SPANS: Final = {
    "creation": "creationDate",
    "authorized": "authorizedDate",
    "invoiced": "invoicedDate",
}


def span(window: Window) -> str:
    """Return *window* as VTEX spells it.

    Raises:
        InvalidListingError: A moment has no time zone.
    """
    start, end = map(_moment, window)
    return f"[{start} TO {end}]"


def _moment(at: datetime) -> str:
    if at.tzinfo is None:
        raise InvalidListingError("A window's moments need a time zone.")
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{text.removesuffix('+00:00')}Z"
