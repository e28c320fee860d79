"""The registry: every operation of the Orders API, as declared beside its method."""

from typing import Final

from service.orders_api import (
    change_seller,
    conversation,
    expressions,
    feed,
    hook,
    invoices,
    listing,
    modifications,
    orders,
    payment,
    users,
)
from service.orders_api.answer import Operation

_MODULES: Final = (
    orders,
    listing,
    users,
    invoices,
    modifications,
    conversation,
    payment,
    change_seller,
    feed,
    hook,
    expressions,
)

OPERATIONS: Final = tuple(
    declared
    for module in _MODULES
    for declared in vars(module).values()
    if isinstance(declared, Operation)
)
