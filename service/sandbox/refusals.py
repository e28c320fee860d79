"""Why the OMS does not do what it is asked, grouped as its callers tell them apart."""

from collections.abc import Mapping

from service.errors import RejectedError


class RefusedError(RejectedError):
    """The OMS does not do this."""

    code = "1"


class UnauthorizedError(RefusedError):
    """Send the appKey and the appToken of an account of this sandbox."""


class OrderUnknownError(RefusedError):
    """This account has no such order."""

    code = "OMS007"


class NotReadyForHandlingError(RefusedError):
    """Handling starts from ready-for-handling alone."""

    code = "OMS003"


class NotAllowedError(RefusedError):
    """The order's status does not allow this."""


class WorkflowBrokenError(RefusedError):
    """The order's workflow broke down; only VTEX's support can mend it."""


class InvoiceUnknownError(RefusedError):
    """The order has no invoice with this number."""


class PaymentUnknownError(RefusedError):
    """The order has no payment with this id."""


class RecordUnknownError(RefusedError):
    """VTEX DO has no note or task with this id."""


class InvoiceUnusableError(RefusedError):
    """Nothing can be done with an invoice whose number has a space."""


class InvalidBodyError(RefusedError):
    """The request does not have what this operation needs."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(
            "; ".join(f"{name}: {fault}" for name, fault in faults.items())
        )
        self.faults = dict(faults)


class CartUnknownError(RefusedError):
    """This account has no such cart."""

    code = "ORD002"


class CartEmptyError(RefusedError):
    """Nothing is bought with an empty cart."""

    code = "ORD005"


class FeedUnknownError(RefusedError):
    """This appKey has no feed; configure one."""


class HookUnknownError(RefusedError):
    """This appKey has no hook; configure one."""


class FaultUnknownError(RefusedError):
    """There is no fault of this number; see GET /sandbox/faults."""


class ExpressionError(RefusedError):
    """The expression is not JSONata, or fails on the document."""


class MixedFilterError(RefusedError):
    """A filter goes by status or by expression, not by both."""
