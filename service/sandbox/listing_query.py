"""What the lists of orders may be asked for: filters, order and page."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final, NamedTuple, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from service.sandbox.refusals import InvalidBodyError

LAST_PAGE: Final = 30
LARGEST_PAGE: Final = 100
_MOST_STATUSES: Final = 7
_EVERYTHING: Final = "$$ALL_VALUES$$"
"""What VTEX's Admin writes where nothing was chosen."""

_SPAN: Final = re.compile(r"(?:(\w+):)?\[(\S+) TO (\S+)\]")
_DAYS: Final = re.compile(r"(-?\d{1,4})\.days")


class Window(NamedTuple):
    """From one moment to another, both within; None leaves an end open."""

    start: datetime | None
    end: datetime | None

    @classmethod
    def read(cls, text: object, *, field: str) -> Self:
        """Read `field:[from TO to]`, where `*` is an open end."""
        span = _SPAN.fullmatch(str(text))
        if span is None or span[1] not in {field, None}:
            raise ValueError(f"must be {field}:[from TO to]")
        return cls(_moment(span[2], rest=0), _moment(span[3], rest=999))

    def holds(self, at: datetime | None) -> bool:
        return (
            at is not None
            and (self.start is None or self.start <= at)
            and (self.end is None or at <= self.end)
        )


def _moment(text: str, *, rest: int) -> datetime | None:
    if text == "*":
        return None
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is not a time") from error
    # VTEX's index knows milliseconds: the one that is named is within as a whole.
    return at.replace(microsecond=at.microsecond // 1000 * 1000 + rest)


def _parts(text: object) -> tuple[str, ...]:
    return tuple(part for part in str(text).split(",") if part and part != _EVERYTHING)


def _days(text: object) -> int:
    days = _DAYS.fullmatch(str(text))
    if days is None:
        raise ValueError("must be a number of days, such as 7.days")
    return int(days[1])


def _words(text: object) -> str:
    if "+" in str(text):
        raise ValueError("must not contain +")
    return str(text).strip()


def _window(field: str) -> BeforeValidator:
    return BeforeValidator(partial(Window.read, field=field))


_AsText: Final = WithJsonSchema({"type": "string"})
_Page = Annotated[int, Field(ge=1, le=LAST_PAGE)]
_PerPage = Annotated[int, Field(ge=1, le=LARGEST_PAGE)]
_Parts = Annotated[tuple[str, ...], BeforeValidator(_parts)]


class _Query(BaseModel):
    # What else is asked is passed over, as VTEX does.
    model_config = ConfigDict(frozen=True, extra="ignore")

    page: _Page = 1
    per_page: _PerPage = 15


class ListQuery(_Query):
    """The filters of List orders."""

    order_by: str = Field(
        "creationDate,desc",
        alias="orderBy",
        pattern="^(creationDate|orderId|items|totalValue|origin),(asc|desc)$",
    )
    creation: Annotated[Window | None, _window("creationDate"), _AsText] = Field(
        None, alias="f_creationDate"
    )
    authorized: Annotated[Window | None, _window("authorizedDate"), _AsText] = Field(
        None, alias="f_authorizedDate"
    )
    invoiced: Annotated[Window | None, _window("invoicedDate"), _AsText] = Field(
        None, alias="f_invoicedDate"
    )
    statuses: _Parts = Field((), alias="f_status", max_length=_MOST_STATUSES)
    text: Annotated[str | None, BeforeValidator(_words)] = Field(None, alias="q")
    estimate: Annotated[int | None, BeforeValidator(_days), _AsText] = Field(
        None, alias="f_shippingEstimate"
    )
    has_input_invoice: bool | None = Field(None, alias="f_hasInputInvoice")
    in_store: bool | None = Field(None, alias="f_isInstore")
    incomplete: bool = Field(False, alias="incompleteOrders")
    utm_source: str | None = Field(None, alias="f_UtmSource")
    seller_names: str | None = Field(None, alias="f_sellerNames")
    operator: str | None = Field(None, alias="f_callCenterOperatorName")
    sales_channel: str | None = Field(None, alias="f_salesChannel")
    sales_channel_id: str | None = Field(None, alias="salesChannelId")
    affiliate_id: str | None = Field(None, alias="f_affiliateId")
    payment_names: str | None = Field(None, alias="f_paymentNames")
    promotions: str | None = Field(None, alias="f_RnB")
    search_field: str | None = Field(None, alias="searchField")
    sku_ids: str | None = Field(None, alias="sku_Ids")
    list_id: str | None = Field(None, alias="listId")
    tid: str | None = None
    pci_tid: str | None = None
    payment_id: str | None = Field(None, alias="paymentId")
    nsu: str | None = None

    def search(self) -> tuple[str, str] | None:
        """Return the field to search, and the value: `searchField=tid&tid=1`.

        Raises:
            InvalidBodyError: There is no such field, or no value for it.
        """
        if self.search_field is None:
            return None
        name, _, pair = self.search_field.partition("&")
        given = self.model_dump(by_alias=True, include=_SEARCHABLE)
        again, _, value = pair.partition("=")
        if not pair:
            again, value = name, given.get(name) or ""
        if name not in given or again != name or not value:
            names = ", ".join(given)
            raise InvalidBodyError({"searchField": f"must be one of {names}, with it"})
        return name, value


_SEARCHABLE: Final = {"sku_ids", "list_id", "tid", "pci_tid", "payment_id", "nsu"}


class UserQuery(_Query):
    """The filters of a customer's list of orders."""

    client_email: str | None = Field(None, alias="clientEmail")
    text: str | None = None
    statuses: _Parts = Field((), alias="status")
    creation: Annotated[Window | None, _window("creationDate"), _AsText] = Field(
        None, alias="creation_date"
    )
    purchase_agents: _Parts = Field((), alias="purchase_agent_id")
    pending: bool = Field(False, alias="my_pending_approvals")
