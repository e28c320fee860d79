"""What is asked for by REST: endpoints that turn requests into commands."""

from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from typing import Final

from aiohttp import web
from pydantic import BaseModel

from service.domain.commands import OrderCommand
from service.errors import OrderNotFoundError
from service.eventlog.records import StreamKey
from service.ingest.bodies import (
    CancellationBody,
    CourierUpdateBody,
    InvoiceBody,
    TrackingNumberBody,
)
from service.ingest.commands import Commands, Outcome, Sent
from service.ingest.erasure import Eraser
from service.web import CALLER, Endpoint, json_response

IDEMPOTENCY_KEY: Final = "Idempotency-Key"

_ORDER = "/v1/orders/{account}/{order_id}"
_LONGEST_KEY = 255


class CommandRoutes:
    """The endpoints that change an order of one of *accounts*."""

    def __init__(self, commands: Commands, *, accounts: Collection[str]) -> None:
        self._commands = commands
        self._accounts = accounts

    def endpoints(self) -> list[Endpoint]:
        return [
            _endpoint(
                "invoices",
                self._issue_invoice,
                body=InvoiceBody,
                summary="Issue an invoice for all or part of an order, or for a return",
            ),
            _endpoint(
                "invoices/{number}/tracking-number",
                self._assign_tracking_number,
                body=TrackingNumberBody,
                summary="Give the package of an invoice its tracking number",
            ),
            _endpoint(
                "courier-updates",
                self._report_courier_update,
                body=CourierUpdateBody,
                summary="Tell where a package is, with its whole way so far",
            ),
            _endpoint(
                "cancellation",
                self._request_cancellation,
                body=CancellationBody,
                summary="Ask for an order to be cancelled",
            ),
        ]

    async def _issue_invoice(
        self, request: web.Request, body: InvoiceBody
    ) -> web.Response:
        return await self._carry_out(request, body, body.command())

    async def _assign_tracking_number(
        self, request: web.Request, body: TrackingNumberBody
    ) -> web.Response:
        command = body.command(request.match_info["number"])
        return await self._carry_out(request, body, command)

    async def _report_courier_update(
        self, request: web.Request, body: CourierUpdateBody
    ) -> web.Response:
        return await self._carry_out(request, body, body.command())

    async def _request_cancellation(
        self, request: web.Request, body: CancellationBody
    ) -> web.Response:
        return await self._carry_out(request, body, body.command())

    async def _carry_out(
        self, request: web.Request, body: BaseModel, command: OrderCommand
    ) -> web.Response:
        sent = Sent(
            stream=self._followed(request),
            command=command,
            operation=request.path,
            body=body,
            idempotency_key=_idempotency_key(request),
            actor=request.get(CALLER),
        )
        outcome, followed = await self._commands.carry_out(sent)
        status = HTTPStatus.ACCEPTED if followed else HTTPStatus.OK
        return json_response(outcome, status=status)

    def _followed(self, request: web.Request) -> StreamKey:
        stream = _stream(request)
        if stream.account not in self._accounts:
            raise OrderNotFoundError
        return stream


def erasure_endpoint(eraser: Eraser) -> Endpoint:
    """Return the endpoint that erases personal data, whosever account it is."""

    async def erase(request: web.Request) -> web.Response:
        """Done when it answers, and for good; harmless to repeat."""
        stream = _stream(request)
        actor = request.get(CALLER)
        erased = await eraser.erase(stream, source="api", actor=actor)
        return json_response(
            Outcome(
                account=stream.account,
                order_id=stream.order_id,
                version=erased.version,
            )
        )

    return Endpoint(
        method="DELETE",
        path=f"{_ORDER}/customer",
        handler=erase,
        summary="Erase the personal data of an order",
        answer=Outcome,
        errors=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )


def _stream(request: web.Request) -> StreamKey:
    stream = StreamKey(request.match_info["account"], request.match_info["order_id"])
    # PostgreSQL has no NUL, so no order has one.
    if not all(part.isprintable() for part in stream):
        raise OrderNotFoundError
    return stream


def _endpoint(
    path: str,
    handler: Callable[..., Awaitable[web.StreamResponse]],
    *,
    body: type[BaseModel],
    summary: str,
) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"{_ORDER}/{path}",
        handler=handler,
        summary=summary,
        body=body,
        answer=Outcome,
        status=HTTPStatus.ACCEPTED,
        errors=(
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
        headers=(IDEMPOTENCY_KEY,),
    )


def _idempotency_key(request: web.Request) -> str | None:
    """Return the key, with or without the quotes that its draft standard wants."""
    sent = request.headers.get(IDEMPOTENCY_KEY)
    if sent is None:
        return None
    key = sent.strip().removeprefix('"').removesuffix('"')
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable():
        raise web.HTTPBadRequest(
            text=f"{IDEMPOTENCY_KEY} takes 1 to {_LONGEST_KEY} printable characters."
        )
    return key
