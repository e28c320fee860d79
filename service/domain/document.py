"""The order document as we keep it: VTEX's Get order without personal data."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict

from service.domain import raw
from service.errors import UnreadableOrderError

_ESCAPED: Final = re.compile("[^\x00-\x7e]")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Total(_Part):
    """One line of the order's totals."""

    id: str
    """VTEX's name of the line: Items, Discounts, Shipping, Tax."""
    value: int
    """Cents."""


class Item(_Part):
    """One line of the order; other parts refer to it by its place, from 0."""

    unique_id: str | None = None
    id: str | None = None
    """SKU."""
    product_id: str | None = None
    name: str | None = None
    quantity: int = 0
    price: int | None = None
    """Cents a unit, before promotions."""
    selling_price: int | None = None
    """Cents a unit."""
    seller: str | None = None


class Logistics(_Part):
    """How one item of the order travels."""

    item_index: int
    selected_sla: str | None = None
    delivery_channel: str | None = None
    """The selected one: delivery or pickup-in-point."""
    shipping_estimate: str | None = None
    """VTEX's duration, such as 3bd (business days)."""
    shipping_estimate_date: AwareDatetime | None = None
    delivery_company: str | None = None
    pickup_point_id: str | None = None


class PackageItem(_Part):
    """How many of one item of the order a package holds."""

    item_index: int
    quantity: int = 0


class PartialCheckpoint(_Part):
    """Where a package was seen, as far as VTEX tells."""

    city: str | None = None
    state: str | None = None
    """Region, in the carrier's words."""
    description: str | None = None
    """The carrier's own words."""
    at: AwareDatetime | None = None


class CourierStatus(_Part):
    """What the carrier says about a package, as VTEX holds it."""

    status: str | None = None
    finished: bool = False
    delivered_date: AwareDatetime | None = None
    data: tuple[PartialCheckpoint, ...] = ()


class Package(_Part):
    """One invoice and the package it travels with."""

    invoice_number: str | None = None
    type: str | None = None
    """Output (a sale) or Input (a return)."""
    items: tuple[PackageItem, ...] = ()
    invoice_value: int | None = None
    """Cents."""
    issuance_date: AwareDatetime | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    courier: str | None = None
    courier_status: CourierStatus | None = None


class Cancellation(_Part):
    """Why an order was cancelled, and by whom."""

    reason: str | None = None
    at: AwareDatetime | None = None
    by_user: bool = False
    by_system: bool = False
    by_seller: bool = False
    by_payment: bool = False


class OrderDocument(_Part):
    """An order as VTEX last told it, without personal data."""

    order_id: str
    sequence: str | None = None
    order_group: str | None = None
    """Shared by all orders of one purchase."""
    marketplace_order_id: str | None = None
    origin: str | None = None
    """Marketplace, Fulfillment or Chain."""
    affiliate: str | None = None
    sales_channel: str | None = None
    status: str | None = None
    creation_date: AwareDatetime | None = None
    last_change: AwareDatetime | None = None
    authorized_date: AwareDatetime | None = None
    invoiced_date: AwareDatetime | None = None
    is_completed: bool | None = None
    """False while the payment is not settled: the order is incomplete."""
    workflow_is_in_error: bool = False
    allow_cancellation: bool | None = None
    value: int | None = None
    """Cents."""
    currency: str | None = None
    totals: tuple[Total, ...] = ()
    items: tuple[Item, ...] = ()
    logistics: tuple[Logistics, ...] = ()
    packages: tuple[Package, ...] = ()
    cancellation: Cancellation | None = None


def document_hash(document: OrderDocument) -> str:
    """Return the SHA-256 of the document's canonical JSON, in hex.

    Canonical is what Python's `json` writes in ASCII, with sorted keys and no spaces.
    """
    fields = document.model_dump(mode="json")
    canonical = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS).decode()
    escaped = _ESCAPED.sub(_code_units, canonical)
    return hashlib.sha256(escaped.encode()).hexdigest()


