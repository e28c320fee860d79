"""The client: all operations of the Orders API, for one account."""

from collections.abc import Mapping
from copy import copy
from typing import Self

import aiohttp

from service.config import Account
from service.orders_api.answer import Answer, Operation
from service.orders_api.bodies import Body
from service.orders_api.change_seller import ChangeSellerOperations
from service.orders_api.conversation import ConversationOperations
from service.orders_api.expressions import ExpressionOperations
from service.orders_api.feed import FeedOperations
from service.orders_api.feed_v2 import OldFeedOperations
from service.orders_api.gate import Gate, Urgency
from service.orders_api.hook import HookOperations
from service.orders_api.invoices import InvoiceOperations
from service.orders_api.listing import ListOperations
from service.orders_api.modifications import ModificationOperations
from service.orders_api.orders import OrderOperations
from service.orders_api.payment import PaymentOperations
from service.orders_api.question import Query
from service.orders_api.transport import Transport
from service.orders_api.users import UserOperations
from service.orders_api.wire import TIMEOUT


class OrdersApi(
    OrderOperations,
    ListOperations,
    UserOperations,
    InvoiceOperations,
    ModificationOperations,
    ConversationOperations,
    PaymentOperations,
    ChangeSellerOperations,
    FeedOperations,
    OldFeedOperations,
    HookOperations,
    ExpressionOperations,
):
    """VTEX's Orders API for one account.

    Every method sends one request through the account's *gate*, which all rooms of a
    process share, and sends it exactly once; what it raises is an `OrdersApiError`
    whose subclass says what to do next, or an `UnavailableError` where the gate has no
    turn for it and nothing was sent.
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

    async def send(
        self,
        operation: Operation,
        *,
        path: Mapping[str, str],
        query: Query,
        body: Body | None,
    ) -> Answer:
        """Send one that is known by its declaration only, and return its answer.

        Raises:
            OrdersApiError: Its subclass says what to do next.
        """
        return await self._transport.send(operation, path=path, query=query, body=body)

    def at(self, urgency: Urgency) -> Self:
        """Return the same client, for requests of *urgency*."""
        client = copy(self)
        client.gate = self.gate.at(urgency)
        client._transport = self._transport.through(client.gate)  # noqa: SLF001 - of this class
        return client
