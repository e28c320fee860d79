"""Known issues of VTEX's OMS that strike an order on its way, and what they do to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from service.sandbox.faults import Faults
from service.sandbox.flow import CANCEL, CANCELED, DECIDING, PATHS
from service.sandbox.orders import Order

LATE_REASON: Final = timedelta(seconds=8)
"""How long a cancelled order's reason is missing, at any speed."""

_STUCK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "on-order-completed": "KI-1218615",
        "on-order-completed-ffm": "KI-1218615",
        "payment-pending": "KI-1031035",
        "start-handling": "KI-1218606",
        "cancellation-request-denied-ffm": "KI-1004978",
    }
)
_ON_PLACING: Final = (
    "KI-360783",
    "KI-680500",
    "KI-575219",
    "KI-269104",
    "KI-1330069",
    "KI-1350336",
)


class Mishaps:
    """Asks *faults* at each point where one of them is known to strike."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def strikes(self, fault: str, order: Order) -> bool:
        return self._faults.strikes(
            fault, account=order.account, order_id=order.order_id
        )

    def mark(self, order: Order) -> None:
        """Decide what the document of a new order will show wrong."""
        order.flaws.update(flaw for flaw in _ON_PLACING if self.strikes(flaw, order))

    def enter(self, order: Order) -> None:
        """Let go wrong what goes wrong as *order* comes into its status."""
        order.flaws.discard("KI-680919")
        passes_on = order.status in PATHS[order.flow]
        if passes_on and self.strikes("KI-680919", order):
            order.flaws.add("KI-680919")
        if order.status == CANCEL and self.strikes("KI-792650", order):
            order.flaws.add("KI-792650")
        if (
            order.status == CANCELED
            and order.cancellation is not None
            and self.strikes("KI-1249934", order)
        ):
            order.cancellation = replace(order.cancellation, by="system")

    def is_stuck(self, order: Order, twin: Order | None) -> bool:
        """Say whether *order* stays where it is, though it should go on."""
        fault = _STUCK.get(order.status) or self._stuck_at_an_end(order, twin)
        if fault == "KI-1004978" and not _asked_by_itself(twin):
            return False
        if fault is None or not self.strikes(fault, order):
            return False
        order.in_error = fault in {"KI-1218606", "KI-1004978"}
        return True

    def _stuck_at_an_end(self, order: Order, twin: Order | None) -> str | None:
        if order.status == CANCEL:
            if order.fate.fails:
                return "KI-1089344"
            return "KI-1198719" if order.flow == "seller" and twin else None
        if order.status == "invoice" and order.flow != "seller":
            return "KI-376646" if order.invoiced_value == order.value else None
        return None

    def relapses(self, order: Order) -> bool:
        """Say whether *order* is cancelled once more."""
        return (
            order.status == CANCELED
            and "KI-1242813" not in order.flaws
            and self.strikes("KI-1242813", order)
        )

    def keeps_from(self, order: Order, to: str) -> bool:
        """Say whether *order* does not hear from its twin that it should go *to*."""
        if to == "invoice" and order.status == "payment-approved":
            return order.invoiced_value == order.value and self._sticks(
                "KI-1372902", order
            )
        if to == "payment-approved" and order.status in {"request-cancel", DECIDING}:
            crossed = order.invoiced_value > 0 and self.strikes("KI-1400005", order)
            order.in_error = order.in_error or crossed
            return crossed
        return False

    def _sticks(self, fault: str, order: Order) -> bool:
        if fault not in order.flaws and self.strikes(fault, order):
            order.flaws.add(fault)
        return fault in order.flaws


def _asked_by_itself(twin: Order | None) -> bool:
    return twin is None or twin.status not in {"request-cancel", DECIDING}