def _code_units(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(rf"\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def normalise(order: Mapping[str, object]) -> OrderDocument:
    """Read VTEX's Get order, taking only what is listed here.

    Odd content is left out; only what is no order at all is refused.

    Raises:
        UnreadableOrderError: Not a JSON object, or one without an orderId.
    """
    fields = raw.mapping(order)
    order_id = raw.text(fields.get("orderId"))
    if order_id is None:
        raise UnreadableOrderError
    shipping = raw.mapping(fields.get("shippingData"))
    packages = raw.mapping(fields.get("packageAttachment"))
    preferences = raw.mapping(fields.get("storePreferencesData"))
    return OrderDocument(
        order_id=order_id,
        sequence=raw.text(fields.get("sequence")),
        order_group=raw.text(fields.get("orderGroup")),
        marketplace_order_id=raw.text(fields.get("marketplaceOrderId")),
        origin=raw.text(fields.get("origin")),
        affiliate=raw.text(fields.get("affiliateId")),
        sales_channel=raw.text(fields.get("salesChannel")),
        status=raw.text(fields.get("status")),
        creation_date=raw.moment(fields.get("creationDate")),
        last_change=raw.moment(fields.get("lastChange")),
        authorized_date=raw.moment(fields.get("authorizedDate")),
        invoiced_date=raw.moment(fields.get("invoicedDate")),
        is_completed=raw.flag(fields.get("isCompleted")),
        workflow_is_in_error=raw.flag(fields.get("workflowIsInError")) or False,
        allow_cancellation=raw.flag(fields.get("allowCancellation")),
        value=raw.number(fields.get("value")),
        currency=raw.text(preferences.get("currencyCode")),
        totals=_totals(fields.get("totals")),
        # An item keeps its place even when it is odd: packages refer to it by place.
        items=tuple(_item(raw.mapping(e)) for e in raw.entries(fields.get("items"))),
        logistics=tuple(
            _logistics(raw.mapping(entry), place=place)
            for place, entry in enumerate(raw.entries(shipping.get("logisticsInfo")))
        ),
        packages=tuple(
            _package(entry)
            for entry in raw.entries(packages.get("packages"))
            if isinstance(entry, Mapping)
        ),
        cancellation=_cancellation(fields),
    )


def _totals(value: object) -> tuple[Total, ...]:
    totals = []
    for row in map(raw.mapping, raw.entries(value)):
        name, cents = raw.text(row.get("id")), raw.number(row.get("value"))
        if name is not None and cents is not None:
            totals.append(Total(id=name, value=cents))
    return tuple(totals)


def _item(row: Mapping[str, object]) -> Item:
    return Item(
        unique_id=raw.text(row.get("uniqueId")),
        id=raw.text(row.get("id")),
        product_id=raw.text(row.get("productId")),
        name=raw.text(row.get("name")),
        quantity=raw.quantity(row.get("quantity")),
        price=raw.number(row.get("price")),
        selling_price=raw.number(row.get("sellingPrice")),
        seller=raw.text(row.get("seller")),
    )


def _logistics(row: Mapping[str, object], *, place: int) -> Logistics:
    item_index = raw.number(row.get("itemIndex"))
    selected = raw.text(row.get("selectedSla"))
    slas = map(raw.mapping, raw.entries(row.get("slas")))
    sla = next((sla for sla in slas if raw.text(sla.get("id")) == selected), {})
    return Logistics(
        item_index=place if item_index is None else item_index,
        selected_sla=selected,
        delivery_channel=raw.text(row.get("selectedDeliveryChannel"))
        or raw.text(sla.get("deliveryChannel")),
        shipping_estimate=raw.text(row.get("shippingEstimate"))
        or raw.text(sla.get("shippingEstimate")),
        shipping_estimate_date=raw.moment(row.get("shippingEstimateDate")),
        delivery_company=raw.text(row.get("deliveryCompany")),
        pickup_point_id=raw.text(row.get("pickupPointId"))
        or raw.text(sla.get("pickupPointId")),
    )


def _package(row: Mapping[str, object]) -> Package:
    return Package(
        invoice_number=raw.text(row.get("invoiceNumber")),
        type=raw.text(row.get("type")),
        items=_package_items(row.get("items")),
        invoice_value=raw.number(row.get("invoiceValue")),
        issuance_date=raw.moment(row.get("issuanceDate")),
        tracking_number=raw.text(row.get("trackingNumber")),
        tracking_url=raw.text(row.get("trackingUrl")),
        courier=raw.text(row.get("courier")),
        courier_status=_courier_status(row.get("courierStatus")),
    )


def _package_items(value: object) -> tuple[PackageItem, ...]:
    items = []
    for row in map(raw.mapping, raw.entries(value)):
        index = raw.number(row.get("itemIndex"))
        if index is not None:
            count = raw.quantity(row.get("quantity"))
            items.append(PackageItem(item_index=index, quantity=count))
    return tuple(items)


def _courier_status(value: object) -> CourierStatus | None:
    if not isinstance(value, Mapping):
        return None
    return CourierStatus(
        status=raw.text(value.get("status")),
        finished=raw.flag(value.get("finished")) or False,
        delivered_date=raw.moment(value.get("deliveredDate")),
        data=tuple(
            PartialCheckpoint(
                city=raw.text(row.get("city")),
                state=raw.text(row.get("state")),
                description=raw.text(row.get("description")),
                at=raw.moment(row.get("lastChange"))
                or raw.moment(row.get("createDate")),
            )
            for row in map(raw.mapping, raw.entries(value.get("data")))
        ),
    )


def _cancellation(fields: Mapping[str, object]) -> Cancellation | None:
    data = raw.mapping(fields.get("cancellationData"))
    reason = raw.text(data.get("Reason")) or raw.text(fields.get("cancelReason"))
    if not data and reason is None:
        return None
    return Cancellation(
        reason=reason,
        at=raw.moment(data.get("CancellationDate")),
        by_user=data.get("RequestedByUser") is True,
        by_system=data.get("RequestedBySystem") is True,
        by_seller=data.get("RequestedBySellerNotification") is True,
        by_payment=data.get("RequestedByPaymentNotification") is True,
    )
