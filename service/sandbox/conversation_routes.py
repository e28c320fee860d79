"""The log of an order, and the mails that its shopper got."""

from datetime import datetime
from typing import Final

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json
from service.sandbox.bodies import Text
from service.sandbox.calls import Call
from service.sandbox.clock import moment
from service.sandbox.endpoint import Endpoint
from service.sandbox.mailroom import Mailroom, conversation_document
from service.sandbox.oms import Oms
from service.sandbox.orders import Interaction, Order
from service.sandbox.rules import Effect
from service.sandbox.shapes import JsonObject

_ORDER: Final = "/api/oms/pvt/orders/{orderId}"


class NewInteraction(BaseModel):
    """A line for the log of an order."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    source: Text
    message: Text


def add_interaction(line: NewInteraction, *, by: str) -> Call:
    """Add a line to the log of an order."""

    def apply(order: Order, at: datetime) -> Effect:
        added = Interaction(source=line.source, message=line.message, by=by, at=at)
        order.interactions = (*order.interactions, added)
        return Effect(detail={"source": line.source})

    return Call("interaction", apply)


class ConversationRoutes:
    """Add to the log, read it, read the mails."""

    def __init__(self, oms: Oms, mailroom: Mailroom) -> None:
        self._oms = oms
        self._mailroom = mailroom

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path=f"{_ORDER}/interactions",
                handler=self._add,
                summary="Add interaction",
                tag="Orders",
                vtex="Add log in orders",
                rule="A line for the order's timeline, with the appKey that added it.",
                body=NewInteraction,
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path=f"{_ORDER}/interactions",
                handler=self._log,
                summary="List interactions",
                tag="Orders",
                rule="The order's timeline, oldest first.",
                answer=list[JsonObject],
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path=f"{_ORDER}/conversation-message",
                handler=self._conversation,
                summary="List conversation messages",
                tag="Conversation",
                vtex="Retrieve order conversation",
                rule="One mail each when the order is placed, paid, invoiced, shipped "
                "and canceled; none for a seller's order.",
                answer=list[JsonObject],
                errors=(404,),
            ),
        ]

    async def _add(self, request: web.Request) -> web.Response:
        """Add a line to the order's log."""
        caller = request[CALLER]
        line = await read_json(NewInteraction, request)
        call = add_interaction(line, by=caller.name)
        self._oms.carry_out(caller, request.match_info["orderId"], call)
        return web.Response()

    async def _log(self, request: web.Request) -> web.Response:
        """Show the order's log."""
        order = self._order(request)
        return answer(
            [
                {
                    "orderId": order.order_id,
                    "source": line.source,
                    "message": line.message,
                    "user": line.by,
                    "date": moment(line.at),
                }
                for line in order.interactions
            ]
        )

    async def _conversation(self, request: web.Request) -> web.Response:
        """Show the mails about the order."""
        order = self._order(request)
        mails = self._mailroom.mails(order)
        return answer([conversation_document(order, mail) for mail in mails])

    def _order(self, request: web.Request) -> Order:
        account = request[CALLER].account
        return self._oms.order(account, request.match_info["orderId"])
