"""An order's invoices, and what a new one must keep to."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from service.domain.document import OrderDocument, Package
from service.domain.facts import (
    CourierUpdateReceived,
    InvoiceIssued,
    InvoiceItem,
    TrackingNumberAssigned,
)
from service.errors import InvalidInvoiceError

# VTEX takes other numbers, and then cannot find the invoice to track its package;
# nothing repairs that. Dots alone would be a step up in the address of the call.
_NUMBER: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")

# Of the numbers that others gave, those of which that is known.
_LOST: Final = re.compile(r"[\s/#]|%2F", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One invoice of the order: ours, or one that VTEX's document shows."""

    type: str | None = None
    value: int | None = None
    quantities: Mapping[str, int] = field(default_factory=dict)
    """How many of each SKU."""
    issued: InvoiceIssued | None = None
    """The fact, where the invoice is ours."""
    version: int | None = None
    """Version of that fact."""
    tracking_number: str | None = None
    tracking_url: str | None = None
    courier: str | None = None
    dispatched_date: datetime | None = None
    last_update: CourierUpdateReceived | None = None

    def with_package(self, package: Package, document: OrderDocument) -> "Invoice":
        """Take over what VTEX's document shows; of our own invoice, only tracking."""
        tracked = replace(
            self,
            tracking_number=package.tracking_number or self.tracking_number,
            tracking_url=package.tracking_url or self.tracking_url,
            courier=package.courier or self.courier,
        )
        if self.issued is not None:
            return tracked
        return replace(
            tracked,
            type=package.type,
            value=package.invoice_value,
            quantities=_quantities(package, document),
        )

    def with_tracking_number(self, fact: TrackingNumberAssigned) -> "Invoice":
        """Take over a tracking number; what the fact leaves open stays."""
        return replace(
            self,
            tracking_number=fact.tracking_number,
            tracking_url=fact.tracking_url or self.tracking_url,
            courier=fact.courier or self.courier,
            dispatched_date=fact.dispatched_date or self.dispatched_date,
        )


def issued_invoice(fact: InvoiceIssued, *, version: int) -> Invoice:
    """Return the invoice that *fact*, at *version* of the stream, issued."""
    return Invoice(
        type=fact.invoice_type,
        value=fact.invoice_value,
        quantities=summed(fact.items),
        issued=fact,
        version=version,
        tracking_number=fact.tracking_number,
        tracking_url=fact.tracking_url,
        courier=fact.courier,
    )


def invoice_number(words: str) -> str:
    """Return a number that VTEX can find again, or refuse it."""
    number = words.strip()
    if _NUMBER.fullmatch(number) is None:
        message = (
            f"Invoice number {words!r} will not do: "
            "use 1 to 100 letters, digits, dots, dashes and underscores."
        )
        raise InvalidInvoiceError(message)
    return number


def is_lost(number: str) -> bool:
    """Say whether VTEX cannot find an invoice of this number to track it."""
    return _LOST.search(number) is not None


def is_same(fact: InvoiceIssued, invoice: Invoice) -> bool:
    """Say whether *fact* would issue what is there already."""
    if invoice.issued is not None:
        return fact == invoice.issued
    # Of an invoice that others issued, VTEX shows neither keys nor prices.
    return (fact.invoice_type, fact.invoice_value) == (invoice.type, invoice.value)


def check_items(
    items: Iterable[InvoiceItem],
    *,
    ordered: Mapping[str, int],
    outputs: Iterable[Invoice],
) -> None:
    """Refuse items that the order has not, or no longer has to invoice."""
    left = Counter(ordered)
    for invoice in outputs:
        left.subtract(invoice.quantities)
    for sku, wanted in summed(items).items():
        if sku not in ordered:
            message = f"SKU {sku} is not in the order; correct the items."
            raise InvalidInvoiceError(message)
        if wanted > left[sku]:
            message = (
                f"{wanted} of SKU {sku} are more than the {max(0, left[sku])} that "
                "are left to invoice; correct the quantity."
            )
            raise InvalidInvoiceError(message)


def check_value(value: int, *, order_value: int, outputs: Iterable[Invoice]) -> None:
    """Refuse a value that takes the invoices' sum above the order's value."""
    left = order_value - sum(invoice.value or 0 for invoice in outputs)
    if value > left:
        message = (
            f"{value} cents are more than the {left} that are left to invoice; "
            "correct the value."
        )
        raise InvalidInvoiceError(message)


def check_remainder(
    fact: InvoiceIssued,
    *,
    ordered: Mapping[str, int],
    order_value: int,
    outputs: Sequence[Invoice],
) -> None:
    """Refuse a last invoice after which some of the order's value is left.

    VTEX would wait for the rest, and no item is left to put on another invoice.
    """
    left = Counter(ordered)
    for quantities in (summed(fact.items), *(i.quantities for i in outputs)):
        left.subtract(quantities)
    rest = order_value - fact.invoice_value - sum(i.value or 0 for i in outputs)
    if rest > 0 and not any(count > 0 for count in left.values()):
        message = (
            f"No items are left to invoice after this, and {rest} cents are: the last "
            f"invoice takes the remainder, {fact.invoice_value + rest} cents."
        )
        raise InvalidInvoiceError(message)


def one_line_each(items: Iterable[InvoiceItem]) -> tuple[InvoiceItem, ...]:
    """Return one line a SKU: of several, VTEX cannot tell what was invoiced.

    Where their prices differ, the line has their average, rounded to the cent.
    """
    lines: dict[str, list[InvoiceItem]] = {}
    for item in items:
        lines.setdefault(item.id, []).append(item)
    return tuple(map(_one_line, lines.values()))


def _one_line(lines: Sequence[InvoiceItem]) -> InvoiceItem:
    quantity = sum(line.quantity for line in lines)
    worth = sum(line.price * line.quantity for line in lines)
    price = (2 * worth + quantity) // (2 * quantity)
    return InvoiceItem(id=lines[0].id, price=price, quantity=quantity)


def summed(items: Iterable[InvoiceItem]) -> Mapping[str, int]:
    """Add up the quantities of each SKU."""
    quantities: Counter[str] = Counter()
    for item in items:
        quantities[item.id] += item.quantity
    return quantities


def _quantities(package: Package, document: OrderDocument) -> Mapping[str, int]:
    quantities: Counter[str] = Counter()
    for item in package.items:
        if item.item_index in range(len(document.items)):
            sku = document.items[item.item_index].id
            if sku is not None:
                quantities[sku] += item.quantity
    return quantities
