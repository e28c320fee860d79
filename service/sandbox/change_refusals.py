"""Why an order is not changed."""

from service.sandbox.refusals import RefusedError


class ChangeRefusedError(RefusedError):
    """The order cannot be changed like this."""

    def __init__(self, message: str, *, code: str = RefusedError.code) -> None:
        super().__init__(message)
        self.code = code


class ChangedItemUnknownError(ChangeRefusedError):
    """Neither the order nor the catalogue has this item."""


class ChangeUnknownError(ChangeRefusedError):
    """The order has no change with this id."""


class ChangeInProgressError(ChangeRefusedError):
    """The change before has not come to an end."""
