"""Which orders may be changed, and what a change makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from service.sandbox.change_records import ChangeEffect
from service.sandbox.change_refusals import ChangeInProgressError, ChangeRefusedError
from service.sandbox.items import Item
from service.sandbox.orders import Order, Shopper
from service.sandbox.packages import Package

LARGEST_NUMBER: Final = 50
"""Changes of the first version that one order takes."""

_BY_SELLER: Final = frozenset(
    {"handling", "waiting-for-fulfillment", "ready-for-invoicing"}
)
_BY_MARKETPLACE: Final = frozenset({"payment-approved"})
_VERIFYING: Final = frozenset({"invoice"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """An order as a change would leave it."""

    items: tuple[Item, ...]
    effect: ChangeEffect
    shopper: Shopper


def changeable(order: Order) -> bool:
    """Say whether *order* is where changes are taken."""
    return order.status in _statuses(order) and not _is_invoiced(order)


def require_changeable(order: Order, *, is_under_way: bool = False) -> None:
    """Refuse to change an order that is not where changes are taken.

    One that is under way goes on while an invoice is verified.

    Raises:
        ChangeRefusedError: Its flow or its status does not allow it.
    """
    if order.flow == "chain":
        raise ChangeRefusedError("A chain order cannot be changed", code="CHK0095")
    if _is_invoiced(order):
        raise ChangeRefusedError(
            "All of the order is invoiced", code="SalesOrderSystem046"
        )
    allowed = _statuses(order) | (_VERIFYING if is_under_way else frozenset())
    if order.status not in allowed:
        raise ChangeRefusedError(
            f"An order is changed in {', '.join(sorted(allowed))}; "
            f"it is in {order.status or 'no status'}",
            code="CHK0124",
        )


def require_first_version(order: Order) -> None:
    """Refuse a change of the first version where the second was used.

    Raises:
        ChangeRefusedError: The order has one of the second, or too many already.
    """
    if any(request.status != "canceled" for request in order.change_requests):
        raise ChangeRefusedError(
            "The order was changed by the second version of changes; go on with it",
            code="SalesOrderSystem015",
        )
    if len(order.registered_changes) >= LARGEST_NUMBER:
        raise ChangeRefusedError(f"An order takes at most {LARGEST_NUMBER} changes")


def require_second_version(order: Order) -> None:
    """Refuse a change of the second version where the first was used, or one runs.

    Raises:
        ChangeRefusedError: The order has one of the first.
        ChangeInProgressError: Wait for the one before.
    """
    if order.registered_changes:
        raise ChangeRefusedError(
            "The order was changed by the first version of changes; go on with it",
            code="SalesOrderSystem015",
        )
    running = next((r for r in order.change_requests if r.is_in_progress), None)
    if running is not None:
        raise ChangeInProgressError(
            f"Change {running.request_id} has not come to an end", code="CHK0124"
        )


def require_value(order: Order, effect: ChangeEffect) -> None:
    """Refuse a change that makes *order* worth too little.

    Raises:
        ChangeRefusedError: It would be worth less than nothing, or than its invoices.
    """
    value = order.value + effect.total
    if value < 0:
        raise ChangeRefusedError(
            "The change takes off more than the order is worth", code="CHK0034"
        )
    if value < order.invoiced_value:
        raise ChangeRefusedError(
            "The order would be worth less than what is invoiced of it",
            code="CHK0034",
        )


def revise(order: Order, revision: Revision) -> str | None:
    """Make *revision* of *order*, and say where it goes from there, if anywhere."""
    value = order.value + revision.effect.total
    names = [item.unique_id for item in named_items(order)]
    order.original_items = order.original_items or named_items(order)
    order.items, order.shopper = revision.items, revision.shopper
    order.adjustment += value - order.value
    for package in order.packages:
        _reindex(package, names, [item.unique_id for item in order.items])
    # What is left may be invoiced already; then nothing else would move the order on.
    return "invoice" if _is_invoiced(order) and order.status in _BY_SELLER else None


def named_items(order: Order) -> tuple[Item, ...]:
    """Return the lines of *order*, each with its name."""
    return tuple(
        replace(item, unique_id=order.unique_id(index))
        for index, item in enumerate(order.items)
    )


def lose_added(order: Order, effect: ChangeEffect) -> None:
    """Let no invoice find the lines that a change put into *order*."""
    added = {line.unique_id for op in effect.operations for line in op.added}
    lost = added - {item.unique_id for item in order.original_items}
    order.items = tuple(
        replace(item, packable=False) if item.unique_id in lost else item
        for item in order.items
    )


def share(order: Order, twin: Order) -> None:
    """Let *twin* have the changes that *order* had."""
    twin.items, twin.adjustment = order.items, order.adjustment
    twin.shopper, twin.original_items = order.shopper, order.original_items
    twin.registered_changes = list(order.registered_changes)
    twin.change_requests = [replace(request) for request in order.change_requests]
    for package in twin.packages:
        same = order.package(package.invoice_number)
        if same is not None:
            package.items = same.items


def _statuses(order: Order) -> frozenset[str]:
    if order.flow == "chain":
        return frozenset()
    return _BY_MARKETPLACE if order.flow == "marketplace" else _BY_SELLER


def _is_invoiced(order: Order) -> bool:
    return 0 < order.invoiced_value >= order.value


def _reindex(package: Package, before: Sequence[str], after: Sequence[str]) -> None:
    package.items = tuple(
        replace(packed, item_index=after.index(before[packed.item_index]))
        for packed in package.items
    )
