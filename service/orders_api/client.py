"""The client: all operations of the Orders API, for one account."""

import aiohttp

from service.config import Account
from service.orders_api.feed import FeedOperations
from service.orders_api.gate import Gate
from service.orders_api.invoices import InvoiceOperations
from service.orders_api.orders import OrderOperations
from service.orders_api.transport import TIMEOUT, Transport


class OrdersApi(OrderOperations, InvoiceOperations, FeedOperations):
    """VTEX's Orders API for one account.

    Every method sends one request through the account's *gate*, which all rooms of a
    process share, and sends it exactly once; what it raises is an `OrdersApiError`
    whose subclass says what to do next.
    """

    def __init__(
        self,
        account: Account,
        session: aiohttp.ClientSession,
        *,
        gate: Gate,
        timeout: float = TIMEOUT,
    ) -> None:
        self.account = account.name
        self.gate = gate
        self._transport = Transport(account, session, gate=gate, timeout=timeout)
